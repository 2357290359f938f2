"""The value of a metric by which stages are compared: in the list, a sweep's table and sorting."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from trainui.model.metric_direction import ComparedMetric, may_lead
from trainui.model.records import StageRecord
from trainui.model.search import Search
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.read.headlines import MetricOwner
from trainui.tui.snapshot.run_page import SMOOTHED, StageValue
from trainui.tui.snapshot.snapshot import Cache

WEIGHT = 0.9
"""The smoothing weight of these values (`store.points.plot_windows`)."""


class StageValues:
    """Reads the values of many stages; again only after a point was stored."""

    def __init__(self) -> None:
        self._known = Cache[StageValue | None](math.inf)
        """By stage id and metric, for the version of its points."""

    def read(
        self, connection: Connection, versions: Mapping[str, int], metric: ComparedMetric
    ) -> dict[str, StageValue]:
        """Return the value by stage id, of stages that have one.

        `versions` has by stage id the version of its points.
        """
        found = {}
        for stage, version in versions.items():
            make = partial(_read, connection, stage, metric)
            value = self._known.read(version, make, (stage, metric))
            if value is not None:
                found[stage] = value
        return found

    def best(
        self,
        connection: Connection,
        stages: Sequence[MetricOwner],
        name: str,
        search: Search | None = None,
        with_nan: Collection[str] = (),
    ) -> tuple[MetricOwner, StageValue] | None:
        """Return the stage with the best value; the first one if the direction is unknown.

        A stage with NaN or infinities, also in another metric, comes only if all have them; so do a
        pruned one and a failed trial. `search` is that of the stages; `with_nan` are the names of
        the stages with a NaN in any metric.
        """
        metric = ComparedMetric.of(name, search)
        values = self.read(connection, {one.id: one.version for one in stages}, metric)
        found = [(one, values[one.id]) for one in stages if one.id in values]
        sign = 1 if metric.lower else -1

        def key(pair: tuple[MetricOwner, StageValue]) -> tuple[bool, bool, bool, float]:
            stage, value = pair
            is_out = not may_lead(Status(stage.status), search)
            return value.is_broken, stage.name in with_nan, is_out, sign * value.value

        return (
            next(iter(found), None) if metric.lower is None else min(found, key=key, default=None)
        )


def _read(connection: Connection, stage_id: str, metric: ComparedMetric) -> StageValue | None:
    from trainui.pipeline.folding import value_of  # both are not needed for the first frame
    from trainui.store.points import read_points

    name = metric.name.removeprefix(SMOOTHED)
    found = read_points.summaries(connection, [stage_id], name)
    value = value_of(found[0], lower=metric.lower) if found else None
    if value is not None and name != metric.name:
        from trainui.store.points.plot_series import Axis
        from trainui.store.points.plot_windows import Plotted  # it imports numpy

        value = Plotted(connection, stage_id, name, Axis.STEP).last_smoothed(WEIGHT)
    return None if value is None else StageValue(value, found[0].nonfinite > 0)


class BestSteps:
    """Reads the steps of best values; again only after a value has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, float | None] | float] = {}
        """By stage id and metric: the best value, with its step once that was read."""

    def read(
        self, connection: Connection, stage: StageRecord, metric: ComparedMetric, value: float
    ) -> float | None:
        """Return the step of a stage's best value; None if it has none, or another best by now.

        None also for the first time of a running stage's value: it may improve with every point.
        """
        key = (stage.id, metric.name)
        known = self._known.get(key)
        if isinstance(known, tuple) and known[0] == value:
            return known[1]
        self._known[key] = value
        if stage.status == Status.RUNNING and known != value:
            return None
        step = _step_of(connection, stage.id, metric, value)
        self._known[key] = value, step
        return step


def _step_of(
    connection: Connection, stage_id: str, metric: ComparedMetric, value: float
) -> float | None:
    if metric.lower is None:
        return None
    from trainui.store.points.plot_series import Axis
    from trainui.store.points.plot_windows import Plotted  # it imports numpy

    best = Plotted(connection, stage_id, metric.name, Axis.STEP).best(lower=metric.lower)
    is_same = best is not None and best.value == value and math.isfinite(best.step)
    return best.step if best is not None and is_same else None
