"""The warnings about the installation: which there are, and the line that shows the worst one.

Each says what is wrong and what to do. A warning that was hidden by the key stays hidden until it
has gone and comes again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from trainui.execution.processes import NO_WORKER
from trainui.text import harmless
from trainui.tui.line_view import LinesView
from trainui.tui.snapshot import Health
from trainui.tui.styled_text import Row, Segment, cut_end, text_rows, width_of

MOST_LINES = 3
"""The most lines of a warning, and of what is wrong; on a wide terminal it has one. The remedy is
always whole."""


LEAST_WORDS = 24
"""Characters of what is wrong that always stay."""


class HealthWarning(NamedTuple):
    """Something wrong with the installation."""

    key: str
    """Identifies it while its numbers change."""
    words: str
    remedy: str


def of_health(
    health: Health, *, external: Collection[bool], is_starting: bool
) -> Sequence[HealthWarning]:
    """Return the warnings, the worst first.

    `external` has True if an external run is unfinished, and False if another one is; without any,
    a missing worker is no trouble. `is_starting`: the worker was just asked to start.
    """
    return tuple(_warnings(health, external, is_starting))


def _warnings(
    health: Health, external: Collection[bool], is_starting: bool
) -> Iterator[HealthWarning]:
    trouble = "" if health.trouble == NO_WORKER and is_starting else health.trouble
    if health.low_disk is not None:
        yield HealthWarning("disk", health.low_disk, "`trainui prune` deletes old runs")
    losses = health.lost.stages.values()
    if (lost := min(losses, key=lambda one: one.is_elsewhere, default=None)) is not None:
        remedy = "" if lost.is_elsewhere else "resume the run to continue from its checkpoints"
        yield HealthWarning("lost", lost.words, remedy)
    elif trouble and (external or trouble != NO_WORKER):
        effect = "nothing new is read" if external and all(external) else "nothing new starts"
        yield HealthWarning(trouble, f"{trouble}: {effect}", health.remedy)
    if health.reader:
        yield HealthWarning("reader", f"{health.reader}: curves stand still", "nothing is lost")
    if health.broker_restart and not trouble:
        yield HealthWarning(health.broker_restart, health.broker_restart, "nothing to do")
    for problem in health.away:
        yield HealthWarning(problem, problem, "")


class WarningBar(LinesView, can_focus=False):
    """The line above the keys; it takes no room without a warning."""

    DEFAULT_CSS = """
    WarningBar { height: 1; overflow: hidden; display: none; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="warning")
        self.shown: HealthWarning | None = None
        self._rows: Sequence[Row] = ()
        self._after = ""
        self._key = ""

    def show_warnings(self, warnings: Sequence[HealthWarning], key: str) -> None:
        """Show the first warning, the number of further ones, and the key that hides it."""
        self.shown, self._key = next(iter(warnings), None), key
        self._after = f"  and {len(warnings) - 1} more" if len(warnings) > 1 else ""
        self.display = self.shown is not None
        self.on_resize()

    def on_resize(self) -> None:
        """Wrap the words for the width."""
        width = self.app.size.width
        self._rows = () if self.shown is None else self._wrapped(self.shown, width)
        lines = max(len(self._rows), 1)
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines
        self.update_rows()

    def _wrapped(self, warning: HealthWarning, width: int) -> Sequence[Row]:
        key = Segment(self._key, "key")
        hint = (Segment(f"{self._after}  ", "dim"), key, Segment(" hides ", "dim"))
        room = max(width - width_of(hint) - 1, 20)
        words, remedy = (
            harmless(text.replace("`", "")) for text in (warning.words, warning.remedy)
        )
        after = f"; {remedy}" if remedy else ""
        rows = text_rows(f"▲ {words}{after}", room, "warn", " ")
        while len(rows) > MOST_LINES and cell_len(words) > LEAST_WORDS:
            words = cut_end(words, cell_len(words) - 2)
            rows = text_rows(f"▲ {words}{after}", room, "warn", " ")
        return [(*rows[0], *hint), *rows[1:]]

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self._rows)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self._rows[index]
