"""Sort orders of the list of runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from trainui import clock
from trainui.model.metric_direction import ComparedMetric
from trainui.model.states import Status
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.snapshot.params import number_of, values_of
from trainui.tui.snapshot.run_page import SMOOTHED


class SortOrder(NamedTuple):
    """A sort order."""

    title: str
    """Title of the column that it sorts by."""
    key: Callable[[RunLine], Any]
    """The sort key; runs with equal keys stay newest first, runs with None come last."""
    words: tuple[str, str] = ("smallest", "largest")
    """What comes first, and what comes first in reverse order."""
    metric: str = ""
    """The metric to sort by, by its stored name; empty: none."""
    lower: bool | None = None
    """True if lower values of the metric are better; None: unknown, or no metric."""

    @property
    def name(self) -> str:
        """The name under which it is saved."""
        return f"{METRIC}{self.metric}" if self.metric else self.title

    def arranged(self, runs: Sequence[RunLine], *, reverse: bool) -> Sequence[RunLine]:
        """Sort runs that are given with the newest first."""
        if self.title == WHEN:
            return runs[::-1] if reverse else runs
        known = [run for run in runs if self.key(run) is not None]
        rest = [run for run in runs if self.key(run) is None]
        return [*sorted(known, key=self.key, reverse=reverse), *rest]


WHEN = "WHEN"

METRIC = "metric."
"""Prefix of the names of orders by a metric."""

STATES = (
    Status.RUNNING,
    Status.QUEUED,
    Status.FAILED,
    Status.INTERRUPTED,
    Status.CANCELLED,
    Status.ENDED,
    Status.COMPLETED,
)
"""The states that a run may have, in the order in which it is sorted by them."""

ORDERS = (
    SortOrder(WHEN, lambda run: -run.created_at, ("newest", "oldest")),
    SortOrder("STATE", lambda run: STATES.index(run.status), ("running", "completed")),
    SortOrder("NAME", lambda run: run.name.casefold(), ("a", "z")),
    SortOrder("STAGES", lambda run: -run.done / max(run.total, 1), ("most done", "least done")),
    SortOrder("ELAPSED", lambda run: _longest_first(run), ("longest", "shortest")),
)
"""The orders through which `s` cycles, followed by the metric and the shown parameters."""


def by_param(name: str) -> SortOrder:
    """Return the order by a parameter, of a sweep by its least value; runs without it are last."""

    def key(run: RunLine) -> tuple[bool, float, str] | None:
        return min(map(_in_order, values_of(run, name)), default=None)

    return SortOrder(name, key)


def _in_order(value: str) -> tuple[bool, float, str]:
    number = number_of(value)
    return (number is None, number or 0.0, value.casefold())


def by_metric(metric: ComparedMetric, values: Callable[[], Mapping[str, float]]) -> SortOrder:
    """Return the order by a metric's value: the best first, runs without it or with NaN last.

    With `SMOOTHED` before the metric's name, its smoothed values are meant; `values` returns those
    read so far, by run id.
    """
    sign = -1.0 if metric.lower is False else 1.0

    def key(run: RunLine) -> float | None:
        value = values().get(run.id, math.nan)
        return None if math.isnan(value) else sign * value

    words = ("smallest", "largest") if metric.lower is None else ("best", "worst")
    name = metric.name.removeprefix(SMOOTHED)
    word = metric.word if name == metric.name else "smoothed"
    return SortOrder(f"{harmless(name)} {word}", key, words, metric.name, metric.lower)


def _longest_first(run: RunLine) -> int | None:
    if (worked := run.worked_until(clock.now())) is None:
        return None
    # running runs come first, the longest one at the top
    return -worked if run.completed_at is not None else -worked - 2**62
