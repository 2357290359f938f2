"""The list of runs as lines: which columns there is room for, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from trainui.domain.states import UNFINISHED, Status
from trainui.store.run_lines import RunLine
from trainui.text import SYMBOLS, harmless, state
from trainui.tui.figures import elapsed, progress_bar, state_style, when
from trainui.tui.spans import Row, Span, fit

if TYPE_CHECKING:
    from trainui.tui.endings_ahead import Ending

STATE, PROGRESS, ELAPSED, WHEN = 13, 7, 8, 6
BAR = 10
GAP = 2
"""Cells of the columns, and between two of them."""

Ordering = tuple[str, Callable[[RunLine], object]]
"""The heading of the column that it sorts by, and the key of a run."""

_STATE_ORDER = (
    Status.RUNNING,
    Status.QUEUED,
    Status.FAILED,
    Status.INTERRUPTED,
    Status.CANCELLED,
    Status.COMPLETED,
)

ORDERINGS: tuple[Ordering, ...] = (
    ("WHEN", lambda run: (-run.created_at, run.id)),
    ("STATE", lambda run: (_STATE_ORDER.index(run.status), -run.created_at)),
    ("NAME", lambda run: (run.name.casefold(), -run.created_at)),
    ("ELAPSED", lambda run: (-(duration(run) or 0), -run.created_at)),
)
"""What `s` goes through."""


def duration(run: RunLine) -> int | None:
    """Return how long a run took in microseconds, as far as it is known without a clock."""
    if run.started_at is None:
        return None
    if run.completed_at is None:
        return 2**62 - run.started_at  # of those that run, the oldest has run longest
    return run.completed_at - run.started_at


def matches(run: RunLine, words: Sequence[str]) -> bool:
    """Whether each word, in lower case, is in a run's name, pipeline, id, state or stages."""
    text = " ".join((run.name, run.pipeline, run.id, run.status, *run.current, *run.failed))
    folded = text.casefold()
    return all(word in folded for word in words)


class Columns:
    """The columns for one width of the list."""

    def __init__(self, width: int) -> None:
        """Give each column its cells."""
        self.width = width
        self.bar = BAR if width >= 110 else 0
        progress = self.bar + 1 + PROGRESS if self.bar else PROGRESS
        fixed = STATE + progress + ELAPSED + WHEN + 5 * GAP + 2
        self.pipeline = 16 if width >= 120 else 0
        flexible = max(width - fixed - (self.pipeline + GAP if self.pipeline else 0), 20)
        self.name = flexible * 11 // 20
        self.current = flexible - self.name

    def heading(self, ordering: str) -> Row:
        """Return the line above the list, the column marked by which it is sorted."""

        def marked(name: str) -> str:
            return f"{name}▾" if name == ordering else name

        cells = [
            fit(" " + marked("STATE"), STATE + 1),
            fit(marked("NAME"), self.name),
            *([fit("PIPELINE", self.pipeline)] if self.pipeline else []),
            fit("STAGES", self.bar + 1 + PROGRESS if self.bar else PROGRESS),
            fit("STAGE", self.current),
            fit(marked("ELAPSED"), ELAPSED, right=True),
            fit(marked("WHEN"), WHEN, right=True),
        ]
        return (Span((" " * GAP).join(cells), "dim"),)

    def row(self, run: RunLine, now: int, ending: Ending | None = None) -> Row:
        """Return a run's line.

        Args:
            run: the run.
            now: the time, in microseconds, for what runs.
            ending: when it will have ended, as far as earlier runs tell.
        """
        gap = Span(" " * GAP)
        cells: list[Span] = [
            Span(" " + fit(state(run.status), STATE), state_style(run.status)),
            gap,
            Span(fit(_name(run), self.name), "strong" if run.status in UNFINISHED else ""),
            gap,
        ]
        if self.pipeline:
            cells += [Span(fit(_pipeline(run), self.pipeline), "dim"), gap]
        cells += [
            *self._progress(run),
            gap,
            self._current(run, f" {ending.words(now)} to go" if ending else ""),
            gap,
        ]
        spent = elapsed(run.started_at, run.completed_at, now)
        cells += [Span(fit(spent, ELAPSED, right=True)), gap]
        return (*cells, Span(fit(when(run.created_at), WHEN, right=True), "dim"))

    def _progress(self, run: RunLine) -> list[Span]:
        count = fit(f"{run.done}/{run.total}", PROGRESS)
        if not self.bar:
            return [Span(count)]
        full, empty = progress_bar(run.done, run.total, self.bar)
        return [Span(full, state_style(run.status)), Span(empty, "line"), Span(" " + count)]

    def _current(self, run: RunLine, to_go: str) -> Span:
        if run.current:
            if len(to_go) > self.current // 2:
                to_go = to_go.removesuffix(" to go")
            room = self.current - len(to_go)
            return Span(fit(_listed(run.current, room), room) + to_go, "accent")
        if run.failed and run.status != Status.COMPLETED:
            listed = f"{SYMBOLS[run.status]} " + _listed(run.failed, self.current - 2)
            return Span(fit(listed, self.current), "dim")
        return Span(" " * self.current)


def _name(run: RunLine) -> str:
    name = harmless(run.name)
    return f"{name}  priority {run.priority:+d}" if run.priority else name


def _pipeline(run: RunLine) -> str:
    return harmless(run.pipeline) if run.pipeline != run.name else ""


def _listed(names: Sequence[str], width: int) -> str:
    """Return the first name, and how many there are besides, where they do not all fit."""
    everything = ", ".join(harmless(name) for name in names)
    if len(names) == 1 or len(everything) <= width:
        return everything
    rest = f" +{len(names) - 1}"
    return fit(harmless(names[0]), max(width - len(rest), 1)).rstrip() + rest
