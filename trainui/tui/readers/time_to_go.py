"""When a stage and its run will end: by the counts in the log, by the steps, by earlier runs.

The pace is that between the first and the last count, so that imports and the loading of data do
not count. Where a log says nothing, the stage's steps and earlier runs do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from trainui import clock, paths, settings
from trainui.model.headline_metric import importance
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.record import dataclass
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.read import run_history, views
from trainui.store.read.run_history import LEAST_ELAPSED, PastDuration, SlotsInUse, StepProgress
from trainui.store.read.views import StageCache
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.tui.numbers import number_of
from trainui.tui.readers.progress import (
    Counted,
    Mark,
    is_same_unit,
    log_progress,
    most_steps,
    written_at,
)
from trainui.tui.snapshot import Cache, Eta, LogProgress, RunEta

LEAST_PART, LEAST_LONE, LEAST_UNIT = 0.01, 0.1, 0.25
"""The shares of the work between two counts, and up to the only one, from which they tell the pace;
and the part of a first unit that is measured."""

FIRST = 1
"""Units left out once there is another one: the first reads and compiles what others find ready."""

RECENT_OF_COURSE, SURE_AFTER = 0.5, 15
"""The newest share of what is done from which the pace is measured against an earlier attempt, of
which it is known how long the units took; and the seconds for which it is taken for the same."""

RECENT_PART, LEAST_RECENT, LEAST_CYCLES = 0.25, 10, 3
"""The newest share of what is done that gives the pace, as later epochs may take longer; the least
number of units, as each tenth step may save; and of evaluations with the steps between them. Whole
ones, so that a validation at the end of each counts in full."""

ESTIMATE_PERIOD = 2
"""Seconds for which the end of a stage's work by its log is cached."""

LEAST_SAME, RARER = 0.6, 2.0
"""The least ratio of two counts that are of the same steps; and how much rarer than other metrics
that of a validation is."""

LEAST_SPENT, EVERY_SLACK = LEAST_ELAPSED * clock.SECOND, 0.05
"""The least time between points that gives the pace, in microseconds; and the share of the steps
between two evaluations by which the last one may be late, as steps are counted from 0 or 1."""

MOST_SEGMENTS = 64
"""The most segments of points that are read to see how long evaluations take."""

SHORT_MEMBERS, SHORT_GAP = 10, 10 * clock.SECOND
"""Newest members of a sweep, and the most time between two of their ends, in microseconds, from
which one sees that what starts them counts, too."""

HISTORY_PERIOD = 5.0
"""Seconds for which the history of earlier runs is cached."""

MOST_RUNS, MOST_STAGES = 20, 8
"""The most listed runs with an estimate (unfinished ones, newest first), and the most stages
estimated by their step rate; others by elapsed time only."""


_OPTION = re.compile(r"(?:--|\b)([\w.]*?\w+)[= ](\d+)(?!\S)")
"""`--epochs 14` and `epochs=14` in a command."""

OTHER_STEPS = ("max_train_steps", "total_steps", "total_timesteps", "train_steps", "max_iters")
"""Further names of a parameter with the number of steps; `n_steps` is another thing in RL."""

_LENGTH = re.compile(
    r"(?:epochs?|steps|iters|iterations|timesteps|rounds|updates)\Z", re.IGNORECASE
)
"""The end of an option's name that says how long a training is."""

_EVALUATES = re.compile(
    r"(?<![a-z0-9])(?:eval(?:uation)?|val(?:id(?:ation)?)?)_(?:strategy|steps|interval|every|freq\w*"
    r"|check_interval)[= ]+(?!(?:no|none|never|false|0)\b)\S",
    re.IGNORECASE,
)
"""`--eval_strategy steps`: evaluations will come, of which nobody knows yet how long they take."""

VALIDATION = (0, 1)
"""The ranks of validation metrics (`model.headline_metric`)."""

_JSON_SIGNS = re.compile(r'[",\[\]{}:]+')


