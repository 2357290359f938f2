"""The value of a metric by which stages are compared: in the list, a sweep's table and sorting.

All that is cached here is read again only after a point, or an event of an alert, was stored; of a
running run in the list only the sparkline is cached. The titles of the list's columns follow from
the newest runs that match the filter, in view or not, so that scrolling changes none of them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from trainui.model.definition import Search
from trainui.model.headline_metric import (
    CURVE,
    ComparedMetric,
    has_exploded,
    headline,
    lower_is_better,
    may_lead,
    spelled_as,
    words_of,
)
from trainui.model.records import SeriesSummary, StageRecord
from trainui.model.states import DIVERGED, NAN, Status
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.plot_points import read_columns
from trainui.store.points.read_points import curves_of, headline_of_run
from trainui.store.read import event_feed, headlines, run_list, sweeps, views
from trainui.store.read.headlines import MetricOwner
from trainui.store.read.run_list import RunLine
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.text import TROUBLE, harmless
from trainui.tui.readers.progress import log_state, shown_progress
from trainui.tui.snapshot import (
    SMOOTHED,
    Cache,
    ListedMetrics,
    LogProgress,
    MatrixDetail,
    RunLive,
    RunValues,
    SearchDetail,
    StageValue,
    metric_title,
)

SMOOTHING = 0.9
"""The weight of smoothed values (`store.points.plot_windows`)."""

BUDGET = 0.2
"""Seconds for one read of the metrics of the list; the rest is read next time."""

MOST_RUNNING = 16
"""Running members whose progress is read."""

LOGS = (STDOUT_FILE, STDERR_FILE)

MOST_OTHERS, MOST_MEMBERS = 3, 64
"""The most metrics besides the headline metric, and members of a sweep of which they are read."""


SPARK = 40
"""Columns of a sparkline: at most two a character."""

FEW = 20_000
"""Series up to this many points are read whole: the summaries of whole chunks would give fewer
columns than the sparkline has."""

MOST_KEPT = 1000
"""Size of the caches."""

_NOTHING = RunLive()

TITLE_PERIOD = 5.0
"""Seconds after which an unfinished run's metric, or the lack of one, is read again."""

TITLE_BUDGET = 0.1
"""Seconds that one read takes: of 200 sweeps with thousands of members it would take a second."""


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
            make = partial(_read_value, connection, stage, metric)
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

        A single number counts only where no stage has a curve. A stage with NaN or infinities, also
        in another metric, comes only if all have them; so do a pruned one and a failed trial.
        `search` is that of the stages; `with_nan` are the names of the stages with a NaN in any
        metric.
        """
        metric = ComparedMetric.of(name, search)
        values = self.read(connection, {one.id: one.version for one in stages}, metric)
        found = [(one, values[one.id]) for one in stages if one.id in values]
        found = [
            one for one in found if one[1].is_curve or one[0].status == Status.RUNNING
        ] or found
        sign = 0 if metric.lower is None else 1 if metric.lower else -1

        def key(pair: tuple[MetricOwner, StageValue]) -> tuple[bool, bool, bool, float]:
            stage, value = pair
            is_out = not may_lead(Status(stage.status), search)
            return value.is_broken, stage.name in with_nan, is_out, sign * value.value

        return min(found, key=key, default=None)


def _read_value(connection: Connection, stage_id: str, metric: ComparedMetric) -> StageValue | None:
    from trainui.pipeline.matrix import value_of  # both are not needed for the first frame
    from trainui.store.points import read_points

    name = metric.name.removeprefix(SMOOTHED)
    found = read_points.summaries(connection, [stage_id], name)
    value = value_of(found[0], lower=metric.lower) if found else None
    if value is not None and name != metric.name:
        from trainui.store.points.plot_points import Axis
        from trainui.store.points.plot_windows import Plotted  # it imports numpy

        value = Plotted(connection, stage_id, name, Axis.STEP).last_smoothed(SMOOTHING)
    if value is None:
        return None
    is_broken = found[0].nonfinite > 0 or (metric.lower is True and _has_exploded(found[0]))
    return StageValue(value, is_broken, is_curve=found[0].count >= CURVE)


def _has_exploded(found: SeriesSummary) -> bool:
    return found.last is not None and has_exploded(found.last, found.min or 0.0)


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
        step = _best_step(connection, stage.id, metric, value)
        self._known[key] = value, step
        return step


def _best_step(
    connection: Connection, stage_id: str, metric: ComparedMetric, value: float
) -> float | None:
    if metric.lower is None:
        return None
    from trainui.store.points.plot_points import Axis
    from trainui.store.points.plot_windows import Plotted  # it imports numpy

    best = Plotted(connection, stage_id, metric.name, Axis.STEP).best(lower=metric.lower)
    is_same = best is not None and best.value == value and math.isfinite(best.step)
    return best.step if best is not None and is_same else None


Owners = tuple[MetricOwner, ...]
"""The stages of a run with the versions of their points."""


class _KnownValue(NamedTuple):
    state: tuple[str, Owners, frozenset[str]]
    """The run's own name of the metric, its stages, and those with NaN values."""
    value: float | None
    lower: bool | None
    """True if a search minimises the metric, False if one maximises it; None: none has it."""


