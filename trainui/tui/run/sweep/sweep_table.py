"""A folded sweep as a table: its members' states, differing parameters and headline metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import overload

from rich.cells import cell_len

from trainui.domain.records import StageRecord
from trainui.text import SYMBOLS
from trainui.tui.data.run_page import MatrixDetail
from trainui.tui.graph.nodes import RANKS, counts
from trainui.tui.render.numbers import exact_step, number, state_style
from trainui.tui.render.styled_text import Row, Segment, cut, packed, width_of
from trainui.tui.run.header import trouble
from trainui.tui.run.sweep.folded_rows import folded_rows, params_of
from trainui.tui.run.sweep.member_columns import MOST_TITLE, TIME, VALUE, MemberColumns, state_word
from trainui.tui.run.sweep.search_rows import search_rows

MOST_PARAM, STATE, LABEL = 16, 11, 10
"""Widths of the columns, and of the labels above the table, in characters."""

LEAST_REASON = 12
"""Characters below which a line does not say why a trial was pruned or failed."""

NO_METRIC = MatrixDetail("", None, {})
"""The values of a sweep without metrics."""


class SweepTable:
    """The part of a sweep's table that does not change: parameters and column widths."""

    def __init__(self, members: Sequence[StageRecord]) -> None:
        self.params = {one.name: params_of(one.definition.member_values) for one in members}
        texts = [*self.params.values()]
        names = dict.fromkeys(name for own in texts for name in own)
        found = {name: {own.get(name) for own in texts} for name in names}
        self.same = {name: texts[0].get(name, "") for name in names if len(found[name]) == 1}
        """The parameters with one common value."""
        self.widths = {
            name: min(max(cell_len(one or "") for one in (name, *some)), MOST_PARAM)
            for name, some in found.items()
            if len(some) > 1
        }
        """The widths of the parameters that differ."""

    @property
    def width(self) -> int:
        """The most characters that a line may need: parameters, time, metric and state."""
        params = sum(width + 2 for width in self.widths.values())
        return 2 + params + TIME + 2 + MOST_TITLE + 2 + STATE


class SweepRows(Sequence[Row]):
    """The lines of a sweep, rendered lazily because there may be thousands of members."""

    def __init__(
        self,
        members: Sequence[StageRecord],
        group: MatrixDetail | None,
        *,
        width: int,
        table: SweepTable | None = None,
        foot: Sequence[Row] = (),
        alerts: Mapping[str, str] | None = None,
    ) -> None:
        """Render the heading; `table` may be reused, `foot` are lines below the members."""
        group = group or NO_METRIC
        self._table = table if table is not None else SweepTable(members)
        self._group, self._width, self._foot = group, width, foot
        self._ordered, self._alerts = _ordered(members, group), alerts or {}
        trials = group.search.trials.values() if group.search is not None else ()
        title = group.column if group.metric else ""
        value = max(VALUE, min(cell_len(title), MOST_TITLE)) if title else 0
        word = max(map(cell_len, {*map(state_word, members), *self._alerts.values()}), default=0)
        self._columns = MemberColumns.fitting(
            *(self._table.widths, value, width),
            steps=any(one.step is not None for one in trials),
            word=word,
        )
        with_nan = [one for one in members if one.name in group.nan_since]
        word = max([word, *(cell_len(self._words(one)[0]) for one in with_nan)])
        self._columns = self._columns.with_others(group.others, width - word - 2)
        self._head = self._heading(members)

    def _heading(self, members: Sequence[StageRecord]) -> list[Row]:
        table, group, width = self._table, self._group, self._width - 1
        rows: list[Row] = packed(_states(members, self._alerts, group), width)
        if table.same:
            shared = (Segment(f"{key}={value}  ") for key, value in table.same.items())
            rows += packed((Segment("all have  ", "dim"), *shared), width, LABEL)
        if group.metric:
            best = next(iter(group.best_first(members)), self._ordered[0])
            rows += packed(_best(best, table.params[best.name], table.widths, group), width, LABEL)
            rows += search_rows(group, width)
        rows += folded_rows(members, group if group.metric else None, width)
        head = self._columns.head(group.column if group.metric else "")
        return [*rows, (), cut(head, self._width)]

    def __len__(self) -> int:
        return len(self._head) + len(self._ordered) + len(self._foot)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index < len(self._head):
            return self._head[index]
        place = index - len(self._head)
        if place < len(self._ordered):
            return _whole(self._member(place), self._width)
        return self._foot[place - len(self._ordered)]

    def _member(self, place: int) -> Row:
        stage, group = self._ordered[place], self._group
        leads = place == 0 and group.lower is not None and group.may_lead(stage)
        params = self._table.params[stage.name]
        rows = [
            self._columns.row(stage, params, group, word, leads=leads)
            for word in self._words(stage)
        ]
        return next((row for row in rows if width_of(row) <= self._width), rows[-1])

    def _words(self, stage: StageRecord) -> list[str]:
        """Return the words of a member's state and alert, the longest first."""
        is_broken = stage.name in self._group.broken
        alert = self._alerts.get(stage.name, "NaN" if is_broken else "")
        since = self._group.nan_since.get(stage.name)
        alerts = [alert] if since is None else [f"{alert} since {exact_step(since)}", alert]
        return [f"{state_word(stage)} {one}".strip() for one in alerts]


def _whole(row: Row, width: int) -> Row:
    """Cut the reason, the last segment, of a line that is too wide; else drop the state's word."""
    if width_of(row) <= width:
        return row
    *short, _word, _why = row
    if width - width_of(row[:-1]) >= LEAST_REASON:
        return cut(row, width)
    return row[:-1] if width_of(row[:-1]) <= width else cut(tuple(short), width)


def _ordered(members: Sequence[StageRecord], group: MatrixDetail) -> list[StageRecord]:
    """Return the members with a value, the best first, and then the others by state."""
    known = group.in_order(members)
    names = {one.name for one in known}
    rest = [one for one in members if one.name not in names]
    return [*known, *sorted(rest, key=lambda one: RANKS[one.status])]


def _states(members: Sequence[StageRecord], alerts: Mapping[str, str], group: MatrixDetail) -> Row:
    """Return how many members are in each state, stalled, or have alerts, and the first NaN."""
    spans = [
        Segment(f"{SYMBOLS[status]} {count} {status}  ", state_style(status))
        for status, count in counts(members)
    ]
    own = {one.name: alerts[one.name] for one in members if one.name in alerts}
    found = [one._replace(text=f"{one.text.strip()}  ") for one in trouble(members, own)]
    if group.nan_since:
        words = " since" if len(group.nan_since) == 1 else ", first at"
        since = f"NaN{words} step {exact_step(min(group.nan_since.values()))}  "
        found = [one._replace(text=one.text.replace("NaN  ", since)) for one in found]
    return (*spans, Segment(f"of {len(members)}  ", "dim"), *found)


def _best(
    stage: StageRecord, params: Mapping[str, str], differing: Iterable[str], group: MatrixDetail
) -> Row:
    if group.lower is None or stage.name not in group.values or not group.may_lead(stage):
        which_value = Segment(f" ({'last' if group.lower is None else 'best'} value)", "dim")
        return (Segment("metric    ", "dim"), Segment(group.metric), which_value)
    which = (Segment(f"{key}={params.get(key, '')}  ", "strong") for key in differing)
    value = Segment(f"{group.metric} {number(group.values[stage.name])}  ", "good")
    step = "" if group.best_step is None else f"at step {exact_step(group.best_step)}  "
    return (Segment("best      ", "dim"), value, *which, Segment(step, "dim"))