Count = tuple[float, int]
"""How many units were done, and when, in microseconds."""


class Earlier(NamedTuple):
    """An earlier completed attempt at the same work."""

    directory: Path
    completed_at: int


def end_of_work(
    directory: Path,
    started_at: int,
    now: int,
    total_of: Callable[[str], float | None],
    earlier: Earlier | None = None,
) -> int | None:
    """Return when an attempt's work will be done, in microseconds since 1970; None: unknown.

    Args:
        directory: the attempt's, with its logs.
        started_at: when it started.
        now: the time.
        total_of: returns how many of a unit, e.g. `epoch`, there will be, if the log says none.
        earlier: what took the time that the rest of this one will take, at its own pace.
    """
    if (own := Counted.read(directory)) is None:
        return None
    last, begin = own.last, own.first()
    before = None if earlier is None else _counted_alike(earlier, last)
    total = float(last.shown.total) or total_of(last.shown.unit)
    total = total or (0.0 if before is None else before.last.position)
    # a unit of which parts are counted may end with a validation, which is not counted
    has_parts = last.shown.inner is not None and begin is not None and begin.position % 1 > 0
    whole = max(math.ceil(last.position) - 1, 0) if has_parts else last.position
    if not total or (whole >= total and before is None):  # what follows may take any time
        return None
    last_at = own.time(last.end) or written_at(own.log) // 1000
    if (begun := _beginning(own, started_at, last_at)) is None:
        return None
    first, end = own.at(begin), (last.position, last_at)
    over = own.reached(whole) if has_parts else None
    if over is not None and first is not None and over[0] - first[0] >= LEAST_UNIT:
        end = over
    if first is None or end[0] - first[0] < LEAST_PART * total:
        if end[0] < LEAST_LONE * total:
            return None
        first = 0.0, begun
    elif end[0] >= FIRST + 1 and first[0] < FIRST:  # the first unit, too, has a start-up
        first = _narrower(first, own.reached(FIRST), end)
    part = RECENT_PART if before is None else RECENT_OF_COURSE
    units = math.ceil(max((end[0] - first[0]) * part, LEAST_RECENT))
    if end[0] - units > first[0]:
        first = _narrower(first, own.reached(end[0] - units), end)
    if end[0] <= first[0] or end[1] - first[1] < LEAST_ELAPSED * clock.SECOND:
        return None
    if earlier is not None and before is not None:
        done_at = _end_by_earlier(before, earlier.completed_at, first, end, now)
        if done_at is not None:
            return done_at
    return _end_by_pace(total, first, end, now)


def _counted_alike(earlier: Earlier, last: Mark) -> Counted | None:
    """Return the counts of an earlier attempt; None if they are of another unit."""
    counted = Counted.read(earlier.directory)
    return counted if counted is not None and is_same_unit(counted.last, last) else None


def _beginning(own: Counted, started_at: int, last_at: int) -> int | None:
    """Return when the work began; None if the last bar is not of the whole attempt."""
    shown = own.last.shown
    if shown.seconds is None or not shown.total:
        return own.time(1) or started_at
    if not shown.covers((last_at - started_at) / clock.SECOND):
        return None
    return last_at - shown.seconds * clock.SECOND  # by the bar's own clock


def _narrower(first: Count, later: Count | None, end: Count) -> Count:
    """Return a later count to begin at, if what remains is long enough to be measured."""
    is_long = later is not None and end[1] - later[1] >= 2 * LEAST_ELAPSED * clock.SECOND
    return later if later is not None and is_long else first


def _end_by_earlier(
    before: Counted, completed_at: int, first: Count, end: Count, now: int
) -> int | None:
    """Return the end if the rest takes as long as an earlier attempt's, at the pace since `first`.

    None if the earlier attempt printed no counts there.
    """
    began, then, after = map(before.reached, (first[0], end[0], end[0] + 1))
    if began is None or then is None or after is None:
        return None
    usual = then[1] - began[1] + SURE_AFTER * clock.SECOND
    pace = (end[1] - first[1] + SURE_AFTER * clock.SECOND) / usual
    later = completed_at - after[1] if after[0] > end[0] else 0
    rest = completed_at - then[1]
    return int(max(end[1] + rest * pace, now + later * pace))


