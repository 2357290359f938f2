"""The progress of a stage: last output and checkpoint, headline metric, and when it will end."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from trainui import clock, settings
from trainui.model.headline_metric import ComparedMetric, headline
from trainui.model.notifications import MARKED, NAN
from trainui.model.records import AttemptRecord, Event, RunRecord, SeriesSummary, StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline.rules.remaining_time import LEAST_ELAPSED, PastDuration, StepProgress
from trainui.resume import checkpoints
from trainui.store.db.protocol import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.read_points import curves_of
from trainui.store.read import event_feed, headlines, run_history, views
from trainui.store.read.views import StageCache
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.system import plain_files
from trainui.text import harmless
from trainui.tui.numbers import exact_step, number
from trainui.tui.readers.log_progress import end_of_work, log_progress
from trainui.tui.readers.stage_values import BestSteps
from trainui.tui.snapshot.params import number_of
from trainui.tui.snapshot.run_page import Eta, LogProgress, RunEta, StageActivity
from trainui.tui.snapshot.snapshot import Cache

PROGRESS_BYTES = 4096
"""The beginning of a log in which `max_steps` is searched for."""

_TOTAL = re.compile(rb"(?:max_steps|total optimization steps)[^\w-]{1,4}([\d,]+)", re.IGNORECASE)

_OPTION = re.compile(r"(?:--|\b)([\w.]*?\w+)[= ](\d+)(?!\S)")
"""`--epochs 14` and `epochs=14` in a command."""

OTHER_STEPS = ("max_train_steps", "total_steps", "total_timesteps", "train_steps", "max_iters")
"""Further names of a parameter with the number of steps; `n_steps` is another thing in RL."""

_LENGTH = re.compile(
    r"(?:epochs?|steps|iters|iterations|timesteps|rounds|updates)\Z", re.IGNORECASE
)
"""The end of an option's name that says how long a training is."""

_JSON_SIGNS = re.compile(r'[",\[\]{}:]+')

ESTIMATE_PERIOD = 2
"""Seconds for which the end of a stage's work by its log is cached."""

SEARCH_PERIOD = 5.0
"""Seconds between two searches for a running stage's checkpoints, and for its NaN values."""

MOST_ALERTS, MOST_SHOWN = 50, 3
"""The newest alerts that are read, and of them those shown."""

MOST_NONFINITE = 3
"""The most metrics with NaN or infinite values that are named."""

HISTORY_PERIOD = 5.0
"""Seconds for which the history of earlier runs is cached."""

MOST_RUNS, MOST_STAGES = 20, 8
"""The most listed runs with an estimate (unfinished ones, newest first), and the most stages
estimated by their step rate; others by elapsed time only."""


def most_steps(logs: Sequence[Path]) -> int:
    """Return the number of steps that the beginning of a log announces; 0: none."""
    for log in logs:
        try:
            with plain_files.open_plain(log) as file:
                match = _TOTAL.search(file.read(PROGRESS_BYTES))
        except OSError:
            continue
        if match is not None and (digits := match[1].replace(b",", b"")):
            return int(digits)
    return 0


def seen(log: Path) -> tuple[int, int]:
    """Return a log's size, and when it was last written, in microseconds; 0 if it is missing."""
    try:
        status = plain_files.status(log)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns // 1000