class MetricReader:
    """Reads a metric's value of every run, the one that the list shows."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._known: dict[tuple[str, str], _KnownValue] = {}
        """By metric and run id."""
        self._nan = Cache[Mapping[str, frozenset[str]]]()
        """By run the names of the stages with NaN values, for these runs and the last event."""
        self._names = Cache[tuple[str, ...]]()
        """The names of all metrics, for the last one."""
        self.unfinished = False
        """True if the time budget ended before all values were read."""
        self._give_up_at = 0.0

    def read(
        self, connection: Connection, names: Collection[str], runs: Collection[RunLine]
    ) -> Mapping[str, RunValues]:
        """Return the values by metric, as far as they were read."""
        self._give_up_at = time.monotonic() + BUDGET
        self.unfinished = False
        return {name: self._read(connection, name, runs) for name in sorted(names)}

    def _read(self, connection: Connection, name: str, runs: Collection[RunLine]) -> RunValues:
        in_trouble = tuple(run.id for run in runs if run.trouble.nan or run.trouble.diverged)
        newest = event_feed.last(connection) if in_trouble else 0
        find = partial(run_list.stages_with_nan, connection, in_trouble)
        nan = self._nan.read((in_trouble, newest), find)
        metric = name.removeprefix(SMOOTHED)
        smoothed = name.removesuffix(metric)
        stages = self._stages(connection, metric)
        found: dict[str, float] = {}
        lower: bool | None = None
        for run in runs:
            if (spelled := stages.get(run.id)) is None:
                continue
            if (own := spelled_as(metric, spelled)) is None:
                continue
            owners, with_nan = tuple(spelled[own]), nan.get(run.id, frozenset())
            known, state = self._known.get((name, run.id)), (smoothed + own, owners, with_nan)
            if known is None or known.state != state:
                if time.monotonic() > self._give_up_at:
                    self.unfinished = True
                else:
                    known = self._value(connection, *state)
                    self._known[name, run.id] = known
            if known is not None and known.value is not None:
                found[run.id] = known.value
                lower = known.lower if lower is None else lower
        return RunValues(found, lower_is_better(name) if lower is None else lower)

    def _stages(
        self, connection: Connection, metric: str
    ) -> Mapping[str, Mapping[str, Sequence[MetricOwner]]]:
        """Return by run the stages that have a metric, by the spellings of its name."""
        newest, find = headlines.last_series(connection), partial(headlines.all_names, connection)
        words, found = words_of(metric), dict[str, dict[str, Sequence[MetricOwner]]]()
        for name in self._names.read(newest, find):
            if words_of(name) == words:
                for run_id, owners in headlines.compared_stages(connection, name).items():
                    found.setdefault(run_id, {})[name] = owners
        return found

    def _value(
        self, connection: Connection, name: str, owners: Owners, with_nan: frozenset[str]
    ) -> _KnownValue:
        groups = {one.name.partition("[")[0]: one.id for one in reversed(owners)}
        searches = (headlines.search_of(connection, own) for own in groups.values())
        own_name = name.removeprefix(SMOOTHED)
        search = next((one for one in searches if one is not None and one.metric == own_name), None)
        best = self._values.best(connection, owners, name, search, with_nan)
        lower = None if search is None else search.goal == "minimize"
        value = None if best is None else math.nan if best[1].is_broken else best[1].value
        return _KnownValue((name, owners, with_nan), value, lower)


class AlertReader:
    """Reads the alerts of a run's stages, again only after a new event of the run."""

    def __init__(self) -> None:
        self._words = Cache[Mapping[str, str]]()

    def read(self, connection: Connection, run_id: str) -> Mapping[str, str]:
        """Return the word of each stage with an alert on its last attempt."""

        def words() -> Mapping[str, str]:
            found = run_list.alerted_stages(connection, [run_id]).get(run_id, {})
            return {stage: TROUBLE[kind][1] for stage, kind in found.items()}

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
        return self._found.read(state, lambda: run_list.nan_steps(connection, stage_ids))


