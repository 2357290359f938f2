"""Reads the alerts of a run's stages, and the headline metric of all members of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trainui.model.headline_metric import headline
from trainui.model.metric_direction import ComparedMetric
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed, headlines, stage_alerts, trials
from trainui.text import harmless
from trainui.tui.readers.stage_values import BestSteps, StageValues
from trainui.tui.snapshot.run_page import (
    SMOOTHED,
    MatrixDetail,
    SearchDetail,
    StageValue,
    metric_title,
)
from trainui.tui.snapshot.snapshot import Cache

NAN, ALERT = "NaN", "alert"
"""The words of a stage's alerts."""

MOST_OTHERS, MOST_MEMBERS = 3, 64
"""The most metrics besides the headline metric, and members of a sweep of which they are read."""


class AlertReader:
    """Reads the alerts of a run's stages, again only after a new event of the run."""

    def __init__(self) -> None:
        self._words = Cache[Mapping[str, str]]()

    def read(self, connection: Connection, run_id: str) -> Mapping[str, str]:
        """Return the word of each stage with an alert on its last attempt."""

        def words() -> Mapping[str, str]:
            found = stage_alerts.alerted_stages(connection, [run_id]).get(run_id, {})
            return {stage: NAN if is_nan else ALERT for stage, is_nan in found.items()}

        return self._words.read((run_id, event_feed.last_of(connection, run_id)), words)


class NanSteps:
    """Reads the steps of the first NaN values of stages, again only after a new event."""

    def __init__(self) -> None:
        self._found = Cache[Mapping[str, Mapping[str, float]]]()

    def read(
        self, connection: Connection, stage_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, float]]:
        """Return the steps by stage id and metric."""
        state = (event_feed.last(connection), tuple(stage_ids))
        return self._found.read(state, lambda: stage_alerts.nan_steps(connection, stage_ids))


class SweepMemberReader:
    """Reads the values of sweep members, with a cache."""

    def __init__(self, alerts: AlertReader | None = None) -> None:
        self._values = StageValues()
        self._alerts = alerts or AlertReader()
        self._nan_steps = NanSteps()
        self._steps = BestSteps()

    def read(
        self, connection: Connection, members: Sequence[StageRecord], *, smoothed: bool = False
    ) -> MatrixDetail | None:
        """Read the sweep's headline metric, or its search's; None if there is nothing to show.

        `smoothed`: also read the last smoothed values.
        """
        if not members:
            return None
        search = members[0].definition.search
        versions = headlines.versions(connection, [stage.id for stage in members])
        with_points = [stage for stage in members if stage.id in versions]
        # one that diverged before its first evaluation has fewer metrics
        with_points.sort(key=lambda stage: stage.status != Status.COMPLETED)
        names = (headlines.names_of(connection, stage.id) for stage in with_points)
        name = search.metric if search is not None else headline(next(filter(None, names), ()))
        if name is None:
            return None
        metric, own_names = ComparedMetric.of(name, search), {one.id: one.name for one in members}

        def values_of(metric: ComparedMetric) -> Mapping[str, StageValue]:
            found = self._values.read(connection, versions, metric)
            return {own_names[own]: value for own, value in found.items()}

        by_name = values_of(metric)
        smooth = values_of(metric._replace(name=SMOOTHED + name)) if smoothed else {}
        broken = frozenset(stage for stage, value in by_name.items() if value.is_broken)
        others = _others(connection, with_points, name)
        found = MatrixDetail(
            harmless(name),
            metric.lower,
            {stage: value.value for stage, value in by_name.items()},
            broken,
            None if search is None else _search(connection, members[0]),
            {stage: one.value for stage, one in smooth.items()} if smoothed else None,
            others={metric_title(one): values_of(one) for one in others},
        )
        found = self._with_nan(connection, found, members)
        best = next(iter(found.best_first(members)), None)
        if best is None or not found.may_lead(best):
            return found
        step = self._steps.read(connection, best, metric, found.values[best.name])
        return found._replace(best_step=step)

    def _with_nan(
        self, connection: Connection, found: MatrixDetail, members: Sequence[StageRecord]
    ) -> MatrixDetail:
        """Add the members with a NaN in any metric, and since when."""
        alerts = self._alerts.read(connection, members[0].run_id)
        in_trouble = [one for one in members if alerts.get(one.name) == NAN]
        nan = {one.name: one.id for one in in_trouble if one.name in found.values}
        steps = self._nan_steps.read(connection, [*nan.values()])
        since = {name: min(steps[own].values()) for name, own in nan.items() if own in steps}
        return found._replace(broken=found.broken | nan.keys(), nan_since=since)


def _others(
    connection: Connection, stages: Sequence[StageRecord], shown: str
) -> Iterator[ComparedMetric]:
    """Yield further metrics, the most important ones first."""
    if 0 < len(stages) <= MOST_MEMBERS:
        names = [one for one in headlines.names_of(connection, stages[0].id) if one != shown]
        for _ in range(MOST_OTHERS):
            if (name := headline(names)) is not None:
                names.remove(name)
                yield ComparedMetric.of(name, stages[0].definition.search)


def _search(connection: Connection, member: StageRecord) -> SearchDetail:
    run, name = member.run_id, member.definition.group
    found = trials.summaries(connection, run, name)
    return SearchDetail({one.stage: one for one in found}, trials.importance(connection, run, name))
