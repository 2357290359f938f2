"""The list of runs as lines of text: the columns and their contents, at any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from trainui.domain.states import Status
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.text import SYMBOLS, harmless, verdict
from trainui.tui.render.numbers import number, state_style
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle
from trainui.tui.runs import cells as render
from trainui.tui.runs.cells import LEAST_MEMBER, Cells, RowContext
from trainui.tui.runs.column_stats import ColumnStats
from trainui.tui.runs.params import shown_params

NARROW = 100
"""Width of the list below which columns are separated by one space and not by two."""

EDGES = 2
"""Empty characters at both ends of a line together."""

BAR = 10

TROUBLE = "TROUBLE"
"""Title of the column with what is wrong."""

WORDS = 40
"""Width up to which a run's trouble in words takes precedence over less important columns."""

COMFORTABLE = 20
"""Width of a name or a stage that takes precedence over columns of rank `LITTLE` and above."""

LEAST_NAME = 12
"""Width to which names are cut before other columns go."""

SHORT_NAME = 16
"""Width up to which no name is cut."""

WITH_NAMES, LONG_NAME = 160, 60
"""Width of the list from which a name takes precedence up to this width."""

LITTLE = 4

MOST_PARAM = 16
"""Width of a parameter that takes precedence: of a sweep it has a range, e.g. `1.92e-5..0.0716`."""

FEW_STAGES = 48
"""Width of the names of running stages up to which they take precedence over a sparkline."""

SPARK = 20
"""Most width of a sparkline."""

OF_SOME = 5
"""Rank of a parameter that has one value, and that runs of other pipelines do not have."""


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
    """Width up to which it takes precedence, if its rank is 2 or less."""
    whole: int = 0
    """Width at which its text is whole, if that is less than the most; 0: the most."""

    @property
    def comfortable(self) -> int:
        """The width that it should have before less important columns are shown."""
        return max(min(self.most, self.comfort), self.least) if self.rank <= 2 else self.least


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

        The column that the list is sorted by gets an arrow; `values` returns the values that it is
        sorted by, unless another column has them.
        """
        self.width, self.ordering = width, ordering
        self.facts = facts or ColumnStats()
        self.gap = 1 if width < NARROW else 2
        comfort = LONG_NAME if width >= WITH_NAMES else COMFORTABLE
        columns = [
            _with_room_for_mark(column) if column.title == ordering else column
            for column in _with_values(_columns(self.facts, comfort), ordering, values)
        ]
        self._shown = _laid_out(columns, width, self.gap)
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
        others = shown_params(run).items()
        facts = [(self._metric_text(run, moment), ""), (stage, state_style(details.status))]
        if run.status in (Status.FAILED, Status.INTERRUPTED):
            facts.reverse()
        texts = (
            (run.name if is_cut else "", ""),
            (run.id[:8], "dim"),
            *facts,
            (", ".join(run.current) if len(run.current) > 1 and not stage else "", "accent"),
            (verdict(run.verdict) if "VERDICT" not in widths else "", "key"),
            (f"“{run.note}”" if run.note else "", "key"),
            ("  ".join(f"{name}={value}" for name, value in others if name not in widths), "dim"),
        )
        shown = [Segment(f"{harmless(text)}  ", style) for text, style in texts if text]
        indent = " " * (self._shown[0][1] + self.gap)
        mark = Segment("▌", "key") if marked else Segment(" ")
        return cut((mark, Segment(indent), *shown), self.width)

    def _metric_text(self, run: RunLine, moment: RowContext) -> str:
        """Return the metric if no column shows it, and the sweep's best member if none names it."""
        live = moment.live.get(run.id)
        if live is None or live.metric is None:
            return ""
        widths = {column.title: cells for column, cells in self._shown}
        title = self.facts.metric_name
        width = widths.get(title or "METRIC")
        if width is None:
            return f"{live.title} {number(live.value)} {live.member}".rstrip()
        is_named = live.title == title and width >= render.VALUE + LEAST_MEMBER
        return "" if is_named or not live.member else f"{live.title} {live.member}"

    def row(self, run: RunLine, moment: RowContext, *, marked: bool = False) -> Row:
        """Return a run's line."""
        spans: list[Segment] = [Segment("▌", "key") if marked else Segment(" ")]
        gap = Segment(" " * self.gap)
        to_go = "TO GO" in self.titles
        for column, cells in self._shown:
            found = column.cells(run, moment, cells)
            if column.title == "STAGE" and not to_go:
                found = render.with_to_go(found, run, moment, cells)
            blank = Segment(" " * max(cells - sum(cell_len(span.text) for span in found), 0))
            spans += [blank, *found, gap] if column.right else [*found, blank, gap]
        return tuple(spans[:-1]) if self._fits else cut(tuple(spans[:-1]), self.width)