class SweepMemberReader:
    """Reads the values of sweep members, with a cache."""

    def __init__(self, alerts: AlertReader | None = None) -> None:
        self._values = StageValues()
        self._alerts = alerts or AlertReader()
        self._nan_steps = NanSteps()
        self._steps = BestSteps()
        self._progress = Cache[str](2 * MOST_RUNNING)
        """How far a member is, by its id, for its logs' state and the version of its points."""

    def read(
        self, connection: Connection, members: Sequence[StageRecord], *, smoothed: bool = False
    ) -> MatrixDetail | None:
        """Read the sweep's headline metric, or its search's; None if there is nothing to show.

        `smoothed`: also read the last smoothed values.
        """
        if not members:
            return None
        search, objective = members[0].definition.search, members[0].definition.objective
        members = _counting(members)
        versions = headlines.versions(connection, [stage.id for stage in members])
        with_points = [stage for stage in members if stage.id in versions]
        # one that diverged before its first evaluation has fewer metrics
        with_points.sort(key=lambda stage: stage.status != Status.COMPLETED)
        name = None if objective is None else objective.metric
        for stage in with_points if name is None else ():
            if names := headlines.names_of(connection, stage.id):
                name = headline(names, None, curves_of(connection, stage.id, stage.status))
                break
        if name is None:
            return None
        metric, own_names = (
            ComparedMetric.of(name, objective),
            {one.id: one.name for one in members},
        )

        def values_of(metric: ComparedMetric) -> Mapping[str, StageValue]:
            found = self._values.read(connection, versions, metric)
            return {own_names[own]: value for own, value in found.items()}

        by_name = values_of(metric)
        smooth = values_of(metric._replace(name=SMOOTHED + name)) if smoothed else {}
        broken = frozenset(stage for stage, value in by_name.items() if value.is_broken)
        others = _others(connection, with_points, name)
        owner = with_points[0].id if with_points else members[0].id
        found = MatrixDetail(
            harmless(name),
            metric.lower,
            {stage: value.value for stage, value in by_name.items()},
            broken,
            None if search is None else _search(connection, members[0]),
            {stage: one.value for stage, one in smooth.items()} if smoothed else None,
            others={metric_title(one): values_of(one) for one in others},
            in_epochs=frozenset(map(harmless, point_sources.counted_in_epochs(connection, owner))),
        )
        found = self._with_nan(connection, found, members)
        found = found._replace(progress=self._progress_of(connection, members, versions, found))
        best = next(iter(found.best_first(members)), None)
        if best is None or not found.may_lead(best):
            return found
        if best.definition.each_checkpoint is not None:
            return found  # its own steps are not those of its checkpoint
        step = self._steps.read(connection, best, metric, found.values[best.name])
        return found._replace(best_step=step)

    def _progress_of(
        self,
        connection: Connection,
        members: Sequence[StageRecord],
        versions: Mapping[str, object],
        found: MatrixDetail,
    ) -> Mapping[str, str]:
        """Return how far running members are by their logs, else by the steps of their points."""
        known: dict[str, str] = {}
        running = [one for one in members if one.status == Status.RUNNING and one.lost_at is None]
        for stage in running[:MOST_RUNNING]:
            last = views.attempts_of_stage(connection, stage.id)[-1:]
            logs = [Path(one.directory) / name for one in last for name in LOGS]
            state = (stage.attempt, *map(log_state, logs), versions.get(stage.id))
            words = self._progress.read(
                state, partial(_progress, connection, stage.id, logs, found), stage.id
            )
            if words:
                known[stage.name] = words
        return known

    def _with_nan(
        self, connection: Connection, found: MatrixDetail, members: Sequence[StageRecord]
    ) -> MatrixDetail:
        """Add the members with a NaN in any metric, and since when."""
        alerts = self._alerts.read(connection, members[0].run_id)
        kinds = [TROUBLE[kind][1] for kind in (NAN, DIVERGED)]
        in_trouble = [one for one in members if alerts.get(one.name) in kinds]
        nan = {one.name: one.id for one in in_trouble if one.name in found.values}
        steps = self._nan_steps.read(connection, [*nan.values()])
        since = {name: min(steps[own].values()) for name, own in nan.items() if own in steps}
        metrics = {
            name: harmless(min(steps[own], key=lambda metric: steps[own][metric]))
            for name, own in nan.items()
            if own in steps
        }
        return found._replace(
            broken=found.broken | nan.keys(), nan_since=since, nan_metrics=metrics
        )