def _end_by_pace(total: float, first: Count, end: Count, now: int) -> int:
    """Return the end if each unit takes as long as those between two counts."""
    a_unit = (end[1] - first[1]) / (end[0] - first[0])
    left = total - end[0]
    # a unit that takes longer than the others is almost done
    return int(max(end[1] + left * a_unit, now + max(left - 1, 0) * a_unit))


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
        self._cpus, self._host = (loaded := settings.load()).cpus, settings.host(loaded)
        self._gpus = 0
        """The most GPUs that were seen in use at once."""
        self._ends = Cache[int | None](math.inf)
        """When a stage's work will be done by its log, by its id."""
        self._shown = Cache[LogProgress | None](math.inf)
        """What a stage's log counts, by its id."""
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
        progress, cyclic = self._with_steps(connection, run, stages, worked, before)
        for stage in stages:
            if stage.name in progress and (goal := progress[stage.name].last_step):
                self.goals[stage.id] = goal
            else:
                self.goals.pop(stage.id, None)
        seconds = run_history.seconds_left(stages, before.usual, progress)
        awaited = set[str]()
        alive = [one for one in stages if one.name in progress and seconds_may_be_known(one)]
        for stage in alive[:MOST_STAGES]:
            earlier = _earlier(connection, before.completions.get(stage.name, ()), run, stage)
            if stage.name in cyclic and earlier is None and seconds[stage.name] is not None:
                continue
            if (left := self._by_log(connection, run, stage, earlier, now)) is not None:
                seconds[stage.name] = left
            past = before.completions.get(stage.name, ())
            if (
                earlier is None
                and seconds[stage.name]
                and _awaits_evaluation(connection, run, stage, past)
            ):
                awaited.add(stage.name)
        _add_members(run, stages, seconds, worked, before.completions)
        use = SlotsInUse.read(connection, run.id, self._host)
        self._gpus = max(self._gpus, use.own["gpu"] + use.others["gpu"])
        places = self._workers_cpus(), self._gpus
        slots = use.left(stages, *places)
        _add_starts(stages, seconds, slots)
        remaining = run_history.remaining_time_of(stages, seconds, slots)
        # what waits until other runs end takes longer by an unknown time
        waits = not progress and use.hold_up(stages, *places)
        ending = None
        silent = {stage.name for stage in stages if stage.stalls_after is not None}
        if remaining is not None and silent.isdisjoint(progress):
            is_whole = remaining.whole and not waits and not awaited
            ending = _ending(now, remaining.seconds, is_whole)
        running = {
            name: _ending(now, left, name not in awaited)
            for name in progress
            if (left := seconds[name]) is not None and name not in silent
        }
        return RunEta(ending, running)

    def _workers_cpus(self) -> int:
        """Return the CPU slots of the worker; without one, those that it would have."""
        from trainui.execution.daemon import health  # the first picture does without

        return health.cpu_slots(paths.home()) or self._cpus

    def _by_log(
        self,
        connection: Connection,
        run: RunRecord,
        stage: StageRecord,
        earlier: Earlier | None,
        now: int,
    ) -> float | None:
        """Return the seconds that a stage's log leaves, by its own counts; None: unknown."""

        def read() -> int | None:
            attempts = views.attempts_of_stage(connection, stage.id)
            if not attempts or attempts[-1].started_at is None:
                return None
            directory = Path(attempts[-1].directory)
            logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
            total_of = partial(_total_of, run, stage, logs)
            return end_of_work(directory, attempts[-1].started_at, now, total_of, earlier)

        # read again twice in five seconds, since a unit may take longer than the others
        state = stage.attempt, now // (ESTIMATE_PERIOD * clock.SECOND)
        end = self._ends.read(state, read, stage.id)
        return None if end is None else max(end - now, 0) / clock.SECOND

    def _with_steps(
        self,
        connection: Connection,
        run: RunRecord,
        stages: Sequence[StageRecord],
        progress: Mapping[str, StepProgress],
        past: _Past,
    ) -> tuple[dict[str, StepProgress], set[str]]:
        """Return the progress with step counts of first attempts, and of which cycles are known.

        The last step is that of the parameters or the log, else that of an earlier completion.
        None are added beyond it: that one had fewer steps.
        """
        found, cyclic = dict(progress), set[str]()
        first = [one for one in stages if one.name in progress and one.attempt == 1]
        for stage in first[:MOST_STAGES]:
            if (step := _last_step(connection, stage.id)) is None:
                continue
            last = _total_of(run, stage, (), _unit_of(connection, stage))
            last = last or self._printed_total(connection, stage, step)
            completions = past.completions.get(stage.name)
            if last is None and completions and _is_as_long(completions[0], run, stage):
                before = completions[0].stage_id
                if before not in past.last_steps:
                    past.last_steps[before] = _last_step(connection, before)
                last = past.last_steps[before]
            if last is not None and step <= last:
                own = replace(progress[stage.name], step=step, last_step=last)
                found[stage.name], is_cyclic = _by_times_of_points(connection, stage, own)
                cyclic |= {stage.name} if is_cyclic else set()
        return found, cyclic

    def _printed_total(
        self, connection: Connection, stage: StageRecord, step: float
    ) -> float | None:
        """Return the total of the steps that a stage's log counts, if its points are of these."""

        def read() -> LogProgress | None:
            last = views.attempts_of_stage(connection, stage.id)[-1:]
            logs = [
                Path(one.directory) / name for one in last for name in (STDOUT_FILE, STDERR_FILE)
            ]
            return log_progress(logs)

        state = stage.attempt, clock.now() // (ESTIMATE_PERIOD * clock.SECOND)
        shown = self._shown.read(state, read, stage.id)
        if shown is None or shown.unit == "epoch" or not shown.total:
            return None
        is_same = LEAST_SAME * shown.done <= step <= shown.done / LEAST_SAME
        return float(shown.total) if is_same else None

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


