"""Selects and sorts runs for `ls`, in the filter language of the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainui import clock
from trainui.errors import UsageError
from trainui.model.headline_metric import ComparedMetric
from trainui.record import dataclass
from trainui.store.db.statements import Connection
from trainui.store.read import sweeps
from trainui.store.read.run_list import RunLine
from trainui.tui.numbers import shown_params
from trainui.tui.readers.stage_values import MetricReader
from trainui.tui.run_list import filter
from trainui.tui.run_list.filter import SortOrder, Values, parse
from trainui.tui.snapshot import SMOOTHED

_SMOOTHED = "smoothed."
"""Before a metric's name: sort by its last smoothed value."""

PARAMS = "params."
"""Before a parameter's name."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs that match a filter, in an order."""

    runs: list[RunLine]
    columns: Mapping[str, Mapping[str, str]]
    """The parameters and metrics that the filter and the order use: their values by run id."""
    lacks: str | None = None
    """The order's parameter or metric, as text, if no run has it; None: at least one has it."""


def select(
    connection: Connection, runs: Sequence[RunLine], words: Sequence[str], sort: str | None
) -> Selection:
    """Return the runs that match a filter, in an order; raise UsageError if either is invalid."""
    chosen = parse(" ".join(words))
    if chosen.problems:
        raise UsageError("; ".join(chosen.problems))
    metrics, params = set(chosen.metrics), set(chosen.params)
    if sort is not None and sort.startswith(_SMOOTHED):
        sort = f"{filter.METRIC_PREFIX}{SMOOTHED}{sort.removeprefix(_SMOOTHED)}"
    sorted_by = ""  # the metric or parameter of the order; empty for another order
    for prefix, names in ((filter.METRIC_PREFIX, metrics), (PARAMS, params)):
        if sort is not None and sort.startswith(prefix):
            sorted_by = sort.removeprefix(prefix)
            names.add(sorted_by)
    if params or chosen.needs_sweeps:
        runs = _with_sweeps(connection, runs)
    values = _values(connection, metrics, runs)
    now = clock.now()
    found = [run for run in runs if chosen.fits(run, now, values)]
    if sort is not None:
        found = list(_order(sort, values).arranged(found, reverse=False))
    columns = {**_shown_params(found, params), **_shown_values(values)}
    lacks = None
    if found and sorted_by and sorted_by not in columns:
        lacks = (
            f"none of these runs has {sorted_by.removeprefix(SMOOTHED)!r}, so they are not sorted"
        )
    return Selection(found, columns, lacks)


def _with_sweeps(connection: Connection, runs: Sequence[RunLine]) -> list[RunLine]:
    swept = sweeps.with_sweeps(connection, [run.id for run in runs])
    return [
        run._replace(sweeps_json=sweeps.sweeps_of_run(connection, run.id))
        if run.id in swept
        else run
        for run in runs
    ]


def _shown_params(runs: Sequence[RunLine], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the parameters' texts by run id, without those that no run has."""
    columns = {
        name: {run.id: text for run in runs if (text := shown_params(run).get(name))}
        for name in sorted(names)
    }
    return {name: of_run for name, of_run in columns.items() if of_run}


def _shown_values(values: Values) -> dict[str, dict[str, str]]:
    return {
        metric: {run_id: f"{value:.6g}" for run_id, value in found.values.items()}
        for metric, found in values.items()
        if found.values
    }


def _values(connection: Connection, names: set[str], runs: Sequence[RunLine]) -> Values:
    reader = MetricReader()
    values = reader.read(connection, names, runs)
    while reader.unfinished:  # of a screen's time budget
        values = reader.read(connection, names, runs)
    return values


def _order(name: str, values: Values) -> SortOrder:
    if name.startswith(filter.METRIC_PREFIX) and name != filter.METRIC_PREFIX:
        metric = name.removeprefix(filter.METRIC_PREFIX)
        chosen = values[metric]
        return filter.by_metric(ComparedMetric(metric, chosen.lower), lambda: chosen.values)
    if name.startswith(PARAMS) and name != PARAMS:
        return filter.by_param(name.removeprefix(PARAMS))
    known = {order.title.casefold(): order for order in filter.ORDERS}
    if (found := known.get(name.casefold())) is None:
        raise UsageError(
            f"--sort {name!r}: expected {', '.join(known)}, params.NAME, metric.NAME or "
            "smoothed.NAME"
        )
    return found
