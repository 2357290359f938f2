"""Reads the data of the runs in view; imported after the first frame, which does without.

An ended run's headline metric is read again only after a point of it was stored; of a running run
only the sparkline is cached. The columns' titles follow from the newest runs that match the filter,
in view or not, so that scrolling changes none of them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from trainui.model.headline_metric import ComparedMetric, headline
from trainui.model.states import UNFINISHED, Status
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.plot_columns import read_columns
from trainui.store.points.read_points import headline_of_run
from trainui.store.read import event_feed, headlines, run_list, sweeps
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.text import harmless
from trainui.tui.readers.progress import EtaEstimator
from trainui.tui.readers.stage_values import MetricReader, StageValues
from trainui.tui.snapshot.run_page import metric_title
from trainui.tui.snapshot.snapshot import Cache, ListedMetrics, ListQuery, RunLive, Snapshot

SWEEP_BUDGET = 0.05
"""Seconds for one read; the rest is read next time."""

SWEEP_PERIOD = 5.0
"""Seconds after which the sweeps of an unfinished run that has changed are read again."""

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

PERIOD = 5.0
"""Seconds after which the second lines are read again: reasons to wait change without an event."""


class _KnownSweep(NamedTuple):
    line: RunLine
    """The run as it was read."""
    filled: RunLine
    """The same, with its sweeps."""
    read_at: float


class SweepReader:
    """Reads which values the members of sweeps have, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownSweep] = {}
        self._read: tuple[Sequence[RunLine], tuple[RunLine, ...]] = ((), ())
        """The runs of the last read, and the same with their sweeps."""
        self._is_stale = False
        """True if the sweeps of an unfinished run are to be read again in a while."""
        self.unfinished = False
        """True if the time budget ended before all sweeps were read."""

    def read(self, connection: Connection, runs: tuple[RunLine, ...]) -> tuple[RunLine, ...]:
        """Return the runs with their sweeps, as far as these were read."""
        if runs is self._read[0] and not (self.unfinished or self._is_stale):
            return self._read[1]
        now = time.monotonic()
        due = [run for run in runs if self._is_due(run, now)]
        self._look_up(connection, due, now + SWEEP_BUDGET)
        filled = tuple(self._filled(runs))
        self._read = (runs, filled if filled != self._read[1] else self._read[1])
        return self._read[1]

    def _is_due(self, run: RunLine, now: float) -> bool:
        known = self._known.get(run.id)
        if known is None or known.line is run:
            return known is None
        return run.status not in UNFINISHED or now - known.read_at > SWEEP_PERIOD

    def _look_up(self, connection: Connection, due: Sequence[RunLine], give_up_at: float) -> None:
        """Read the sweeps of these runs until the time budget ends."""
        swept = sweeps.with_sweeps(connection, [run.id for run in due]) if due else set()
        self.unfinished = False
        for run in due:
            now = time.monotonic()
            if run.id in swept and now > give_up_at:
                self.unfinished = True
                continue
            text = sweeps.sweeps_of_run(connection, run.id) if run.id in swept else ""
            filled = run._replace(sweeps_json=text) if text else run
            self._known[run.id] = _KnownSweep(run, filled, now)

    def _filled(self, runs: Sequence[RunLine]) -> Iterator[RunLine]:
        self._is_stale = False
        for run in runs:
            known = self._known.get(run.id)
            if known is None or known.line is run:
                yield run if known is None else known.filled
            else:
                self._is_stale = True
                yield run._replace(sweeps_json=known.filled.sweeps_json)


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
        in_trouble = [run.id] if run.trouble.nan else []
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
    """Reads the headline metric's name of listed runs, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownTitle] = {}
        self._chosen: dict[str, str] = {}
        """By pipeline the title of its main metric."""
        self._order: list[str] = []
        """These titles in the order of their columns, which does not change as runs come."""
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
        metrics = {metric_title(one.metric): one.metric for one in found if one.metric}
        columns = self._columns(found)
        member = max((one.member for one in found), default=0)
        has_steps = any(one.metric is not None and one.run.current for one in found)
        return ListedMetrics(metrics, columns, member, has_steps=has_steps)

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


class InViewReader:
    """Adds sweeps, estimated ends, live data, metrics and second lines to a snapshot."""

    def __init__(self) -> None:
        self._etas = EtaEstimator()
        self._live = HeadlineReader()
        self._metrics = MetricReader()
        self._sweeps = SweepReader()
        self._titles = TitleReader()
        self._second_lines = Cache[Mapping[str, RunDetails]](period=PERIOD)
        """For the runs in view and the newest event."""

    @property
    def unfinished(self) -> bool:
        """True if the last read left out slow parts, which the next one will read."""
        return self._sweeps.unfinished or self._metrics.unfinished or self._titles.unfinished

    def read(self, connection: Connection, query: ListQuery, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of all runs with the data that is read of visible runs only."""
        runs = self._sweeps.read(connection, snapshot.runs)
        by_id = {run.id: run for run in runs}
        running = [run.id for run in runs if run.status == Status.RUNNING and run.lost is None]
        endings = self._etas.of_list(connection, running) if running else {}
        shown = [by_id[run_id] for run_id in query.rows if run_id in by_id]
        gpus: dict[str, list[int]] = {}
        for (_, index), use in sorted(snapshot.gpu_uses.items(), key=lambda used: used[0][1]):
            gpus.setdefault(use.run_id, []).append(index)
        newest = [by_id[run_id] for run_id in query.listed if run_id in by_id]
        longest = max((len(",".join(map(str, found))) for found in gpus.values()), default=0)
        return snapshot._replace(
            runs=runs,
            endings=endings,
            live=self._live.read(connection, shown, self._etas.goals, gpus) if shown else {},
            metrics=self._metrics.read(connection, query.metrics, runs),
            listed=self._titles.read(connection, newest)._replace(gpus=longest),
            details=self._details(connection, query.rows) if query.details else {},
        )

    def _details(self, connection: Connection, rows: Sequence[str]) -> Mapping[str, RunDetails]:
        state = (rows, event_feed.last(connection))
        return self._second_lines.read(state, lambda: run_list.details_of(connection, rows))
