"""The list of runs as lines of text: the columns and their contents, at any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from trainui.domain.states import UNFINISHED, Status
from trainui.store.read.run_details import RunDetails
from trainui.store.read.run_list import RunLine, RunTrouble
from trainui.text import SYMBOLS, TROUBLE, harmless, state
from trainui.tui.render.numbers import elapsed, number, progress_bar, spark, state_style, when
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle
from trainui.tui.runs.column_stats import EXTERNAL, ColumnStats, shown_value
from trainui.tui.runs.filter import params_of

if TYPE_CHECKING:
    from trainui.tui.data.eta import Eta
    from trainui.tui.data.snapshot import RunLive

NARROW = 100
"""Width of the list below which columns are separated by one space and not by two."""

EDGES = 2
"""Empty characters at both ends of a line together."""

BAR = 10

WORDS = 40
"""Width up to which a run's trouble in words takes precedence over less important columns."""

LEAST_MEMBER, MOST_MEMBER = 10, 30
"""Least and most width of the name of a sweep's best member, in the metric's column."""

WORST = {"failed": "bad", "nan": "bad", "stalled": "warn", "alert": "warn"}
"""The style of each kind of trouble, the worst first."""

COMFORTABLE = 20
"""Width of a name or a stage that takes precedence over columns of rank `LITTLE` and above."""

LITTLE = 4

OF_SOME = 5
"""Rank of a parameter that has one value, which some runs do not have."""


@dataclass(frozen=True, slots=True)
class RowContext:
    """The data that a line shows besides the run's record."""

    now: int
    endings: Mapping[str, Eta] = field(default_factory=dict)
    """By run id, the estimated ends."""
    live: Mapping[str, RunLive] = field(default_factory=dict)
    """By run id, the data that is read of visible runs only."""
    details: Mapping[str, RunDetails] = field(default_factory=dict)
    """By run id, what the second lines show."""


Cells = Callable[[RunLine, RowContext, int], list[Segment]]
"""Renders a run's cell: takes the run, the context and the width; may return less, never more."""

SortValues = Callable[[], Mapping[str, float]]
"""Returns values by run id, as read so far."""


class RunColumn(NamedTuple):
    """A column of the list."""

    title: str
    least: int
    most: int
    cells: Cells
    rank: int = 0
    """0: always shown; the others are dropped from the highest rank down."""
    right: bool = False
    comfort: int = COMFORTABLE
    """Width up to which it takes precedence, if its rank is 0 or 1."""

    @property
    def comfortable(self) -> int:
        """The width that it should have before less important columns are shown."""
        return max(min(self.most, self.comfort), self.least) if self.rank < 2 else self.least


