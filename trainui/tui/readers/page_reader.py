"""Reads the data of a run's page, in the reader thread."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from trainui import clock, paths, system
from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import CURVE, ComparedMetric, headline
from trainui.model.records import AttemptRecord, Event, Lost, RunRecord, SeriesSummary, StageRecord
from trainui.model.states import CHECKPOINT, ENDED, METRIC_ALERTS, NAN, WAITING, Status
from trainui.pipeline.filling import searches_of
from trainui.resume import checkpoints, code_version, search_results
from trainui.resume.outputs import first_matches, matches, roots
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.read_points import curves_of
from trainui.store.read import event_feed, headlines, run_in_json, run_list, time_worked, views
from trainui.store.read.time_worked import TimeWorked, union
from trainui.store.read.views import StageCache
from trainui.supervisor.protocol import STARTED_FILE, STDERR_FILE, STDOUT_FILE
from trainui.text import harmless, run_label
from trainui.tui.curve_data import Curves
from trainui.tui.numbers import exact_step, no_better_since, number
from trainui.tui.readers.curve_reader import CurveReader
from trainui.tui.readers.progress import log_state, shown_progress
from trainui.tui.readers.series import own_parameters
from trainui.tui.readers.stage_values import AlertReader, BestSteps, SweepMemberReader
from trainui.tui.readers.time_to_go import EtaEstimator
from trainui.tui.snapshot import (
    Cache,
    CurvesPage,
    DetailTab,
    LogProgress,
    MatrixDetail,
    MetricQuery,
    RunPage,
    RunQuery,
    StageActivity,
    StageDetail,
    StageFile,
    StageFiles,
    as_attempt,
)

MOST, DEEPEST = 2000, 5
"""The most files of a stage that are listed, and levels of subdirectories that are searched."""

UNREAD = "they are not read to their end yet"
"""Shown instead of where metrics were looked for, until the reader has read all of a stage."""

NOTHING_LOST = Lost()

FIRST_STAGES = 200
"""Stages in a page's first snapshot: more than a terminal has lines."""


CODE_EVERY = 5.0
"""Least seconds between two calls of git for a stage that waits."""

SHARED_EVERY = 10 * clock.SECOND
"""Microseconds between two looks at files that a running stage shares with others."""

SEARCH_PERIOD = 5.0
"""Seconds between two searches for a running stage's checkpoints, and for its NaN values."""

MOST_ALERTS, MOST_SHOWN = 50, 3
"""The newest alerts that are read, and of them those shown."""

MOST_NONFINITE = 3
"""The most metrics with NaN or infinite values that are named."""

MOST_EVENTS = 500
"""The most events shown of a stage and its run."""


def stage_files(
    stage: StageRecord, attempts: Sequence[AttemptRecord] = (), number: int | None = None
) -> StageFiles:
    """List a stage's files; with `number`, those that this attempt was the last to write."""
    if number is None:
        return _files_in(stage.definition, Path(stage.directory))
    attempt, later = attempts[number - 1], attempts[number:]
    marks = Path(attempt.directory)
    found = _files_in(attempt.definition or stage.definition, paths.stage_directory(marks))
    begin = _started(marks)
    begin = attempt.granted_at if begin is None else begin
    end = (_started(Path(later[0].directory)) if later else None) or math.inf
    own = tuple(file for file in found.files if begin <= file.changed_at < end)
    return found._replace(files=own, missing=(), attempt=number)


def _started(attempt_directory: Path) -> int | None:
    """Return an attempt's start by the clock of its file system, like the files' times."""
    found = system.look(attempt_directory / STARTED_FILE)
    return None if found is None else found.st_mtime_ns // 1000


def _files_in(definition: StageDefinition, directory: Path) -> StageFiles:
    if system.is_silent(str(directory)):
        return StageFiles(directory=str(directory))
    declared = {
        one: first_matches(one, roots(one, definition, directory)) for one in definition.outputs
    }
    outputs = {path for found in declared.values() for path in found}
    checkpoint = definition.checkpoint
    checkpoints = set(matches(checkpoint.glob, directory)) if checkpoint is not None else set()
    files: list[StageFile] = []
    for path in _walk(directory, DEEPEST):
        if len(files) == MOST:
            break
        if (status := system.look(path)) is None:
            continue  # deleted meanwhile
        above = {path, *path.parents}  # a directory may be declared
        role = "output" if above & outputs else "checkpoint" if above & checkpoints else ""
        relative, changed_at = os.path.relpath(path, directory), status.st_mtime_ns // 1000
        files.append(StageFile(relative, status.st_size, changed_at, role))
    files.sort(key=lambda file: (file.role != "output", not file.role, -file.changed_at))
    missing = tuple(one for one, found in declared.items() if not found)
    return StageFiles(tuple(files), missing, len(files) == MOST, str(directory))


