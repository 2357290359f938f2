"""Statistics over the listed runs that determine the columns: differing parameters, widths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from itertools import chain, islice
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trainui.store.read.run_list import RunLine
from trainui.text import harmless, trouble
from trainui.tui.snapshot.params import MOST_PARAMS, params_of, shown_params, varied_and_partial

if TYPE_CHECKING:
    from trainui.tui.snapshot.snapshot import ListedMetrics

MOST_LOOKED_AT, MOST_NAMES = 1000, 100
"""The most runs examined (a parameter that differs only among older ones gets no column), and the
most stages of a run whose names are measured."""

RECENT, RARE = 40, 8
"""The newest runs, of which one in so many must have a parameter for its column to take precedence
over names and metrics: added trainings of many kinds have each its own parameters."""

EXTERNAL = " ext"
"""The mark behind the name of an external run."""

STEP = 9
"""Width of steps, e.g. `1.2M/3.4M`."""


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """Widths of the columns in characters, and names of the optional ones."""

    widths: Counter[str] = field(default_factory=Counter)
    """By what `_WIDTHS` measures, and for the metric, its member, the GPUs and the estimates."""
    params: tuple[str, ...] = ()
    """Names of the parameters that differ."""
    compared: int = 0
    """How many of them, from the first one on, have several values, or differ between runs of one
    pipeline; the others have one value, and other pipelines do not have them, or are rare."""
    param_widths: Mapping[str, int] = field(default_factory=dict)
    metric_name: str = ""
    """The metric and the word for its value, if most listed runs have the same.

    Other values have their names beside them."""

    def grown(self, other: ColumnStats) -> ColumnStats:
        """Return the larger of both widths, so that columns do not shift while runs progress."""
        return replace(self, widths=self.widths | other.widths)


def facts_of(runs: Sequence[RunLine], newest: Sequence[RunLine] | None = None) -> ColumnStats:
    """Compute the statistics of the listed runs.

    `newest` are the same runs, the newest first, so that the choice and order of parameter columns
    do not depend on the sort order.
    """
    looked_at = list(islice(runs, MOST_LOOKED_AT))
    listed = list(islice(runs if newest is None else newest, MOST_LOOKED_AT))
    unlike = {(run.pipeline, run.params_json, run.sweeps_json): run for run in listed}
    of_pipelines: dict[str, list[Mapping[str, str]]] = {}
    for run in unlike.values():  # without values of sweeps, which may not have been read yet
        of_pipelines.setdefault(run.pipeline, []).append(params_of(run.params_json))
    shown = [shown_params(run) for run in unlike.values()]
    varied, partial = varied_and_partial(shown, of_pipelines.values())
    recent = [shown_params(run) for run in listed[:RECENT]]
    counts = Counter(chain.from_iterable(recent))
    common = [name for name in varied if counts[name] * RARE >= len(recent)]
    rare = [name for name in varied if counts[name] * RARE < len(recent)]
    names = (*common, *rare, *partial)[:MOST_PARAMS]
    looked_at += nlargest(1, runs, key=lambda run: len(run.name))  # or older names would be cut
    measured = {what: max(map(width, looked_at), default=0) for what, width in _WIDTHS.items()}
    param_widths = {name: max(cell_len(params.get(name, "")) for params in shown) for name in names}
    return ColumnStats(Counter(measured), names, len(common), param_widths)


def with_listed(facts: ColumnStats, listed: ListedMetrics, *, endings: bool) -> ColumnStats:
    """Return the statistics extended by the metrics of all listed runs."""
    found = Counter(
        metric=max(map(cell_len, listed.titles), default=0),
        member=listed.member,
        gpus=listed.gpus,
        endings=int(endings),
    )
    return replace(facts, widths=facts.widths | found, metric_name=listed.main)


def _name_width(run: RunLine) -> int:
    marks = len(EXTERNAL) * run.is_external + len(f" {run.priority:+d}") * bool(run.priority)
    return cell_len(harmless(run.name)) + marks


def _current_width(run: RunLine) -> int:
    shown = (run.current or run.failed)[:MOST_NAMES]
    return sum(cell_len(harmless(name)) + 2 for name in shown)


_WIDTHS: Mapping[str, Callable[[RunLine], int]] = {
    "name": _name_width,
    "pipeline": lambda run: cell_len(run.pipeline) if run.pipeline != run.name else 0,
    "count": lambda run: len(f"{run.done}/{run.total}"),
    "current": _current_width,
    "step": lambda run: STEP if run.current else 0,
    "verdict": lambda run: bool(run.verdict),
    "trouble": lambda run: len(trouble(run.trouble._asdict())) if run.trouble.kinds else 0,
    "trouble_brief": lambda run: sum(len(str(count)) + 2 for count in run.trouble if count) - 1,
}
"""By what is measured, the characters that a run needs; 0 for all runs: no column."""
