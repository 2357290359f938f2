"""Line styles of a plot: colour, dashes and a mark, so that lines differ without colour."""

from __future__ import annotations

from typing import NamedTuple

from trainui.braille import NO_DOTS, DotRange
from trainui.tui.styles import CURVES


class LineStyle(NamedTuple):
    """Colour, dashes and mark of a line."""

    style: str
    dash: tuple[int, ...]
    """Columns of dots that are drawn and left out in turn; empty: a solid line."""
    mark: str
    sample: str
    """A piece of the line, for the legend."""

    def dashed(self, runs: list[DotRange]) -> list[DotRange]:
        """Apply the dashes to the dots of a line."""
        if not self.dash:
            return runs
        pattern = [at % 2 == 0 for at, count in enumerate(self.dash) for _ in range(count)]
        return [run if pattern[at % len(pattern)] else NO_DOTS for at, run in enumerate(runs)]


_DASHES = (((), "━━"), ((8, 4), "╺━"), ((3, 3), "╍╍"), ((8, 3, 2, 3), "━╍"))
_MARKS = "●▲■◆▼★○△□◇▽☆"


def line_style(index: int) -> LineStyle:
    """Return the style of the line with this index among all comparable lines."""
    dash, sample = _DASHES[index % len(_DASHES)]
    return LineStyle(f"curve-{index % CURVES + 1}", dash, _MARKS[index % len(_MARKS)], sample)