def _progress(
    connection: Connection, stage_id: str, logs: Sequence[Path], found: MatrixDetail
) -> str:
    summaries = read_points.summaries(connection, [stage_id])
    step = int(max((one.last_step or 0 for one in summaries), default=0))
    progress = shown_progress(logs, step)
    if progress is None and step:
        progress = LogProgress(found.unit(found.metric), step, 0)
    return "" if progress is None else progress._replace(inner=None).words


def _counting(members: Sequence[StageRecord]) -> Sequence[StageRecord]:
    """Return members without what does not count of an evaluation of each checkpoint.

    These are the stages that gather it, and those whose checkpoint was superseded.
    """
    whole = [one for one in members if one.definition.gathers]
    if not whole:
        return members
    counting = {name for one in whole for name in one.depends_on}
    return [one for one in members if one.name in counting and not one.definition.gathers]


def _others(
    connection: Connection, stages: Sequence[StageRecord], shown: str
) -> Iterator[ComparedMetric]:
    """Yield the last values of the metric shown, and further metrics, the most important first."""
    if 0 < len(stages) <= MOST_MEMBERS:
        names = [one for one in headlines.names_of(connection, stages[0].id) if one != shown]
        yield ComparedMetric(shown, None)
        for _ in range(MOST_OTHERS):
            if (name := headline(names)) is not None:
                names.remove(name)
                yield ComparedMetric.of(name, stages[0].definition.objective)
                yield ComparedMetric(name, None)


def _search(connection: Connection, member: StageRecord) -> SearchDetail:
    run, name = member.run_id, member.definition.group
    found = sweeps.summaries(connection, run, name)
    return SearchDetail({one.stage: one for one in found}, sweeps.importance(connection, run, name))