class RunColumns:
    """The columns for one width of the list."""

    def __init__(
        self,
        width: int,
        facts: ColumnStats | None = None,
        ordering: str = "",
        values: SortValues | None = None,
    ) -> None:
        """Choose the columns that fit, and determine their widths.

        Args:
            width: of the list, in characters.
            facts: the statistics of the listed runs; None: the defaults.
            ordering: title of the column that the list is sorted by; it gets an arrow.
            values: returns the values that the list is sorted by; None: another column has them.
        """
        self.width, self.ordering = width, ordering
        self.facts = facts or ColumnStats()
        self.gap = 1 if width < NARROW else 2
        columns = (
            _with_room_for_mark(column) if column.title == ordering else column
            for column in _with_values(_columns(self.facts), ordering, values)
        )
        self._shown = _shared_out(_fitting(columns, width, self.gap), width, self.gap)
        used = EDGES + sum(cells for _, cells in self._shown) + self.gap * (len(self._shown) - 1)
        self._fits = used <= width

    @property
    def titles(self) -> list[str]:
        """Titles of the shown columns, from left to right."""
        return [column.title for column, _ in self._shown]

    def title_at(self, x: int) -> str:
        """Return the title of the column at a character; empty if there is none."""
        at = 1
        for column, cells in self._shown:
            at += cells + self.gap
            if x < at:
                return column.title
        return ""

    def heading(self, *, reverse: bool = False) -> Row:
        """Return the heading, with an arrow at the sorted column."""
        arrow = "▴" if reverse else "▾"
        parts: list[str] = []
        for column, cells in self._shown:
            mark = arrow if column.title == self.ordering else ""
            title = fit_middle(column.title, cells - len(mark)) + mark
            parts.append(fit(title, cells, right=column.right))
        return cut((Segment(" " + (" " * self.gap).join(parts), "dim"),), self.width)

    def second_row(self, run: RunLine, moment: RowContext, *, marked: bool = False) -> Row:
        """Return a run's second line: its id, what went wrong, its note, and what does not fit."""
        widths = {column.title: cells for column, cells in self._shown}
        is_cut = cell_len(harmless(run.name)) > widths["NAME"]
        details = moment.details.get(run.id, RunDetails())
        reason = f": {details.reason}" if details.reason else ""
        stage = f"{SYMBOLS[details.status]} {details.stage}{reason}" if details.stage else ""
        others = params_of(run.params_json).items()
        texts = (
            (run.name if is_cut else "", ""),
            (run.id[:8], "dim"),
            (stage, state_style(details.status)),
            (", ".join(run.current) if len(run.current) > 1 and not stage else "", "accent"),
            (f"“{details.note}”" if details.note else "", "key"),
            ("  ".join(f"{name}={value}" for name, value in others if name not in widths), "dim"),
        )
        shown = [Segment(f"{harmless(text)}  ", style) for text, style in texts if text]
        indent = " " * (self._shown[0][1] + self.gap)
        mark = Segment("▌", "key") if marked else Segment(" ")
        return cut((mark, Segment(indent), *shown), self.width)

    def row(self, run: RunLine, moment: RowContext, *, marked: bool = False) -> Row:
        """Return a run's line."""
        spans: list[Segment] = [Segment("▌", "key") if marked else Segment(" ")]
        gap = Segment(" " * self.gap)
        to_go = "TO GO" in self.titles
        for column, cells in self._shown:
            found = column.cells(run, moment, cells)
            if column.title == "STAGE" and not to_go:
                found = _with_to_go(found, run, moment, cells)
            blank = Segment(" " * max(cells - sum(cell_len(span.text) for span in found), 0))
            spans += [blank, *found, gap] if column.right else [*found, blank, gap]
        return tuple(spans[:-1]) if self._fits else cut(tuple(spans[:-1]), self.width)


def _columns(facts: ColumnStats) -> Iterator[RunColumn]:
    """Yield all columns for which these runs have data, from left to right."""
    count = max(facts.count, len("STAGES"))
    yield RunColumn("STATE", 13, 13, _state)
    yield RunColumn("NAME", min(max(facts.name, 6), 12), max(facts.name, 12), _name)
    if facts.pipeline:
        yield RunColumn("PIPELINE", 8, max(min(facts.pipeline, 20), 8), _pipeline, 7)
    for at, name in enumerate(facts.params):
        width = max(min(len(name), 14), min(facts.param_widths[name], 14), 2)
        rank = 1 if at < facts.compared else OF_SOME
        yield RunColumn(name, min(width, 8), width, _param(name), rank)
    yield RunColumn("STAGES", count, count, _count)
    if facts.trouble:
        brief, words = max(facts.trouble_brief, 7), max(facts.trouble, 7)
        yield RunColumn("TROUBLE", brief, words, _trouble, comfort=WORDS)
    yield RunColumn("", BAR, BAR, _bar, 6)
    if facts.current:
        yield RunColumn("STAGE", 10, max(facts.current, 10), _current)
    if facts.step and facts.metric:
        yield RunColumn("STEP", facts.step, facts.step, _step, 5, True)
    if facts.metric_name:
        member = min(facts.member, MOST_MEMBER)
        most = 28 + (member + 2 if member else 0)
        yield RunColumn(facts.metric_name, 14, most, _value(facts.metric_name), 2)
    elif facts.metric:
        yield RunColumn("METRIC", min(facts.metric, 8) + 9, min(facts.metric, 20) + 9, _metric, 2)
        yield RunColumn("", 8, 20, _spark, 3)
    if facts.gpus:
        yield RunColumn("GPUS", 4, max(facts.gpus, 4), _gpus, 4)
    yield RunColumn("ELAPSED", 8, 8, _elapsed, right=True)
    if facts.endings:
        yield RunColumn("TO GO", 8, 8, _to_go, 3, True)
    yield RunColumn("WHEN", 6, 6, _when, right=True)