class ActivityReader:
    """Reads the activity of the selected stage, with a cache."""

    def __init__(self) -> None:
        self._steps = BestSteps()
        self._searched = Cache[tuple[StageActivity, int]](period=SEARCH_PERIOD)
        """What is searched for and the last step, for the stage and its attempt; of an ended one
        also for the version of its points."""
        self._metric = Cache[str]()
        """The headline metric, for the version of the stage's points, and if it runs."""
        self._progress = Cache[LogProgress | None]()
        """The progress that the ends of the logs show, for their state."""

    def read(
        self,
        connection: Connection,
        stage: StageRecord,
        attempts: Sequence[AttemptRecord],
        *,
        earlier: bool = False,
    ) -> StageActivity:
        """Read the activity of the last of these attempts; `stage` is as it was in it.

        Of an `earlier` attempt, the metrics are those of its own points.
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
        written = [seen(log) for log in logs]
        if is_running:
            state = (directory, *written, last_step)
            progress = self._progress.read(state, lambda: _progress(logs, last_step))
        if version is not None:
            make = partial(self._headline, connection, stage, own)
            metric = self._metric.read((stage.id, version, is_running, own), make)
        output_at = max((at for size, at in written if size), default=None)
        return replace(found, output_at=output_at, progress=progress, metric=metric)

    def _headline(self, connection: Connection, stage: StageRecord, own: int | None) -> str:
        """Return e.g. `val/loss  best 0.0011 at step 17,760, last 0.0123 (lower is better)`."""
        search = stage.definition.objective
        has_curve = curves_of(connection, stage.id, stage.status)
        name = headline(headlines.names_of(connection, stage.id), search, has_curve)
        found = read_points.summaries(connection, [stage.id], name, attempt=own) if name else []
        if name is None or not found:
            return ""
        metric = ComparedMetric.of(name, search)
        series = found[0]
        last = f"last {number(series.last)}"
        best = series.min if metric.lower else series.max
        if metric.lower is None or best is None:
            return f"{harmless(metric.name)}  {last}"
        step = self._steps.read(connection, stage, metric, best) if own is None else None
        unit = point_sources.unit(connection, stage.id, name)
        where = "" if step is None else f" at {unit} {exact_step(step)}"
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
    found = event_feed.stage_alerts(connection, stage, MARKED, most=MOST_ALERTS)
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


def _progress(logs: Sequence[Path], last_step: int) -> LogProgress | None:
    """Return the log's progress; else the last step of those that its beginning announces."""
    found = log_progress(logs)
    total = most_steps(logs) if found is None and last_step else 0
    is_better = found is None and total and last_step <= total
    return LogProgress("step", last_step, total) if is_better else found


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
        status = plain_files.look(path)
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


@dataclass(frozen=True, slots=True)
class _Past:
    """The history of a run's stages in earlier runs, by full name."""

    completions: Mapping[str, Sequence[PastDuration]]
    usual: Mapping[str, float | None]
    """The usual duration of a stage in seconds."""
    last_steps: dict[str, float | None] = field(default_factory=dict)
    """The last steps of the completions read so far, by stage id."""