class HeadlineReader:
    """Reads the live data of visible runs, with a cache."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._over = Cache[RunLive](MOST_KEPT)
        """Ended runs by id, for their end, their trouble and the version of their points."""
        self._drawn = Cache[tuple[float, ...]](MOST_KEPT)
        """The sparkline's columns by stage id and metric, for the version of the points."""

    def read(
        self,
        connection: Connection,
        runs: Collection[RunLine],
        goals: Mapping[str, float],
        gpus: Mapping[str, Sequence[int]] | None = None,
    ) -> dict[str, RunLive]:
        """Return the live data by run id.

        `goals` has by stage id the last step of its previous completed execution; `gpus` has by run
        id the GPUs that its stages use.
        """
        gpus = gpus or {}
        over = [run.id for run in runs if run.completed_at is not None]
        versions = headlines.run_versions(connection, over)
        found = {}
        for run in runs:
            if run.completed_at is None and run.started_at is None:
                continue
            if run.completed_at is None:
                live = self._of_metrics(connection, run, goals, tuple(gpus.get(run.id, ())))
            else:
                state = (run.completed_at, run.trouble, versions.get(run.id))
                make = partial(self._of_metrics, connection, run, {}, ())
                live = self._over.read(state, make, run.id)
            if live != _NOTHING:
                found[run.id] = live
        return found

    def _of_metrics(
        self,
        connection: Connection,
        run: RunLine,
        goals: Mapping[str, float],
        gpus: tuple[int, ...],
    ) -> RunLive:
        live, found = RunLive(gpus=gpus), headline_of_run(connection, run.id)
        running = None if run.completed_at else headlines.running_stage(connection, run.id)
        if running is not None:
            name = headline(running.names) or running.names[0]
            steps = (one.last_step for one in read_points.summaries(connection, [running.id], name))
            epochs = point_sources.counted_in_epochs(connection, running.id)
            in_epochs = name in epochs
            # the goal is that of the series with the highest steps
            is_alike = not in_epochs or epochs.issuperset(running.names)
            goal = goals.get(running.id) if is_alike else None
            live = live._replace(step=next(steps, None), last_step=goal, in_epochs=in_epochs)
        if found is None:
            return live
        stage, name = found
        stages = headlines.compared_stages(connection, name, run.id).get(run.id, [])
        in_trouble = [run.id] if run.trouble.nan or run.trouble.diverged else []
        nan = run_list.stages_with_nan(connection, in_trouble).get(run.id, frozenset())
        best = self._values.best(connection, stages, name, stage.search, nan)
        shown = stage if best is None else best[0]
        return live._replace(
            metric=ComparedMetric.of(name, stage.search),
            stage=shown.name,
            member=member_of(shown.name),
            value=None if best is None else best[1].value,
            values=self._columns(connection, shown.id, name),
            broken=best is not None and (best[1].is_broken or shown.name in nan),
        )

    def _columns(self, connection: Connection, owner: str, name: str) -> tuple[float, ...]:
        def make() -> tuple[float, ...]:
            (series,) = read_points.summaries(connection, [owner], name)
            columns = read_columns(connection, owner, name, SPARK, exact=series.count <= FEW)
            return tuple(columns.mean.tolist())

        state = headlines.versions(connection, [owner]).get(owner)
        return self._drawn.read(state, make, (owner, name))


def member_of(stage: str) -> str:
    """Return the parameters in the name of a sweep's member."""
    return harmless(stage.partition("[")[2].removesuffix("]"))


class _KnownTitle(NamedTuple):
    run: RunLine
    read_at: float
    metric: ComparedMetric | None
    member: int
    """Width of the longest name of its sweep's members."""


