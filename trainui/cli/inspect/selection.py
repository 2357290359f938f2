"""Selects and sorts runs for `ls`, in the filter language of the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainui import clock
from trainui.errors import UsageError
from trainui.store.db.protocol import Connection
from trainui.store.read.run_list import RunLine
from trainui.tui.data.stage_values import SMOOTHED
from trainui.tui.runs import sorting
from trainui.tui.runs.filter import RunFilter, Values, parse
from trainui.tui.runs.metric_reader import MetricReader
from trainui.tui.runs.sorting import SortOrder

_SMOOTHED = "smoothed."
"""Before a metric's name: sort by its last smoothed value."""


def select(
    connection: Connection, runs: Sequence[RunLine], words: Sequence[str], sort: str | None
) -> tuple[list[RunLine], dict[str, Mapping[str, float]]]:
    """Return the runs that match a filter, in an order; and the values of the metrics used.

    Raises:
        UsageError: a term of the filter or the order is invalid.
    """
    chosen = _filter(words)
    metrics = set(chosen.metrics)
    if sort is not None and sort.startswith(_SMOOTHED):
        sort = f"{sorting.METRIC}{SMOOTHED}{sort.removeprefix(_SMOOTHED)}"
    if sort is not None and sort.startswith(sorting.METRIC):
        metrics.add(sort.removeprefix(sorting.METRIC))
    values = _values(connection, metrics, runs)
    now = clock.now()
    found = [run for run in runs if chosen.fits(run, now, values)]
    if sort is not None:
        order = _order(sort, values)
        found = list(order.arranged(found, reverse=False))
    return found, dict(values)


def _filter(words: Sequence[str]) -> RunFilter:
    chosen = parse(" ".join(words))
    if chosen.problems:
        raise UsageError("; ".join(chosen.problems))
    return chosen


def _values(connection: Connection, names: set[str], runs: Sequence[RunLine]) -> Values:
    reader = MetricReader()
    values = reader.read(connection, names, runs)
    while reader.unfinished:  # of a screen's time budget
        values = reader.read(connection, names, runs)
    return values


def _order(name: str, values: Values) -> SortOrder:
    if name.startswith(sorting.METRIC):
        metric = name.removeprefix(sorting.METRIC)
        return sorting.by_metric(metric, lambda: values.get(metric, {}))
    if name.startswith("params."):
        return sorting.by_param(name.removeprefix("params."))
    known = {order.title.casefold(): order for order in sorting.ORDERS}
    if (found := known.get(name.casefold())) is None:
        raise UsageError(
            f"--sort {name!r}: expected {', '.join(known)}, params.NAME, metric.NAME or "
            "smoothed.NAME"
        )
    return found
