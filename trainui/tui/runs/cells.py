"""The cells of the list of runs: each renders one column of a run's line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from trainui.domain.states import UNFINISHED, Status
from trainui.store.read.run_list import RunDetails, RunLine, RunTrouble
from trainui.text import SYMBOLS, TROUBLE, harmless, state, verdict
from trainui.tui.data.snapshot import NOTHING
from trainui.tui.render.numbers import elapsed, number, progress_bar, spark, state_style, when
from trainui.tui.render.styled_text import ELLIPSIS, Segment, cut, fit, fit_middle, width_of
from trainui.tui.runs.column_stats import EXTERNAL
from trainui.tui.runs.params import shown_params

if TYPE_CHECKING:
    from trainui.tui.data.eta import Eta
    from trainui.tui.data.snapshot import RunLive

LEAST_MEMBER = 10
"""Least width of the name of a sweep's best member, in the metric's column."""

LEAST_STAGE = 3
"""Least width of a running stage's name beside the remaining time."""

VALUE = 8
"""Width of a metric's value with a space, in its column."""

WORST = {"failed": "bad", "nan": "bad", "stalled": "warn", "alert": "warn"}
"""The style of each kind of trouble, the worst first."""


class RowContext(NamedTuple):
    """The data that a line shows besides the run's record."""

    now: int
    endings: Mapping[str, Eta] = NOTHING
    """By run id, the estimated ends."""
    live: Mapping[str, RunLive] = NOTHING
    """By run id, the data that is read of visible runs only."""
    details: Mapping[str, RunDetails] = NOTHING
    """By run id, what the second lines show."""


Cells = Callable[[RunLine, RowContext, int], list[Segment]]
"""Renders a run's cell: takes the run, the context and the width; may return less, never more."""


def state_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the state, in the colour of the run's worst trouble."""
    worst = next((style for kind, style in WORST.items() if kind in run.trouble.kinds), "")
    style = worst if run.status in UNFINISHED else ""
    return [Segment(fit(state(run.status), cells), style or state_style(run.status))]


def name_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the name, the mark of an external run and the priority."""
    style = "strong" if run.status in UNFINISHED else ""
    marks = [Segment(EXTERNAL, "dim")] if run.is_external else []
    marks += [Segment(f" {run.priority:+d}", "warn")] if run.priority else []
    room = cells - sum(len(mark.text) for mark in marks)
    name = harmless(run.name)
    return [Segment(fit_middle(name, room) or " ", style), *marks]


def pipeline_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the pipeline, if the run has another name."""
    return [Segment(fit(harmless(run.pipeline), cells), "dim")] if run.pipeline != run.name else []


def verdict_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the user's verdict on the run."""
    return [Segment(fit(verdict(run.verdict), cells), "dim" if run.verdict == "discard" else "key")]