def _columns(facts: ColumnStats, comfort: int) -> Iterator[RunColumn]:
    """Yield all columns for which these runs have data, from left to right.

    A name up to the width of `comfort` takes precedence.
    """
    count = max(facts.count, len("STAGES"))
    yield RunColumn("STATE", 13, 13, render.state_cells)
    least = max(facts.name, 6) if facts.name <= SHORT_NAME else LEAST_NAME
    most = max(facts.name, LEAST_NAME)
    yield RunColumn("NAME", least, most, render.name_cells, comfort=comfort)
    if facts.pipeline:
        yield RunColumn("PIPELINE", 8, max(facts.pipeline, 8), render.pipeline_cells, 7)
    yield from _param_columns(facts)
    if facts.verdict:
        yield RunColumn("VERDICT", 9, 9, render.verdict_cells, 1)
    yield RunColumn("STAGES", count, count, render.count_cells)
    if facts.trouble:
        brief, words = max(facts.trouble_brief, 7), max(facts.trouble, 7)
        yield RunColumn(TROUBLE, brief, words, render.run_trouble_cells, comfort=WORDS)
    yield RunColumn("", BAR, BAR, render.bar_cells, 6)
    if facts.current:
        most = max(facts.current, 10)
        yield RunColumn("STAGE", 8, most, render.current_cells, whole=min(most, FEW_STAGES))
    if facts.step and facts.metric:
        yield RunColumn("STEP", facts.step, facts.step, render.step_cells, 5, True)
    if facts.metric_name:
        name, cells = facts.metric_name, render.value_cells(facts.metric_name)
        whole = max(render.VALUE + facts.member, cell_len(name) + 1)
        yield RunColumn(name, 10, whole + SPARK, cells, 2, comfort=14, whole=whole)
    elif facts.metric:
        least, most = min(facts.metric, 8) + 9, facts.metric + 9
        comfort = min(facts.metric, SHORT_NAME) + 9
        yield RunColumn("METRIC", least, most, render.metric_cells, 2, comfort=comfort)
        yield RunColumn("", 8, SPARK, render.spark_cells, 3)
    if facts.gpus:
        yield RunColumn("GPUS", 4, max(facts.gpus, 4), render.gpus_cells, 4)
    yield RunColumn("ELAPSED", 8, 8, render.elapsed_cells, right=True)
    if facts.endings:
        yield RunColumn("TO GO", 8, 8, render.to_go_cells, 3, True)
    yield RunColumn("WHEN", 6, 6, render.when_cells, right=True)


def _param_columns(facts: ColumnStats) -> Iterator[RunColumn]:
    for at, name in enumerate(facts.params):
        values = facts.param_widths[name]
        width = max(min(len(name), 14), min(values, MOST_PARAM), 2)
        rank = 1 if at < facts.compared else OF_SOME
        most = max(cell_len(name), values, width)
        least = min(width, 8) if rank == 1 else width
        yield RunColumn(name, least, most, render.param_cells(name), rank, comfort=width)


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


def _laid_out(columns: Sequence[RunColumn], width: int, gap: int) -> list[tuple[RunColumn, int]]:
    """Choose the columns that fit, with their widths; words that do not fit get no room."""
    found = _shared_out(_fitting(columns, width, gap), width, gap)
    if not any(column.title == TROUBLE and cells < column.most for column, cells in found):
        return found
    brief = [one._replace(most=one.least) if one.title == TROUBLE else one for one in columns]
    return _shared_out(_fitting(brief, width, gap), width, gap)


def _fitting(columns: Sequence[RunColumn], width: int, gap: int) -> list[RunColumn]:
    kept = list(columns)
    while rank := max(column.rank for column in kept):
        cells = [column.comfortable if rank >= LITTLE else column.least for column in kept]
        if EDGES + sum(cells) + gap * (len(cells) - 1) <= width:
            break
        last = max(at for at, column in enumerate(kept) if column.rank == rank)
        del kept[last]
    return kept


def _shared_out(columns: Sequence[RunColumn], width: int, gap: int) -> list[tuple[RunColumn, int]]:
    """Distribute the width over the columns; the rest stays empty at the right.

    Once all columns are comfortable, the name is made whole, then the others.
    """
    cells = [column.least for column in columns]
    comfortable = [column.comfortable for column in columns]
    most = [column.most for column in columns]
    whole = [column.whole or column.most for column in columns]
    named = [most[at] if one.title == "NAME" else cells[at] for at, one in enumerate(columns)]
    left = width - EDGES - sum(cells) - gap * (len(cells) - 1)
    for target in (comfortable, named, whole, most):
        # the column that needs least first, so that a long one shortens no other
        for at in sorted(range(len(cells)), key=lambda at: target[at] - cells[at]):
            given = min(max(target[at] - cells[at], 0), max(left, 0))
            cells[at] += given
            left -= given
    return list(zip(columns, cells, strict=True))