def _add_members(
    run: RunRecord,
    stages: Sequence[StageRecord],
    seconds: dict[str, float | None],
    worked: Mapping[str, StepProgress],
    completions: Mapping[str, Sequence[PastDuration]],
) -> None:
    """Add the time that members of a sweep will take which wait, by those that run.

    An earlier run goes before these only if it was given as many epochs or steps.
    """
    running: dict[str, list[float]] = {}
    for stage in stages:
        left = seconds.get(stage.name)
        if stage.name in worked and left is not None:
            running.setdefault(stage.definition.group, []).append(worked[stage.name].elapsed + left)
    is_as_long: dict[str, bool] = {}
    for stage in stages:
        group, past = stage.definition.group, completions.get(stage.name)
        if stage.name in worked or stage.name not in seconds or group not in running:
            continue
        if past and group not in is_as_long:
            is_as_long[group] = _is_as_long(past[0], run, stage)
        if seconds[stage.name] is None or (past and not is_as_long[group]):
            seconds[stage.name] = sum(running[group]) / len(running[group])


def _add_starts(
    stages: Sequence[StageRecord], seconds: dict[str, float | None], slots: Mapping[str, int]
) -> None:
    """Let each short member of a sweep take the time between two ends, times the slots."""
    ended: dict[str, list[int]] = {}
    for stage in stages:
        if stage.status == Status.COMPLETED and stage.completed_at is not None:
            ended.setdefault(stage.definition.group, []).append(stage.completed_at)
    for group, times in ended.items():
        newest = sorted(times)[-SHORT_MEMBERS:]
        gaps = [later - one for one, later in pairwise(newest)]
        if len(newest) < SHORT_MEMBERS or max(gaps) > SHORT_GAP:
            continue
        between = sum(gaps) / len(gaps) / clock.SECOND
        for stage in stages:
            definition = stage.definition
            if definition.group != group or stage.name not in seconds:
                continue
            count = slots.get("gpu" if definition.gpus else "cpu", 1)
            least = between * count / min(max(definition.gpus or definition.cpus, 1), count)
            seconds[stage.name] = max(seconds[stage.name] or 0.0, least)


