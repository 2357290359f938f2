"""How a line of a plot is told from the others: by colour, by dashes, and by a mark."""

from __future__ import annotations

from typing import NamedTuple

from trainui.tui.curves.scales import NOTHING, DotRange
from trainui.tui.styles import CURVES


class LineStyle(NamedTuple):
    """What a line is drawn with."""

    style: str
    dash: tuple[int, ...]
    """Columns of dots that are drawn and left out in turn; none: all are drawn."""
    mark: str
    sample: str
    """A piece of the line for the legend."""

    def dashed(self, runs: list[DotRange]) -> list[DotRange]:
        """Return the runs of a line with its gaps."""
        if not self.dash:
            return runs
        pattern = [at % 2 == 0 for at, count in enumerate(self.dash) for _ in range(count)]
        return [run if pattern[at % len(pattern)] else NOTHING for at, run in enumerate(runs)]


_DASHES = (((), "━━"), ((8, 4), "╺━"), ((3, 3), "╍╍"), ((8, 3, 2, 3), "━╍"))
_MARKS = "●▲■◆▼★○△□◇▽☆"


def pen(index: int) -> LineStyle:
    """Return the pen of the line with a place among all that could be compared."""
    dash, sample = _DASHES[index % len(_DASHES)]
    return LineStyle(f"curve-{index % CURVES + 1}", dash, _MARKS[index % len(_MARKS)], sample)
