"""The cells of the list of runs: each renders one column of a run's line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from trainui.domain.states import UNFINISHED, Status
from trainui.store.read.run_list import RunDetails, RunLine, RunTrouble
from trainui.text import SYMBOLS, TROUBLE, harmless, state
from trainui.tui.data.run_page import NOTHING
from trainui.tui.data.snapshot import RunLive
from trainui.tui.render.numbers import number, progress_bar, spark, state_style
from trainui.tui.render.styled_text import ELLIPSIS, Segment, cut, fit, fit_middle, width_of
from trainui.tui.runs.column_stats import EXTERNAL

if TYPE_CHECKING:
    from trainui.tui.data.eta import Eta

VALUE, LEAST_MEMBER, LEAST_STAGE = 8, 10, 3
"""Width of a metric's value with a space; the least of the best member's name beside it, and of a
running stage's name beside the remaining time."""

WORST = {"failed": "bad", "nan": "bad", "stalled": "warn", "alert": "warn"}
"""The style of each kind of trouble, the worst first."""


NOT_LIVE = RunLive()


class RowData(NamedTuple):
    """A run with the other data that its line shows."""

    run: RunLine
    now: int
    live: RunLive
    ending: Eta | None


class RowContext(NamedTuple):
    """The data that lines show besides the runs' records, by run id."""

    now: int
    endings: Mapping[str, Eta] = NOTHING
    live: Mapping[str, RunLive] = NOTHING
    details: Mapping[str, RunDetails] = NOTHING
    """What the second lines show."""

    def of(self, run: RunLine) -> RowData:
        """Return what a run's line shows."""
        live = self.live.get(run.id, NOT_LIVE)
        return RowData(run, self.now, live, self.endings.get(run.id))


Cells = Callable[[RowData, int], Sequence[Segment]]
"""Renders a run's cell: takes what its line shows and the width, to which the result is cut."""


def state_cells(row: RowData, _cells: int) -> list[Segment]:
    """Return the state, in the colour of the run's worst trouble."""
    run = row.run
    worst = next((style for kind, style in WORST.items() if kind in run.trouble.kinds), "")
    worst = worst if run.lost is None else "warn"
    style = worst if run.status in UNFINISHED else ""
    word = state(run.status, is_lost=run.lost is not None)
    return [Segment(word, style or state_style(run.status))]


def name_cells(row: RowData, cells: int) -> list[Segment]:
    """Return the name, the mark of an external run and the priority."""
    run = row.run
    marks = [Segment(EXTERNAL, "dim")] if run.is_external else []
    marks += [Segment(f" {run.priority:+d}", "warn")] if run.priority else []
    name = fit_middle(harmless(run.name), cells - sum(len(mark.text) for mark in marks))
    return [Segment(name or " ", "strong" if run.status in UNFINISHED else ""), *marks]


def trouble_cells(trouble: RunTrouble, cells: int) -> list[Segment]:
    """Return the counts of what is wrong, each in its colour.

    Where the words are too wide they go, last those of kinds with the same symbol.
    """
    found = [(WORST[kind], *TROUBLE[kind], getattr(trouble, kind)) for kind in trouble.kinds]
    symbols = [symbol for _, symbol, _, _ in found]
    repeated = {one for one in symbols if symbols.count(one) > 1}
    for gap, worded in (("  ", set(symbols)), (" ", repeated), (" ", set())):
        spans: list[Segment] = []
        for style, symbol, word, count in found:
            text = f"{symbol}{count} {word}" if symbol in worded else f"{symbol}{count}"
            spans += [Segment(gap), Segment(text, style)]
        if width_of(tuple(spans[1:])) <= cells:
            break
    return list(cut(tuple(spans[1:]), cells))


def bar_cells(row: RowData, cells: int) -> list[Segment]:
    """Return the progress bar: completed stages, and the progress of a running one."""
    run = row.run
    part = row.live.progress if run.status == Status.RUNNING else 0.0
    full, empty = progress_bar(run.done + part, run.total, cells)
    return [Segment(full, state_style(run.status)), Segment(empty, "line")]


def stage_cells(row: RowData, cells: int, *, to_go: bool = False) -> list[Segment]:
    """Return the running stages, with the time `to_go`, else those that ended uncompleted."""
    run, words = row.run, ""
    if run.current:
        if to_go and row.ending is not None:
            words = f" {row.ending.words(row.now)}"
        words = words if cells - len(words) >= LEAST_STAGE else ""
        return [Segment(listed(run.current, cells - len(words)), "accent"), Segment(words, "dim")]
    if run.failed and run.status != Status.COMPLETED:
        return [Segment(f"{SYMBOLS[run.status]} {listed(run.failed, cells - 2)}", "dim")]
    return []


def _value(row: RowData) -> Segment:
    """Return the headline metric's value."""
    style = "bad" if row.live.broken else "" if row.run.status in UNFINISHED else "dim"
    return Segment(fit(number(row.live.value), VALUE - 1, right=True), style)


def metric_cells(row: RowData, cells: int) -> list[Segment]:
    """Return the headline metric's name and its value."""
    if row.live.metric is None:
        return []
    room = max(cells - VALUE, 1)
    return [Segment(f"{fit(fit_middle(row.live.title, room), room)} ", "dim"), _value(row)]


def value_cells(title: str) -> Cells:
    """Return what renders the value of the metric that the column is named after."""

    def cells_of(row: RowData, cells: int) -> list[Segment]:
        live, room = row.live, cells - VALUE
        if live.metric is None or room <= 0:
            return [] if live.metric is None else [_value(row)]
        if live.title != title:
            own = fit_middle(_shorter(live.title, title, room), room)
            return [_value(row), Segment(f" {own}", "dim")]
        name = f" {fit_middle(live.member, room)}" if live.member and room >= LEAST_MEMBER else ""
        room -= cell_len(name)
        found = [_value(row), Segment(name, "dim")]
        return [*found, Segment(" "), spark_cell(row, room)] if room > 1 else found

    return cells_of


def _shorter(own: str, title: str, room: int) -> str:
    """Return a metric's title; if too wide without the column's word, then its last part alone."""
    name, _, word = own.rpartition(" ")
    if cell_len(own) <= room or not title.endswith(f" {word}"):
        return own
    last = f"{ELLIPSIS}{name[name.rfind('/') :]}"
    return last if "/" in name and cell_len(last) <= room < cell_len(name) else name


def spark_cell(row: RowData, cells: int) -> Segment:
    """Return the sparkline of the headline metric."""
    return Segment(
        spark(row.live.values, cells), "curve-1" if row.run.status in UNFINISHED else "dim"
    )


def to_go_cells(row: RowData, _cells: int) -> list[Segment]:
    """Return the estimated remaining time; a stalled run without one says so."""
    if row.ending is None:
        return [Segment("stalled", "warn")] if row.run.trouble.stalled else []
    return [Segment(row.ending.words(row.now).replace("over ", ">"))]


def listed(names: Sequence[str], width: int) -> str:
    """Return the names; if they do not fit, the first one and the number of the others."""
    everything = ", ".join(harmless(name) for name in names[:width])  # there may be 10,000
    if len(names) == 1 or (len(names) <= width and cell_len(everything) <= width):
        return fit(everything, width)
    rest = f" +{len(names) - 1}"
    return fit(fit(harmless(names[0]), max(width - len(rest), 1)).rstrip() + rest, width)