def seconds_may_be_known(stage: StageRecord) -> bool:
    """Return False for a stage that may never end."""
    return not stage.stalled and stage.lost_at is None


def _awaits_evaluation(
    connection: Connection, run: RunRecord, stage: StageRecord, past: Sequence[PastDuration]
) -> bool:
    """Return True if a stage will evaluate, and has not yet: what remains is a lower bound.

    An earlier run or the parameters say it.
    """

    def evaluates(stage_id: str) -> bool:
        found = read_points.summaries(connection, [stage_id])
        return any(importance(one.name) in VALIDATION for one in found)

    if evaluates(stage.id):
        return False
    params = {**run.params, **stage.definition.member_values, **stage.definition.params}
    words = (_command(stage), *(f"{name}={value}" for name, value in params.items()))
    said = any(_EVALUATES.search(one.replace("-", "_")) for one in words)
    return said or any(evaluates(one.stage_id) for one in past[:1])


def _command(stage: StageRecord) -> str:
    command = stage.definition.command or ""
    return command if isinstance(command, str) else " ".join(command)


def _total_of(run: RunRecord, stage: StageRecord, logs: Sequence[Path], unit: str) -> float | None:
    """Return how many of a unit there will be: by the parameters, or by the log's beginning."""
    if unit == "step" and (announced := most_steps(logs)):
        return announced
    params = {**run.params, **stage.definition.member_values, **stage.definition.params}
    given = dict(_OPTION.findall(_command(stage)))
    names = (f"max_{unit}s", f"num_train_{unit}s", f"num_{unit}s", f"{unit}s")
    for name in (*names, *(OTHER_STEPS if unit == "step" else (f"n_{unit}s",))):
        for known in (given, params):
            if (value := number_of(str(known.get(name, "")))) is not None and value > 0:
                return value
    return None