class EtaEstimator:
    """Estimates end times; the history of earlier runs is cached for some seconds."""

    def __init__(self) -> None:
        self._past = Cache[_Past](2 * MOST_RUNS, HISTORY_PERIOD)
        self._cpus = settings.load().cpus
        self._ends = Cache[int | None](math.inf)
        """When a stage's work will be done by its log, by its id."""
        self._stages: dict[str, StageCache] = {}
        """Cached stages of listed runs, by run id."""
        self.goals: dict[str, float] = {}
        """By a running stage's id, its last step in an earlier completed run."""

    def look(self, connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> RunEta:
        """Return the estimated end of a run and of its running stages."""
        if run.status not in UNFINISHED:
            return RunEta(None, {})
        now = clock.now()
        before = self._past.read(None, lambda: _past(connection, run, stages), run.id)
        worked = run_history.elapsed(connection, stages, now)
        progress = _with_steps(connection, run, stages, worked, before)
        for stage in stages:
            if stage.name in progress and (goal := progress[stage.name].last_step):
                self.goals[stage.id] = goal
            else:
                self.goals.pop(stage.id, None)
        seconds = run_history.seconds_left(stages, before.usual, progress)
        alive = [one for one in stages if one.name in progress and seconds_may_be_known(one)]
        for stage in alive[:MOST_STAGES]:
            if (left := self._by_log(connection, run, stage, now)) is not None:
                seconds[stage.name] = left
        remaining = run_history.remaining_time_of(stages, seconds, self._cpus)
        ending = None if remaining is None else _ending(now, remaining.seconds, remaining.whole)
        running = {
            name: _ending(now, left, True)
            for name in progress
            if (left := seconds[name]) is not None
        }
        return RunEta(ending, running)

    def _by_log(
        self, connection: Connection, run: RunRecord, stage: StageRecord, now: int
    ) -> float | None:
        """Return the seconds that a stage's log leaves, by its own counts; None: unknown."""

        def read() -> int | None:
            attempts = views.attempts_of_stage(connection, stage.id)
            if not attempts or attempts[-1].started_at is None:
                return None
            directory = Path(attempts[-1].directory)
            logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
            total_of = partial(_total_of, run, stage, logs)
            return end_of_work(directory, attempts[-1].started_at, now, total_of)

        # read again twice in five seconds, since a unit may take longer than the others
        state = stage.attempt, now // (ESTIMATE_PERIOD * clock.SECOND)
        end = self._ends.read(state, read, stage.id)
        return None if end is None else max(end - now, 0) / clock.SECOND

    def of_list(self, connection: Connection, run_ids: Sequence[str]) -> dict[str, Eta]:
        """Return the estimated ends of listed runs, by id; runs without an estimate are omitted."""
        found = {}
        looked_at = run_ids[:MOST_RUNS]
        self._stages = {one: self._stages.get(one) or StageCache() for one in looked_at}
        for run_id, stages in self._stages.items():
            if (run := views.run(connection, run_id)) is not None:
                ending = self.look(connection, run, stages.read(connection, run_id)).run
                if ending is not None:
                    found[run_id] = ending
        return found


def seconds_may_be_known(stage: StageRecord) -> bool:
    """Return False for a stage that may never end."""
    return not stage.stalled and stage.lost_at is None


def _total_of(run: RunRecord, stage: StageRecord, logs: Sequence[Path], unit: str) -> float | None:
    """Return how many of a unit there will be: by the parameters, or by the log's beginning."""
    if unit == "step" and (announced := most_steps(logs)):
        return announced
    params = {**run.params, **stage.definition.member_values, **stage.definition.params}
    command = stage.definition.command or ""
    text = command if isinstance(command, str) else " ".join(command)
    given = dict(_OPTION.findall(text))
    names = (f"max_{unit}s", f"num_train_{unit}s", f"num_{unit}s", f"{unit}s")
    for name in (*names, *(OTHER_STEPS if unit == "step" else (f"n_{unit}s",))):
        for known in (given, params):
            if (value := number_of(str(known.get(name, "")))) is not None and value > 0:
                return value
    return None


def _past(connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> _Past:
    found = run_history.completions(connection, run, stages)
    return _Past(found, run_history.usual(found))


def _ending(now: int, seconds: float, whole: bool) -> Eta:
    # rounded to seconds, so that an unchanged estimate compares equal
    return Eta((now + int(seconds * clock.SECOND)) // clock.SECOND * clock.SECOND, whole)


def _with_steps(
    connection: Connection,
    run: RunRecord,
    stages: Sequence[StageRecord],
    progress: Mapping[str, StepProgress],
    past: _Past,
) -> dict[str, StepProgress]:
    """Return the progress with step counts of first attempts added.

    The last step is that of the parameters, else that of an earlier completion. None are added
    beyond it: that one had fewer steps.
    """
    found = dict(progress)
    first = [one for one in stages if one.name in progress and one.attempt == 1]
    for stage in first[:MOST_STAGES]:
        if (step := _last_step(connection, stage.id)) is None:
            continue
        last = _total_of(run, stage, (), _unit_of(connection, stage))
        completions = past.completions.get(stage.name)
        if last is None and completions and _is_as_long(completions[0], run, stage):
            before = completions[0].stage_id
            if before not in past.last_steps:
                past.last_steps[before] = _last_step(connection, before)
            last = past.last_steps[before]
        if last is not None and step <= last:
            own = replace(progress[stage.name], step=step, last_step=last)
            found[stage.name] = _by_times_of_points(connection, stage.id, own)
    return found


def _is_as_long(before: PastDuration, run: RunRecord, stage: StageRecord) -> bool:
    """Return False if an earlier completion was given another number of epochs or steps."""
    before_it, now = (
        {
            name: number
            for name, number in _OPTION.findall(_JSON_SIGNS.sub(" ", work))
            if _LENGTH.search(name)
        }
        for work in (before.work, run_history.work_of(run, stage))
    )
    return before_it == now


def _unit_of(connection: Connection, stage: StageRecord) -> str:
    """Return what the steps of a stage's metrics count: `step`, or `epoch` if all of them do."""
    epochs = point_sources.counted_in_epochs(connection, stage.id)
    if not epochs:
        return "step"
    names = {one.name for one in read_points.summaries(connection, [stage.id])}
    return "epoch" if names <= epochs else "step"


def _by_times_of_points(
    connection: Connection, stage_id: str, progress: StepProgress
) -> StepProgress:
    """Return the progress between the first and the last point, without what was before it."""
    highest = max(
        read_points.summaries(connection, [stage_id]), key=lambda one: one.last_step or 0.0
    )
    kept = read_points.with_cuts(read_points.segments_of(connection, stage_id, highest.name))
    first, last = (read_points.load(connection, kept[at][0]) for at in (0, -1))
    begin, end = int(first.times[0]), int(last.times[-1])
    spent = (end - begin) / clock.SECOND
    if min(begin, end) <= 0 or spent < LEAST_ELAPSED:
        return progress
    idle = max(clock.now() - end, 0) / clock.SECOND
    return replace(progress, first_step=float(first.steps[0]), elapsed=spent, idle=idle)


def _last_step(connection: Connection, stage_id: str) -> float | None:
    steps = (one.last_step for one in read_points.summaries(connection, [stage_id]))
    return max((step for step in steps if step is not None), default=None)