def param_cells(name: str) -> Cells:
    """Return what renders a parameter."""

    def cells_of(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
        return [Segment(fit(shown_params(run).get(name, ""), cells))]

    return cells_of


def count_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the number of stages that are done, e.g. `2/5`."""
    return [Segment(fit(f"{run.done}/{run.total}", cells))]


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


def run_trouble_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return what is wrong in a run."""
    return trouble_cells(run.trouble, cells)


def bar_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the progress bar: completed stages, and the progress of a running one."""
    live = moment.live.get(run.id)
    part = live.progress if live is not None and run.status == Status.RUNNING else 0.0
    full, empty = progress_bar(run.done + part, run.total, cells)
    return [Segment(full, state_style(run.status)), Segment(empty, "line")]


def current_cells(run: RunLine, _moment: RowContext, cells: int) -> list[Segment]:
    """Return the running stages, else those that ended without completing."""
    if run.current:
        return [Segment(listed(run.current, cells), "accent")]
    if run.failed and run.status != Status.COMPLETED:
        return [Segment(f"{SYMBOLS[run.status]} {listed(run.failed, cells - 2)}", "dim")]
    return []


def with_to_go(found: list[Segment], run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Append the remaining time to the stage's name, if it has no column."""
    ending = moment.endings.get(run.id)
    if ending is None or not run.current:
        return found
    words = f" {ending.words(moment.now)}"
    if cells - len(words) < LEAST_STAGE:
        return found
    return [Segment(listed(run.current, cells - len(words)), "accent"), Segment(words, "dim")]


def step_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the steps of the running stage."""
    live = moment.live.get(run.id)
    return [] if live is None else [Segment(fit(live.steps, cells, right=True), "dim")]


def metric_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the headline metric's name and its value."""
    live = moment.live.get(run.id)
    if live is None or live.metric is None:
        return []
    value = number(live.value)
    room = max(cells - VALUE, 1)
    name = fit(fit_middle(live.title, room), room)
    style = "bad" if live.broken else "" if run.status in UNFINISHED else "dim"
    return [Segment(f"{name} ", "dim"), Segment(fit(value, 7, right=True), style)]


def value_cells(title: str) -> Cells:
    """Return what renders the value of the metric that the column is named after."""

    def cells_of(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
        live, value = moment.live.get(run.id), metric_cells(run, moment, 0)[1:]
        if live is None or not value:
            return []
        room = cells - VALUE
        if live.title != title:
            own = fit_middle(_shorter(live.title, title, room), room)
            return [*value, Segment(f" {own}", "dim")] if room > 0 else value
        if live.member and room >= LEAST_MEMBER:
            name = fit_middle(live.member, room)
            value += [Segment(f" {name}", "dim")]
            room -= cell_len(name) + 1
        return [*value, Segment(" "), *spark_cells(run, moment, room)] if room > 1 else value

    return cells_of


def _shorter(own: str, title: str, room: int) -> str:
    """Return a metric's title; if too wide without the column's word, then its last part alone."""
    name, _, word = own.rpartition(" ")
    if cell_len(own) <= room or not title.endswith(f" {word}"):
        return own
    last = f"{ELLIPSIS}{name[name.rfind('/') :]}"
    return last if "/" in name and cell_len(last) <= room < cell_len(name) else name


def spark_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the sparkline of the headline metric."""
    live = moment.live.get(run.id)
    if live is None:
        return []
    return [Segment(spark(live.values, cells), "curve-1" if run.status in UNFINISHED else "dim")]


def gpus_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the indices of the GPUs in use."""
    live = moment.live.get(run.id)
    return [] if live is None else [Segment(fit(",".join(map(str, live.gpus)), cells), "good")]


def elapsed_cells(run: RunLine, moment: RowContext, _cells: int) -> list[Segment]:
    """Return how long the run has taken."""
    return [Segment(elapsed(run.started_at, run.completed_at, moment.now))]


def to_go_cells(run: RunLine, moment: RowContext, cells: int) -> list[Segment]:
    """Return the estimated remaining time; a stalled run without one says so."""
    ending = moment.endings.get(run.id)
    if ending is None:
        return [Segment("stalled", "warn")] if run.trouble.stalled else []
    return [Segment(fit(ending.words(moment.now).replace("over ", ">"), cells, right=True))]


def when_cells(run: RunLine, _moment: RowContext, _cells: int) -> list[Segment]:
    """Return when the run was created."""
    return [Segment(when(run.created_at), "dim")]


def listed(names: Sequence[str], width: int) -> str:
    """Return the names; if they do not fit, the first one and the number of the others."""
    everything = ", ".join(harmless(name) for name in names[:width])  # there may be 10,000
    if len(names) == 1 or (len(names) <= width and cell_len(everything) <= width):
        return fit(everything, width)
    rest = f" +{len(names) - 1}"
    return fit(fit(harmless(names[0]), max(width - len(rest), 1)).rstrip() + rest, width)