def _past(connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> _Past:
    found = run_history.completions(connection, run, stages)
    scaled: dict[str, list[PastDuration]] = {}
    for stage in stages:
        for one in found.get(stage.name, ())[: run_history.NEWEST]:
            if (times := _times_as_long(one, run, stage)) is not None:
                one = replace(one, seconds=one.seconds * times)
                scaled.setdefault(stage.name, []).append(one)
    return _Past(found, run_history.usual(scaled))


def _ending(now: int, seconds: float, whole: bool) -> Eta:
    # rounded to seconds, so that an unchanged estimate compares equal
    return Eta((now + int(seconds * clock.SECOND)) // clock.SECOND * clock.SECOND, whole)


def _earlier(
    connection: Connection, past: Sequence[PastDuration], run: RunRecord, stage: StageRecord
) -> Earlier | None:
    """Return the newest completion that was given as many epochs or steps, for a first attempt."""
    if stage.attempt != 1:
        return None
    for one in past:
        if _is_as_long(one, run, stage):
            last = views.attempts_of_stage(connection, one.stage_id)[-1:]
            for attempt in last:
                if attempt.number == 1 and attempt.completed_at is not None:
                    return Earlier(Path(attempt.directory), attempt.completed_at)
            break
    return None


def _is_as_long(before: PastDuration, run: RunRecord, stage: StageRecord) -> bool:
    """Return False if an earlier completion was given another number of epochs or steps."""
    return _times_as_long(before, run, stage) == 1


def _times_as_long(before: PastDuration, run: RunRecord, stage: StageRecord) -> float | None:
    """Return how many times as many epochs or steps a stage was given as earlier; None: unknown."""
    then, now = (
        {
            name: int(number)
            for name, number in _OPTION.findall(_JSON_SIGNS.sub(" ", work))
            if _LENGTH.search(name)
        }
        for work in (before.work, run_history.work_of(run, stage))
    )
    differ = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if not differ:
        return 1
    if len(differ) > 1 or not (then.get(differ[0]) and now.get(differ[0])):
        return None
    return now[differ[0]] / then[differ[0]]


def _unit_of(connection: Connection, stage: StageRecord) -> str:
    """Return what the steps of a stage's metrics count: `step`, or `epoch` if all of them do."""
    epochs = point_sources.counted_in_epochs(connection, stage.id)
    if not epochs:
        return "step"
    names = {one.name for one in read_points.summaries(connection, [stage.id])}
    return "epoch" if names <= epochs else "step"


def _by_times_of_points(
    connection: Connection, stage: StageRecord, progress: StepProgress
) -> tuple[StepProgress, bool]:
    """Return the progress between two points, without what was before the first one.

    Those of the rarest metric: a validation takes time after many steps, and its metric is logged
    once in each such cycle. Of all steps, the newest share gives the pace. True: it is rarer than
    others.
    """
    known = read_points.summaries(connection, [stage.id])
    every_of = sorted(_in_step(known), key=lambda one: one[1])
    if not every_of:
        return _by_one_point(connection, stage.id, known, progress), False
    often, least = every_of[0]
    first_step, highest = often.first_step or 0.0, often.last_step or 0.0
    lone = [one for one in known if one.count == 1 and one.last_step is not None]
    ends = [one for one in lone if (one.last_step or 0.0) - first_step >= RARER * least]
    cycle = next((one for one in ends if highest < 2.5 * (one.last_step or 0.0)), None)
    series, every = every_of[-1] if cycle is None else (cycle, (cycle.last_step or 0.0))
    last_step = series.last_step or 0.0
    left = _left_with_pauses(connection, stage.id, (often.name, series.name), every, progress)
    if left is not None and (cycle is not None or every >= RARER * least):
        return replace(progress, left=left), True
    recent = max((last_step - (series.first_step or 0.0)) * RECENT_PART, LEAST_CYCLES * every)
    begin = _point_at(connection, stage.id, series.name, last_step - recent)
    if cycle is not None:
        begin = _point_at(connection, stage.id, often.name, -math.inf)
    end = _point_at(connection, stage.id, series.name, math.inf)
    spent = (end[1] - begin[1]) / clock.SECOND
    if min(begin[1], end[1]) <= 0 or spent < LEAST_ELAPSED:
        return _by_one_point(connection, stage.id, known, progress), False
    idle = max(clock.now() - end[1], 0) / clock.SECOND
    own = replace(progress, first_step=begin[0], step=end[0])
    own = replace(own, elapsed=spent, idle=idle, every=every)
    return own, cycle is not None or every >= RARER * least


def _left_with_pauses(
    connection: Connection,
    stage_id: str,
    names: tuple[str, str],
    every: float,
    progress: StepProgress,
) -> float | None:
    """Return the seconds that steps and the evaluations between them leave; None: unknown.

    An evaluation, and what is saved with it, is what the time between two points takes longer than
    others of as many steps. Those to come are counted, also one at the end.

    Args:
        names: the metric that is logged most often, and that of the evaluation.
        every: steps from an evaluation to the next.
        progress: the steps so far, and the last one.
    """
    import numpy as np

    last, reached = progress.last_step, progress.step or 0.0
    recent = max((reached - (progress.first_step or 0.0)) * RECENT_PART, LEAST_CYCLES * every)
    (steps, times), (at, ends) = (
        _points_from(connection, stage_id, name, reached - recent) for name in names
    )
    if last is None or min(times[0], ends[0]) <= 0 or times[-1] - times[0] < LEAST_SPENT:
        return None
    within = np.searchsorted(times, ends) - 1  # between which points; the last: after all of them
    counts = np.bincount(within[within >= 0], minlength=len(times))
    taken, done = np.diff(times) / clock.SECOND, np.diff(steps)
    plain, paused = counts[:-1] == 0, counts[:-1] > 0
    if done[plain].sum() <= 0:
        return None
    one = float(taken[plain].sum() / done[plain].sum())
    if paused.any():
        pause = float((taken[paused] - done[paused] * one).sum() / counts[:-1][paused].sum())
    elif counts[-1]:
        pause = (ends[-1] - times[-1]) / clock.SECOND - (at[-1] - steps[-1]) * one
    else:
        return None
    pause = max(float(pause), 0.0)
    to_come = math.floor((last - at[-1]) / every + EVERY_SLACK)
    whole = float(last - steps[-1]) * one + pause * (int(counts[-1]) + to_come)
    usual = float(np.median(done))
    is_due = counts[-1] or at[-1] + every <= steps[-1] + usual
    idle = max(clock.now() - int(times[-1]), 0) / clock.SECOND
    # a step that takes longer than the others is almost reached
    return float(max(whole - min(idle, usual * one + pause * bool(is_due)), 0.0))


def _points_from(connection: Connection, stage_id: str, name: str, begin: float) -> tuple[Any, Any]:
    """Return the steps and times of a metric's newest points, from a step on if these are few."""
    import numpy as np

    kept = read_points.with_cuts(read_points.segments_of(connection, stage_id, name))
    found = []
    for segment, _ in reversed(kept[-MOST_SEGMENTS:]):
        found.append(read_points.load(connection, segment))
        if segment.stats.low_step < begin:
            break
    found.reverse()
    steps, times = ([getattr(one, of) for one in found] for of in ("steps", "times"))
    return np.concatenate(steps), np.concatenate(times)


def _by_one_point(
    connection: Connection,
    stage_id: str,
    known: Sequence[SeriesSummary],
    progress: StepProgress,
) -> StepProgress:
    """Return the progress up to the last point, if that is far enough: it has the start-up, too."""
    last = max(known, key=lambda one: one.last_step or 0.0)
    step, at = _point_at(connection, stage_id, last.name, math.inf)
    if at <= 0:
        return progress
    if step < LEAST_LONE * (progress.last_step or 0.0):
        return replace(progress, step=None)
    idle = max(clock.now() - at, 0) / clock.SECOND
    return replace(
        progress, step=step, elapsed=max(progress.elapsed - idle, 0.0), idle=idle, every=step
    )


def _point_at(connection: Connection, stage_id: str, name: str, step: float) -> tuple[float, int]:
    """Return the last point up to a step, else the first one: its step and its time."""
    kept = read_points.with_cuts(read_points.segments_of(connection, stage_id, name))
    begins = [at for at, (one, _) in enumerate(kept) if one.stats.low_step <= step]
    points = read_points.load(connection, kept[begins[-1] if begins else 0][0])
    at = max(int((points.steps <= step).sum()) - 1, 0)
    return float(points.steps[at]), int(points.times[at])


def _in_step(known: Sequence[SeriesSummary]) -> Iterator[tuple[SeriesSummary, float]]:
    """Yield the metrics that are still logged, each with the steps between two of its points."""
    highest = max((one.last_step or 0.0 for one in known), default=0.0)
    for one in known:
        first, last = one.first_step or 0.0, one.last_step or 0.0
        every = (last - first) / max(one.count - 1, 1)
        if every > 0 and highest - last <= 1.5 * every:
            yield one, every


def _last_step(connection: Connection, stage_id: str) -> float | None:
    steps = (one.last_step for one in read_points.summaries(connection, [stage_id]))
    return max((step for step in steps if step is not None), default=None)