class TitleReader:
    """Reads the headline metric's name of listed runs, with a cache.

    A metric that runs spell differently, as `val/loss` and `val_loss`, has the name that the most
    of them give it, once chosen; a run that has both names has two metrics.
    """

    def __init__(self) -> None:
        self._known: dict[str, _KnownTitle] = {}
        self._chosen: dict[str, str] = {}
        """By pipeline the title of its main metric."""
        self._order: list[str] = []
        """These titles in the order of their columns, which does not change as runs come."""
        self._spelled: dict[tuple[str, ...], str] = {}
        """The name that a metric has in the list, by its words."""
        self._is_same = Cache[bool](MOST_KEPT)
        """If a run's own name and that of the list are one metric, by the run and its name."""
        self.unfinished = False
        """True if the last read left out runs, which the next one will read."""

    def read(self, connection: Connection, runs: Sequence[RunLine]) -> ListedMetrics:
        """Return the titles of these runs' metrics."""
        if len(self._known) > max(MOST_KEPT, 2 * len(runs)):
            self._known.clear()
        found: list[_KnownTitle] = []
        begun = time.monotonic()
        for run in runs:
            if time.monotonic() - begun > TITLE_BUDGET:
                break
            found.append(self._of(connection, run, begun))
        self.unfinished = len(found) < len(runs)
        self._choose_spellings(found)
        found = [
            one._replace(metric=self._shown(connection, one.run.id, one.metric, one.read_at))
            for one in found
        ]
        metrics = {metric_title(one.metric): one.metric for one in found if one.metric}
        columns = self._columns(found)
        member = max((one.member for one in found), default=0)
        has_steps = any(one.metric is not None and one.run.current for one in found)
        return ListedMetrics(metrics, columns, member, has_steps=has_steps)

    def as_listed(self, connection: Connection, live: Mapping[str, RunLive]) -> dict[str, RunLive]:
        """Return the live data of runs, with their metrics as the list spells them."""
        now = time.monotonic() // TITLE_PERIOD
        return {
            run_id: one._replace(metric=self._shown(connection, run_id, one.metric, now))
            for run_id, one in live.items()
        }

    def _choose_spellings(self, found: Sequence[_KnownTitle]) -> None:
        names = Counter(one.metric.name for one in found if one.metric is not None)
        for name, _ in sorted(names.most_common(), key=lambda pair: (-pair[1], pair[0])):
            words = words_of(name)
            if self._spelled.get(words) not in names:
                self._spelled[words] = name

    def _shown(
        self, connection: Connection, run_id: str, metric: ComparedMetric | None, read_at: float
    ) -> ComparedMetric | None:
        """Return a run's metric with the name that it has in the list."""
        name = None if metric is None else self._spelled.get(words_of(metric.name))
        if metric is None or name is None or name == metric.name:
            return metric
        is_same = self._is_same.read(
            (name, read_at),
            lambda: spelled_as(name, headlines.names_in_run(connection, run_id)) == metric.name,
            (run_id, metric.name),
        )
        return metric._replace(name=name) if is_same else metric

    def _columns(self, found: Sequence[_KnownTitle]) -> tuple[str, ...]:
        """Return the main metric of each pipeline; once chosen, it stays while a run has it."""
        titles: dict[str, Counter[str]] = {}
        for one in found:
            if one.metric is not None:
                titles.setdefault(one.run.pipeline, Counter())[metric_title(one.metric)] += 1
        runs: Counter[str] = Counter()
        for pipeline, counts in titles.items():
            if self._chosen.get(pipeline) not in counts:
                self._chosen[pipeline] = max(sorted(counts), key=counts.__getitem__)
            runs[self._chosen[pipeline]] += counts.total()
        added = [title for title, _ in runs.most_common() if title not in self._order]
        self._order += added
        return tuple(title for title in self._order if title in runs)

    def _of(self, connection: Connection, run: RunLine, now: float) -> _KnownTitle:
        known = self._known.get(run.id)
        if known is None or not _is_valid(known, run, now):
            found, metric, member = headline_of_run(connection, run.id), None, 0
            if found is not None:
                stage, name = found
                metric = ComparedMetric.of(name, stage.search)
                # the best member, which is shown, may be any of them
                member = headlines.longest_member(connection, run.id, stage.name)
            self._known[run.id] = known = _KnownTitle(run, now, metric, member)
        return known


def _is_valid(known: _KnownTitle, run: RunLine, now: float) -> bool:
    is_final = known.metric is not None and run.completed_at is not None
    is_recent = now - known.read_at < TITLE_PERIOD
    return known.run.completed_at == run.completed_at and (is_final or is_recent)
