"""A folded matrix as lines: how its members stand, what differs between them, and which is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.pipeline.masking import mask
from trainui.text import SYMBOLS, harmless
from trainui.tui.figures import elapsed, number, state_style
from trainui.tui.graph_nodes import TELLING, counts
from trainui.tui.snapshots import Group
from trainui.tui.spans import Row, Span, cut, fit, fit_middle, packed, width_of

TIME, VALUE, MOST_PARAM = 8, 10, 16
"""Cells of the columns."""


def group_rows(
    members: Sequence[StageRecord], group: Group | None, *, now: int, width: int
) -> list[Row]:
    """Return the lines of a matrix.

    Args:
        members: its stages, in the file's order.
        group: their headline metric; None: there is none.
        now: the time, in microseconds, for what runs.
        width: cells.
    """
    params = {one.name: _params(one) for one in members}
    differing, same = _keys(list(params.values()))
    ordered = _ordered(members, group)
    rows: list[Row] = packed(_states(members), width)
    if same:
        shared = (Span(f"{key}={value}  ") for key, value in same.items())
        rows += packed((Span("all have  ", "dim"), *shared), width)
    if group is not None:
        rows += packed(_best(ordered[0], params[ordered[0].name], differing, group), width)
    columns = _Columns(
        {key: _width(key, [own.get(key, "") for own in params.values()]) for key in differing},
        max(VALUE, min(cell_len(group.metric), MOST_PARAM)) if group is not None else 0,
    )
    rows += [(), columns.head(group.metric if group is not None else "")]
    for place, stage in enumerate(ordered):
        value = group.values.get(stage.name) if group is not None else None
        leads = place == 0 and group is not None and group.lower is not None
        rows.append(columns.row(stage, params[stage.name], value, now, leads=leads))
    return [_whole(row, width) for row in rows]


def _whole(row: Row, width: int) -> Row:
    """Return a line without its last piece, the word for the state, where that has no room."""
    return row if width_of(row) <= width else cut(row[:-1] or row, width)


class _Columns(NamedTuple):
    """How wide the columns of the members are."""

    params: Mapping[str, int]
    value: int
    """0: there is no metric."""

    def head(self, metric: str) -> Row:
        """Return the names of the columns."""
        names = (f"{_fitted(key, width)}  " for key, width in self.params.items())
        value = fit(fit_middle(metric, self.value), self.value + 2, right=True)
        line = f"  {''.join(names)}{fit('time', TIME, right=True)}{value if self.value else ''}"
        return (Span(line, "dim"),)

    def row(
        self,
        stage: StageRecord,
        params: Mapping[str, str],
        value: float | None,
        now: int,
        *,
        leads: bool,
    ) -> Row:
        """Return the line of a member."""
        texts = (f"{_fitted(params.get(key, ''), width)}  " for key, width in self.params.items())
        spent = elapsed(stage.started_at, stage.completed_at, now) if stage.attempt else ""
        shown = "" if value is None else number(value)
        style = state_style(stage.status)
        return (
            Span(f"{SYMBOLS[stage.status]} ", style),
            Span("".join(texts), "strong"),
            Span(fit(spent, TIME, right=True), "dim"),
            Span(fit(shown, self.value + 2 if self.value else 0, right=True), "good" * leads),
            Span("" if stage.status in _PLAIN else f"  {stage.status}", style),
        )


_PLAIN = (Status.COMPLETED, Status.PENDING)
"""States that their symbol tells well enough."""


def _fitted(text: str, width: int) -> str:
    return fit(fit_middle(text, width), width)


def _params(stage: StageRecord) -> dict[str, str]:
    matrix = mask(stage.definition.matrix or {})
    return {harmless(key): harmless(str(value)) for key, value in matrix.items()}


def _keys(all_params: Sequence[Mapping[str, str]]) -> tuple[list[str], dict[str, str]]:
    """Return the names of what differs, and what all have the same value of."""
    names = dict.fromkeys(name for params in all_params for name in params)
    same = {n: all_params[0].get(n, "") for n in names if len({p.get(n) for p in all_params}) == 1}
    return [name for name in names if name not in same], same


def _ordered(members: Sequence[StageRecord], group: Group | None) -> list[StageRecord]:
    """Return the best first where that can be told, then those without a value."""
    known = group.best_first(members) if group is not None else []
    names = {one.name for one in known}
    rest = [one for one in members if one.name not in names]
    return [*known, *sorted(rest, key=lambda one: TELLING.index(one.status))]


def _states(members: Sequence[StageRecord]) -> Row:
    spans = [
        Span(f"{SYMBOLS[status]} {count} {status}  ", state_style(status))
        for status, count in counts(members)
    ]
    return (*spans, Span(f"of {len(members)}", "dim"))


def _best(
    stage: StageRecord, params: Mapping[str, str], differing: Sequence[str], group: Group
) -> Row:
    if stage.name not in group.values or group.lower is None:
        return (Span("metric    ", "dim"), Span(group.metric), Span(", its last value", "dim"))
    which = (Span(f"{key}={params.get(key, '')}  ", "strong") for key in differing)
    value = Span(f"{group.metric} {number(group.values[stage.name])}  ", "good")
    return (Span("best      ", "dim"), value, *which)


def _width(name: str, values: Sequence[str]) -> int:
    return min(max(cell_len(text) for text in (name, *values)), MOST_PARAM)