def _with_values(
    columns: Iterable[RunColumn], title: str, values: SortValues | None
) -> Iterator[RunColumn]:
    """Add a column of values before the times."""
    for column in columns:
        if column.title == "ELAPSED" and values is not None:
            yield RunColumn(title, 10, max(10, min(cell_len(title) + 1, 24)), _of(values), 1, True)
        yield column


def _of(values: SortValues) -> Cells:
    def cells_of(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
        value = values().get(run.id)
        return [] if value is None else [Segment(fit(number(value), cells, right=True))]

    return cells_of


def _with_room_for_mark(column: RunColumn) -> RunColumn:
    least = max(column.least, min(cell_len(column.title), 14) + 1)
    rank = min(column.rank, 1)
    return column._replace(least=least, most=max(column.most, least), rank=rank)


def _fitting(columns: Iterator[RunColumn], width: int, gap: int) -> list[RunColumn]:
    kept = list(columns)
    while rank := max(column.rank for column in kept):
        cells = [column.comfortable if rank >= LITTLE else column.least for column in kept]
        if EDGES + sum(cells) + gap * (len(cells) - 1) <= width:
            break
        last = max(at for at, column in enumerate(kept) if column.rank == rank)
        del kept[last]
    return kept


def _shared_out(columns: Sequence[RunColumn], width: int, gap: int) -> list[tuple[RunColumn, int]]:
    """Distribute the width over the columns; the rest stays empty at the right."""
    cells = [column.least for column in columns]
    left = width - EDGES - sum(cells) - gap * (len(cells) - 1)
    for wish in ([column.comfortable for column in columns], [column.most for column in columns]):
        # the column that needs least first, so that a long name shortens no other column
        for at in sorted(range(len(cells)), key=lambda at: wish[at] - cells[at]):
            given = min(max(wish[at] - cells[at], 0), max(left, 0))
            cells[at] += given
            left -= given
    return list(zip(columns, cells, strict=True))


def _state(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    worst = next((style for kind, style in WORST.items() if kind in run.trouble.kinds), "")
    style = worst if run.status in UNFINISHED else ""
    return [Segment(fit(state(run.status), cells), style or state_style(run.status))]


def _name(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    style = "strong" if run.status in UNFINISHED else ""
    marks = [Segment(EXTERNAL, "dim")] if run.is_external else []
    marks += [Segment(f" {run.priority:+d}", "warn")] if run.priority else []
    room = cells - sum(len(mark.text) for mark in marks)
    name = harmless(run.name)
    return [Segment(fit(name, min(room, max(cell_len(name), 1))), style), *marks]


def _pipeline(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    return [Segment(fit(harmless(run.pipeline), cells), "dim")] if run.pipeline != run.name else []


def _param(name: str) -> Cells:
    def cells_of(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
        return [Segment(fit(shown_value(params_of(run.params_json).get(name, "")), cells))]

    return cells_of


def _count(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    return [Segment(fit(f"{run.done}/{run.total}", cells))]


def trouble_cells(trouble: RunTrouble, cells: int) -> list[Segment]:
    """Return the counts of what is wrong, each in its colour; without words if they are too wide.

    Args:
        trouble: the counts.
        cells: the width.
    """
    found = [(WORST[kind], *TROUBLE[kind], getattr(trouble, kind)) for kind in trouble.kinds]
    words = [(f"{symbol}{count} {word}", style) for style, symbol, word, count in found]
    brief = [(f"{symbol}{count}", style) for style, symbol, _, count in found]
    has_room = sum(len(text) + 2 for text, _ in words) - 2 <= cells
    spans: list[Segment] = []
    for text, style in words if has_room else brief:
        spans += [Segment("  " if has_room else " "), Segment(text, style)]
    return list(cut(tuple(spans[1:]), cells))


def _trouble(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    return trouble_cells(run.trouble, cells)


def _bar(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the progress bar: completed stages, and the progress of a running one."""
    live = moment.live.get(run.id)
    part = live.progress if live is not None and run.status == Status.RUNNING else 0.0
    full, empty = progress_bar(run.done + part, run.total, cells)
    return [Segment(full, state_style(run.status)), Segment(empty, "line")]


def _current(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    if run.current:
        return [Segment(listed(run.current, cells), "accent")]
    if run.failed and run.status != Status.COMPLETED:
        return [Segment(f"{SYMBOLS[run.status]} {listed(run.failed, cells - 2)}", "dim")]
    return []


def _with_to_go(
    found: list[Segment], run: RunLine, moment: RowContext, cells: int
) -> list[Segment]:
    """Append the remaining time to the stage's name, if it has no column."""
    ending = moment.endings.get(run.id)
    if ending is None or not run.current:
        return found
    words = f" {ending.words(moment.now)}"
    return [
        Segment(listed(run.current, max(cells - len(words), 1)), "accent"),
        Segment(words, "dim"),
    ]


def _step(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    live = moment.live.get(run.id)
    return [] if live is None else [Segment(fit(live.steps, cells, right=True), "dim")]


def _metric(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    live = moment.live.get(run.id)
    if live is None or live.metric is None:
        return []
    value = number(live.value)
    room = max(cells - 8, 1)
    name = fit(fit_middle(live.title, room), room)
    style = "bad" if live.broken else "" if run.status in UNFINISHED else "dim"
    return [Segment(f"{name} ", "dim"), Segment(fit(value, 7, right=True), style)]


def _value(title: str) -> Cells:
    def cells_of(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
        live, value = moment.live.get(run.id), _metric(run, moment, 0)[1:]
        if live is None or not value:
            return []
        room = cells - 8
        if live.title != title:
            own = fit_middle(live.title, room)
            return [*value, Segment(f" {own}", "dim")] if room > 0 else value
        if live.member and room >= LEAST_MEMBER:
            name = fit_middle(live.member, min(room, MOST_MEMBER))
            value += [Segment(f" {name}", "dim")]
            room -= cell_len(name) + 1
        return [*value, Segment(" "), *_spark(run, moment, room)] if room > 1 else value

    return cells_of


def _spark(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    live = moment.live.get(run.id)
    if live is None:
        return []
    return [Segment(spark(live.values, cells), "curve-1" if run.status in UNFINISHED else "dim")]


def _gpus(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    live = moment.live.get(run.id)
    return [] if live is None else [Segment(fit(",".join(map(str, live.gpus)), cells), "good")]


def _elapsed(run: RunLine, moment: RowContext, _cells: int) -> list[Segment]:
    return [Segment(elapsed(run.started_at, run.completed_at, moment.now))]


def _to_go(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    ending = moment.endings.get(run.id)
    if ending is None:
        return []
    return [Segment(fit(ending.words(moment.now).replace("over ", ">"), cells, right=True))]


def _when(run: RunLine, _moment: RowContext, _cells: int) -> list[Segment]:
    return [Segment(when(run.created_at), "dim")]


def listed(names: Sequence[str], width: int) -> str:
    """Return the names; if they do not fit, the first one and the number of the others."""
    everything = ", ".join(harmless(name) for name in names)
    if len(names) == 1 or cell_len(everything) <= width:
        return fit(everything, width)
    rest = f" +{len(names) - 1}"
    return fit(fit(harmless(names[0]), max(width - len(rest), 1)).rstrip() + rest, width)