def _walk(directory: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth and entry.name != paths.OURS:
                yield from _walk(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def commit(run_directory: Path) -> str:
    """Return the git commit that a run was submitted with; empty if it is not recorded."""
    content = code_version.recorded(run_directory)
    known = str(content.get("commit") or "")[:10]
    changed = " with uncommitted changes" if content.get("dirty") else ""
    return f"{known}{changed}" if known else ""


def _worked(
    run: RunRecord,
    stages: Sequence[StageRecord],
    tries: Mapping[str, Sequence[tuple[int, int | None]]],
) -> TimeWorked:
    """Return a run's time worked; `tries` has the intervals of stages with several attempts."""
    own = (one.interval for one in stages if one.name not in tries)
    every = [*filter(None, own), *chain.from_iterable(tries.values())]
    return union(every, continues=run.status == Status.RUNNING)


class CodeChanges:
    """Reads how the code has changed since a run's submission, for a stage that has not started."""

    def __init__(self) -> None:
        self._known = ("", "")
        """The run, and the text."""
        self._due = 0.0

    def read(self, run: RunRecord, stage: StageRecord) -> str:
        """Return the change as text; empty if there is none, or if the stage has started."""
        if stage.status not in WAITING:
            return ""
        if self._known[0] != run.id or time.monotonic() >= self._due:
            from trainui.resume import code_version  # few stages wait

            began = time.monotonic()
            self._known = run.id, harmless(code_version.since_submission(run))
            self._due = time.monotonic() + max(CODE_EVERY, 50 * (time.monotonic() - began))
        return self._known[1]


class ActivityReader:
    """Reads the activity of the selected stage, with a cache."""

    def __init__(self) -> None:
        self._steps = BestSteps()
        self._searched = Cache[tuple[StageActivity, int]](period=SEARCH_PERIOD)
        """What is searched for and the last step, for the stage and its attempt; of an ended one
        also for the version of its points."""
        self._metric = Cache[str]()
        """The headline metric, for the version of the stage's points, or for when its charts were
        read, and if it runs."""
        self._progress = Cache[LogProgress | None]()
        """The progress that the ends of the logs show, for their state."""

    def read(
        self,
        connection: Connection,
        stage: StageRecord,
        attempts: Sequence[AttemptRecord],
        *,
        earlier: bool = False,
        charts_at: float | None = None,
    ) -> StageActivity:
        """Read the activity of the last of these attempts; `stage` is as it was in it.

        Of an `earlier` attempt, the metrics are those of its own points. The headline metric is
        read when its charts are (`charts_at`; None: they are not shown), so that both agree.
        """
        if not attempts or attempts[-1].started_at is None:
            return StageActivity()
        own, is_running = stage.attempt if earlier else None, stage.status == Status.RUNNING
        version = headlines.versions(connection, [stage.id]).get(stage.id)
        key = (stage.id, stage.attempt, own, None if is_running else version)
        search = partial(_searched, connection, stage, attempts, own)
        found, last_step = self._searched.read(key, search)
        directory, progress, metric = Path(attempts[-1].directory), None, ""
        logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
        written = [log_state(log) for log in logs]
        if is_running:
            state = (directory, *written, last_step)
            progress = self._progress.read(state, lambda: shown_progress(logs, last_step))
        if version is not None:
            make = partial(self._headline, connection, stage, own)
            moment = version if charts_at is None else charts_at
            metric = self._metric.read((stage.id, moment, is_running, own), make)
        output_at = max((at for size, at in written if size), default=None)
        return found._replace(output_at=output_at, progress=progress, metric=metric)

    def _headline(self, connection: Connection, stage: StageRecord, own: int | None) -> str:
        """Return e.g. `val/loss  best 0.0011 at step 17,760, last 0.0123 (lower is better)`.

        Of a single number, `accuracy  0.912`.
        """
        search = stage.definition.objective
        has_curve = curves_of(connection, stage.id, stage.status)
        name = headline(headlines.names_of(connection, stage.id), search, has_curve)
        found = read_points.summaries(connection, [stage.id], name, attempt=own) if name else []
        if name is None or not found:
            return ""
        metric = ComparedMetric.of(name, search)
        series = found[0]
        if series.count < CURVE:
            return f"{harmless(metric.name)}  {number(series.last)}"
        last = f"last {number(series.last)}"
        best = series.min if metric.lower else series.max
        if metric.lower is None or best is None:
            return f"{harmless(metric.name)}  {last}"
        step = self._steps.read(connection, stage, metric, best) if own is None else None
        unit = point_sources.unit(connection, stage.id, name)
        where = ""
        if step is not None:
            where = f" at {unit} {exact_step(step)}{no_better_since(step, series, unit)}"
        words = f"{last} ({'lower' if metric.lower else 'higher'} is better)"
        return f"{harmless(metric.name)}  best {number(best)}{where}, {words}"


def _searched(
    connection: Connection,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    own: int | None,
) -> tuple[StageActivity, int]:
    """Return the newest checkpoint, NaN values and alerts, and the last step of all metrics."""
    series = read_points.summaries(connection, [stage.id], attempt=own)
    found = event_feed.stage_alerts(connection, stage, METRIC_ALERTS, most=MOST_ALERTS)
    found = [one for one in found if own in (None, one[0].attempt)]
    steps: dict[str, int | float] = {}  # of the first NaN values, as far as they were recorded
    for event, data in found:
        if _is_nan(event, data) and data.get("step") is not None:
            steps.setdefault(data.get("metric", ""), data["step"])
    checkpoint, written_at = _newest_checkpoint(stage, attempts, earlier=own is not None)
    activity = StageActivity(
        checkpoint=checkpoint,
        checkpoint_at=written_at,
        nonfinite=_nonfinite_text(connection, stage, series, steps),
        alerts=_alerts_text(stage, found),
    )
    return activity, int(max((one.last_step or 0 for one in series), default=0))


def _newest_checkpoint(
    stage: StageRecord, attempts: Sequence[AttemptRecord], *, earlier: bool
) -> tuple[str, int | None]:
    """Return the newest checkpoint and when it was written; of an earlier attempt, by its end."""
    if stage.definition.checkpoint is None:
        return "", None
    directories = [one.directory for one in attempts]
    where = checkpoints.search(stage.definition, stage.directory, directories)
    end = (attempts[-1].completed_at if earlier else None) or math.inf
    for path in where.found:
        status = system.look(path)
        written_at = None if status is None else status.st_mtime_ns // 1000
        if (written_at or 0) <= end:
            return harmless(path.name), written_at
    return "", None


def _is_nan(event: Event, data: Mapping[str, Any]) -> bool:
    return NAN in (event.kind, data.get("condition"))


def _alerts_text(stage: StageRecord, found: Iterable[tuple[Event, Mapping[str, Any]]]) -> str:
    """Return the newest alerts of the last attempt, one a line, and how many more there are."""
    words = [
        event.text.removeprefix(f"{stage.name}: ")
        for event, data in found
        if event.attempt == stage.attempt and not _is_nan(event, data)
    ]
    more = [f"{len(words) - MOST_SHOWN} earlier alerts"] if len(words) > MOST_SHOWN else []
    return "\n".join([*map(harmless, words[-MOST_SHOWN:]), *more])


def _nonfinite_text(
    connection: Connection,
    stage: StageRecord,
    series: Sequence[SeriesSummary],
    first_steps: Mapping[str, int | float],
) -> str:
    """Return e.g. `NaN or infinite: loss since step 1,204 (850 of 2,000 points)`; empty: none."""
    bad = [one for one in series if one.nonfinite]
    named = []
    for one in bad[:MOST_NONFINITE]:
        step = first_steps.get(one.name)
        unit = point_sources.unit(connection, stage.id, one.name)
        since = "" if step is None else f" since {unit} {step:,}"
        counts = f"{one.nonfinite:,} of {one.count:,} points"
        named.append(f"{harmless(one.name)}{since} ({counts})")
    more = [f"{len(bad) - MOST_NONFINITE} more metrics"] if len(bad) > MOST_NONFINITE else []
    return f"NaN or infinite: {', '.join([*named, *more])}" if named else ""


class _Selection(NamedTuple):
    """The selected stage and attempt of a page, and what they are read from."""

    connection: Connection
    run: RunRecord
    stages: Sequence[StageRecord]
    """All stages of the run."""
    stage: StageRecord
    attempts: Sequence[AttemptRecord]
    """All attempts of the stage, oldest first."""
    number: int | None = None
    """The number of the attempt to show; None: the last one."""

    @property
    def shown(self) -> Sequence[AttemptRecord]:
        """The attempts up to the one to show."""
        return self.attempts[: self.number]


class RunPageReader:
    """Reads a run's page, and the curves of the selected stage."""

    def __init__(self) -> None:
        self._etas = EtaEstimator()
        self._stages = StageCache()
        self._commits: dict[str, str] = {}
        """By run directory; the record does not change."""
        self._variables: dict[tuple[str, ...], str] = {}
        """By the attempts' directories; an attempt's environment does not change."""
        self._filled = Cache[StageDefinition | None]()
        """A definition with the results of searches, for it and their ends."""
        self._checkpoints = Cache[str]()
        """For a stage's last attempt; once that has started, the text does not change."""
        self._causes = Cache[Mapping[str, Any] | None]()
        """For an attempt that has failed."""
        self._places = Cache[str]()
        """For an attempt, since lines are counted and directories listed."""
        self._alerts = AlertReader()
        self._groups = SweepMemberReader(self._alerts)
        self._activity = ActivityReader()
        self._curves = CurveReader(self._groups)
        self._beside_charts = Cache[MatrixDetail | None]()
        """The table of a folded sweep, for the moment at which its charts were read."""
        self._code_changes = CodeChanges()
        self._begun_run: str | None = None
        """The run of which at least the first stages have been read."""

    def read(
        self, connection: Connection, query: RunQuery, lost: Lost = NOTHING_LOST
    ) -> RunPage | None:
        """Read a page, with the stages marked that are lost; None if the run does not exist."""
        run = views.run(connection, query.run_id)
        if run is None:
            return None
        if (first := self._first(connection, run)) is not None:
            return first
        stages = tuple(lost.marked(self._stages.read(connection, query.run_id)))
        selected = next((stage for stage in stages if stage.name == query.stage), None)
        members = [stage for stage in stages if stage.definition.group == query.group]
        group = None
        if query.group is not None:
            group = self._groups.read(connection, members, smoothed=query.smoothed)
        attempts: dict[str, list[AttemptRecord]] = {}
        detail = None
        if selected is not None:
            own = attempts[selected.id] = views.attempts_of_stage(connection, selected.id)
            number = query.attempt if (query.attempt or 0) < len(own) else None
            of = _Selection(connection, run, stages, selected, own, number)
            best = next(iter(() if group is None else group.best_first(members)), None)
            detail = self._detail(of, query, _plotted(connection, selected, members, best))
            if group is not None and (at := self._charts_at(detail.curves)) is not None:
                # the table beside the charts is of the same moment
                states = tuple((stage.id, stage.status) for stage in members)
                group = self._beside_charts.read((at, query.smoothed, states), lambda: group)
        eta = self._etas.look(connection, run, stages)
        alerts = self._alerts.read(connection, run.id)
        is_retried = any(stage.has_earlier for stage in stages)
        tries = time_worked.of_retried(connection, run.id) if is_retried else {}
        worked, loss = _worked(run, stages, tries), lost.runs.get(run.id)
        parent = _parent(connection, run)
        return RunPage(
            run, stages, attempts, detail, eta, group, alerts, worked, tries, loss, parent
        )

    def _charts_at(self, found: Curves | None) -> float | None:
        """Return when the charts of a page were read; None without charts."""
        return self._curves.drawn_at if found is not None and found.charts else None

    def _detail(self, of: _Selection, query: RunQuery, plotted: StageRecord) -> StageDetail:
        """Return what all detail tabs of a stage show, and what the open one shows."""
        connection, run, stage = of.connection, of.run, of.stage
        found = None
        if query.curves:
            found = self._curves.read(connection, plotted, of.stages, query.curves)
        if not self._commits.get(run.directory):
            self._commits = {run.directory: commit(Path(run.directory))}
        detail = StageDetail(
            stage.name,
            found,
            tuple(harmless(one.problem) for one in read_points.problems(connection, [stage.id])),
            self._searched_places(of, found),
            commit=self._commits[run.directory],
            plotted=plotted.name,
            own_parameters=own_parameters(connection, run.id, [stage.definition])[0],
        )
        if query.tab == DetailTab.OUTPUTS:
            return detail._replace(files=stage_files(stage, of.attempts, of.number))
        if query.tab == DetailTab.EVENTS:
            return detail._replace(events=_events(of))
        if query.tab == DetailTab.PARAMS:
            return detail
        unknown, filled = self._with_results(of)
        shown, is_earlier = as_attempt(stage, of.shown), of.number is not None
        return detail._replace(
            filled=filled,
            has_waiting_edit=_has_waiting_edit(connection, stage),
            code_change=self._code_changes.read(run, stage),
            unknown_results=unknown,
            variables=self._variables_of(of.shown),
            checkpoint=self._checkpoint_of(of),
            cause=self._cause_of(of),
            activity=self._activity.read(
                connection,
                shown,
                of.shown,
                earlier=is_earlier,
                charts_at=self._charts_at(found) if plotted is stage else None,
            ),
            summary=_summary(connection, stage) if stage.completed_at is not None else {},
        )

    def _first(self, connection: Connection, run: RunRecord) -> RunPage | None:
        """Return the first stages of a large run, once, so that its page appears immediately."""
        if self._begun_run == run.id:
            return None
        self._begun_run = run.id
        line = run_list.lines_of(connection, [run.id]).get(run.id)
        if line is None or line.total <= 2 * FIRST_STAGES:
            return None
        stages = tuple(views.stages(connection, run.id, limit=FIRST_STAGES))
        return RunPage(run, stages, worked=line.worked, more=line.total - len(stages))

    def _searched_places(self, of: _Selection, curves: Curves | None) -> str:
        """Return where metrics were looked for, if a stage has ended without any, as text."""
        stage, is_silent = of.stage, curves is not None and not curves.figures
        if not is_silent or stage.status not in ENDED or not of.attempts or of.run.is_external:
            return ""
        last = of.attempts[-1]
        if last.is_unread:
            return UNREAD

        def describe() -> str:
            from trainui.metrics.discovery import stage_sources  # NumPy, which few pages need

            where = Path(last.directory), Path(stage.directory)
            return harmless(stage_sources.searched_places(*where, stage.definition))

        return self._places.read(last.id, describe)

    def _cause_of(self, of: _Selection) -> Mapping[str, Any] | None:
        """Return why the attempt shown failed."""
        last = of.shown[-1] if of.shown else None
        if last is None or last.status != Status.FAILED:
            return None
        name = of.stage.name
        return self._causes.read(
            last.id, lambda: event_feed.cause(of.connection, of.run.id, name, last.number)
        )

    def _checkpoint_of(self, of: _Selection) -> str:
        """Return why the last attempt did not resume from the newest checkpoint; empty: it did.

        Or that it wrote checkpoints that no field names, or files that another stage wrote too.
        """
        stage, last = of.stage, of.attempts[-1] if of.attempts else None
        if last is None or not last.started_at:
            return ""

        def words() -> str:
            marks = event_feed.last_alerts(of.connection, stage.run_id, (CHECKPOINT,))
            found = (harmless(event.text) for event in marks.get(stage.name, ()))
            both = views.written_by_both(of.connection, stage.id, Path(last.directory))
            shared = map(harmless, both)
            return "  ".join([*(text.removeprefix(f"{stage.name}: ") for text in found), *shared])

        age = None if last.completed_at else clock.now() // SHARED_EVERY
        return self._checkpoints.read((stage.id, last.number, last.completed_at, age), words)

    def _with_results(self, of: _Selection) -> tuple[str, StageDefinition | None]:
        """Return an attempt's definition with the results of searches, or why they are unknown."""
        stage, last = of.stage, of.shown[-1] if of.shown else None
        definition = (last.definition if last else None) or stage.definition
        searches = searches_of(definition)
        if not searches:
            return "", None
        started_at = last.started_at if last is not None and stage.status not in WAITING else None
        if unknown := search_results.unknown_to(definition, of.stages, started_at):
            return unknown, None
        ends = max(one.completed_at or 0 for one in of.stages if one.definition.group in searches)
        fill = partial(search_results.filled_in, of.connection, stage.run_id, definition)
        return "", self._filled.read((stage.id, definition, ends), fill)

    def _variables_of(self, attempts: Sequence[AttemptRecord]) -> str:
        """Return the environment variables in which the last two of these attempts differ."""
        if len(attempts) < 2 or attempts[-1].started_at is None:
            return ""
        before, after = attempts[-2:]
        key = (before.directory, after.directory)
        if key not in self._variables:
            found = code_version.environment_difference(
                Path(before.directory), Path(after.directory)
            )
            if found is None:
                return ""  # it may be recorded later
            parts = (("", found.changed), ("new ", found.added), ("unset ", found.gone))
            words = ", ".join(f"{word}{' '.join(names)}" for word, names in parts if names)
            shown = f"since attempt {before.number}: {words}" if words else ""
            self._variables = {key: harmless(shown)}
        return self._variables[key]

    def read_metric_page(self, connection: Connection, query: MetricQuery) -> CurvesPage | None:
        """Read the page of one metric; None if the run or the stage does not exist."""
        run_id, name = query.run_id, query.stage
        if not name:
            compared = self._curves.compared_stage(connection, query.curves.compared.runs)
            run_id, name = compared or (run_id, "")
        run = views.run(connection, run_id)
        stages = tuple(self._stages.read(connection, run_id))
        last = stages[-1] if stages and not name else None  # without metrics, any will do
        selected = next((stage for stage in stages if stage.name == name), last)
        if run is None or selected is None:
            return None
        found = self._curves.read(connection, selected, stages, query.curves)
        attempts = views.attempts_of_stage(connection, selected.id)
        of = _Selection(connection, run, stages, selected, attempts)
        group = selected.definition.group
        members = tuple(one for one in stages if group and one.definition.group == group)
        places = self._searched_places(of, found)
        return CurvesPage(run, selected, found, places, members, len(stages))


def _parent(connection: Connection, run: RunRecord) -> str:
    """Return the run that a run came from as text; of a deleted one the id."""
    if run.origin is None:
        return ""
    found = views.run(connection, run.origin)
    return run.origin if found is None else run_label(found.name, found.id)


def _plotted(
    connection: Connection,
    stage: StageRecord,
    members: Sequence[StageRecord],
    best: StageRecord | None,
) -> StageRecord:
    """Return a stage; of a folded sweep the best member, else the first with metrics."""
    whole = [one for one in members if one.definition.gathers]
    if found := [one for one in whole if headlines.has_series(connection, one.id)]:
        own = stage.definition.each_checkpoint
        return next((one for one in found if own and one.name == own.member_of), found[0])
    if best is not None:
        return best
    if not members or headlines.has_series(connection, stage.id):
        return stage
    begun = headlines.versions(connection, [one.id for one in members])
    others = (one for one in members if one.id in begun)
    return next((one for one in others if headlines.has_series(connection, one.id)), stage)


def _summary(connection: Connection, stage: StageRecord) -> Mapping[str, Any]:
    return run_in_json.tracked_summary(views.submission(connection, stage.run_id), stage.name)


def _has_waiting_edit(connection: Connection, stage: StageRecord) -> bool:
    """Return True if a stage was running when its definition was edited."""
    is_running = stage.status == Status.RUNNING
    return is_running and stage.name in views.submission(connection, stage.run_id).get(
        "waiting", ()
    )


def _events(of: _Selection) -> tuple[Event, ...]:
    """Return the events of a stage and its run; of an attempt, up to the next attempt's grant."""
    found = views.stage_events(of.connection, of.run.id, of.stage.name, most=MOST_EVENTS)
    if of.number is None:
        return tuple(found)
    begin = of.shown[-1].granted_at if of.number > 1 else 0
    later = of.attempts[of.number :]
    end = later[0].granted_at if later else math.inf
    return tuple(event for event in found if begin <= event.time < end)
