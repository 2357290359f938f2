"""The value of a metric by which stages are compared: in the list, a sweep's table and sorting."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from trainui.domain.definition import StageDefinition
from trainui.domain.metric_direction import lower_is_better
from trainui.domain.records import SeriesSummary
from trainui.pipeline.folding import value_of
from trainui.store.db import protocol
from trainui.store.points import curves
from trainui.store.points.x_axis import Axis
from trainui.store.read.headlines import MetricOwner

SMOOTHED = "smoothed:"
"""Before a metric's stored name: of its smoothed values the last one is meant."""

WEIGHT = 0.9
"""The smoothing weight of these values (`store.points.smoothing`)."""


class StageValue(NamedTuple):
    """A stage's value of a metric."""

    value: float
    """The best one; the last one if the metric's name does not show which is better."""
    is_broken: bool
    """True if the metric has NaN or infinities, so that the stage ranks behind all others."""

    @classmethod
    def of(cls, series: SeriesSummary, stage: StageDefinition | None) -> StageValue | None:
        """Return the value of a series of a stage; None if it has no finite value."""
        found = value_of(series, stage)
        return None if found is None else cls(found, series.nonfinite > 0)


class StageValues:
    """Reads the values of many stages; again only after a point was stored."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, StageValue | None]] = {}
        """By stage id and metric: the version of its points, and the value."""

    def read(
        self,
        connection: protocol.Connection,
        versions: Mapping[str, int],
        metric: str,
        definition: StageDefinition | None = None,
    ) -> dict[str, StageValue]:
        """Return the value by stage id, of stages that have one.

        `versions` has by stage id the version of its points; the definition of one of the stages
        has the search that says which value is better.
        """
        values = (
            (stage, self.one(connection, stage, versions[stage], metric, definition))
            for stage in versions
        )
        return {stage: value for stage, value in values if value is not None}

    def best(
        self,
        connection: protocol.Connection,
        stages: Sequence[MetricOwner],
        metric: str,
        with_nan: Collection[str] = (),
    ) -> tuple[MetricOwner, StageValue] | None:
        """Return the stage with the best value; the first one if the direction is unknown.

        A stage with NaN or infinities, also in another metric, comes only if all have them.
        `with_nan` are the names of the stages with a NaN in any metric.
        """
        values = self.read(connection, {one.id: one.version for one in stages}, metric)
        found = [(one, values[one.id]) for one in stages if one.id in values]
        lower = lower_is_better(metric)
        if lower is None or not found:
            return found[0] if found else None
        sign = 1 if lower else -1

        def key(pair: tuple[MetricOwner, StageValue]) -> tuple[bool, bool, float]:
            stage, value = pair
            return value.is_broken, stage.name in with_nan, sign * value.value

        return min(found, key=key)

    def one(
        self,
        connection: protocol.Connection,
        stage_id: str,
        version: int,
        metric: str,
        definition: StageDefinition | None = None,
    ) -> StageValue | None:
        """Return a stage's value; None if it has none."""
        known = self._known.get((stage_id, metric))
        if known is None or known[0] != version:
            known = (version, _read(connection, stage_id, metric, definition))
            self._known[stage_id, metric] = known
        return known[1]


def _read(
    connection: protocol.Connection, stage_id: str, metric: str, definition: StageDefinition | None
) -> StageValue | None:
    name = metric.removeprefix(SMOOTHED)
    found = curves.summaries(connection, [stage_id], name)
    value = StageValue.of(found[0], definition) if found else None
    if value is None or name == metric:
        return value
    from trainui.store.points.windows import Plotted  # it imports numpy

    smoothed = Plotted(connection, stage_id, name, Axis.STEP).last_smoothed(WEIGHT)
    return None if smoothed is None else value._replace(value=smoothed)
