"""The progress that a stage's log prints, and when the stage and its run will end.

Counts in a log: `epoch 3/10`, `step 40 of 100`, `Train Epoch: 4 [352/360 (98%)]`, `epoch_3`, the
bars of tqdm, Rich and Keras, and bars within an epoch. A count with values behind it is of a unit
that is over, a heading without any begins one. The pace is that between the first and the last
count, each with the time at which the supervisor saw it, so that imports and the loading of data do
not count. Where a log says nothing, the stage's steps and earlier runs do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from trainui import clock, settings, system
from trainui.control.log_files import GrowthTimes
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import UNFINISHED
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.read import run_history, views
from trainui.store.read.run_history import LEAST_ELAPSED, PastDuration, SlotsInUse, StepProgress
from trainui.store.read.views import StageCache
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.text import as_overwritten
from trainui.tui.numbers import number_of
from trainui.tui.snapshot import Cache, Eta, LogProgress, RunEta

HEAD_BYTES, TAIL_BYTES = 65_536, 4096
"""The beginning of a log in which its first count is sought, and the end for its last one."""

BLOCK, MOST_BLOCKS, LINE = 16_384, 512, 256
"""Bytes that are read at once, and how many times, back to the epoch that a bar belongs to: Keras
and Rich print a bar's every state, and an epoch only once. And the bytes before each that are read
too, in which a line may begin."""

LEAST_PART = 0.01
"""The share of the work between two counts from which they tell the pace."""

RECENT_PART, LEAST_RECENT = 0.25, 3
"""The newest share of what is done that tells the pace, as later epochs may take longer, and the
least number of units. Whole ones, so that a validation at the end of each counts in full."""

_UNIT = r"(?<![a-z])(epoch|step|iter(?:ation)?|round|update)s?(?![a-z])"
_OUTER = re.compile(
    _UNIT + r"(?:\([a-z]+\))?[\W_]{0,3}(\d+)\]?(?!\.?\d)(?:\s*(?:/|of)\s*\[?(\d+))?", re.IGNORECASE
)
"""`Epoch [3/10]`, `epoch_3`, `Epoch(train) [3][10/38]`."""

_INNER = re.compile(
    r"\d%\|.*\|\s*(?P<bar>\d+)/(?P<of_bar>\d+)"
    r"|\[?\s*(?P<place>\d+)/(?P<of>\d+)(?:\]| \(\d+%\)\])"
    r"|(?:^|\s)(?P<keras>\d+)/(?P<of_keras>\d+)\s+(?:\[[=>.]+\]|[━╸╺]+)"
    r"|[━╸╺]{4,}\s+(?:(?P<rich>\d+)/(?P<of_rich>\d+)|(?P<percent>\d+)%)"
)
"""A bar of tqdm, a place such as `[352/360 (98%)]`, and the bars of Keras and of Rich."""

_CLOCK = re.compile(r" \[(?:(\d+):)?(\d+):(\d+)<")
"""How long a bar of tqdm has run."""


class Mark(NamedTuple):
    """A count in a log."""

    shown: LogProgress
    position: float
    """How many units are done."""
    end: int
    """The offset of its line's end in the log."""

    @property
    def outer(self) -> tuple[str, int, int]:
        """The unit, its number and how many there are."""
        return self.shown.unit, self.shown.done, self.shown.total


def _lines(data: bytes, offset: int) -> Iterator[tuple[str, int]]:
    """Yield the states of lines, also overwritten ones, with the offsets of their ends."""
    for piece in re.split(rb"(?<=[\r\n])", data):
        offset += len(piece)
        text = as_overwritten(piece.decode("utf-8", "replace").strip("\r\n")).rstrip()
        if text:
            yield text, offset


def marks(
    data: bytes, offset: int = 0, *, from_zero: bool = False, before: Mark | None = None
) -> Iterator[Mark]:
    """Yield the counts in a part of a log, in order.

    Within a unit the position never falls: a bar of the validation follows that of the training.

    Args:
        data: the part.
        offset: where it begins in the log.
        from_zero: True if the first unit is 0.
        before: the last count before the part, to whose unit bars belong.
    """
    reached = before
    outer = None if before is None else before.outer
    for mark in _marks(data, offset, from_zero=from_zero, outer=outer):
        if reached is not None and reached.outer == mark.outer and mark.shown.unit != "bar":
            reached = mark._replace(position=max(mark.position, reached.position))
        else:
            reached = mark
        yield reached


def _marks(
    data: bytes, offset: int, *, from_zero: bool, outer: tuple[str, int, int] | None
) -> Iterator[Mark]:
    for text, end in _lines(data, offset):
        found = [one for one in _OUTER.finditer(text) if _is_count(*one.groups(""))]
        rest = text[found[-1].end() :] if found else text
        inner = _inner(rest)
        if found:
            unit, done, total = found[-1].groups("")
            outer = (unit.lower(), int(done), int(total or 0))
            over = bool(re.search(r"\d", rest))
            position = float(outer[1] - (not over) + from_zero)
            if inner is not None:
                position = outer[1] - 1 + from_zero + inner[0] / inner[1]
            shown = LogProgress(*outer, inner=inner)
            yield Mark(shown, min(max(position, 0.0), outer[2] or position), end)
        elif inner is not None and outer is not None and outer[0] == "epoch":
            position = outer[1] - 1 + from_zero + inner[0] / inner[1]
            yield Mark(LogProgress(*outer, inner=inner), max(position, 0.0), end)
        elif (inner is not None and "%|" in text) or (inner is not None and "━" in text):
            yield Mark(LogProgress("bar", *inner, _ran(text)), float(inner[0]), end)


def _is_count(unit: str, done: str, total: str) -> bool:
    """Return True for `3/10`, and for an epoch also without the total."""
    return 0 < int(total) >= int(done) if total else unit.lower() == "epoch"


def _inner(text: str) -> tuple[int, int] | None:
    """Return how much of a part is done, e.g. of an epoch."""
    match = next(reversed([*_INNER.finditer(text)]), None)
    if match is None:
        return None
    if match["percent"]:
        return int(match["percent"]), 100
    names = (("bar", "of_bar"), ("place", "of"), ("keras", "of_keras"), ("rich", "of_rich"))
    for name, of in names:
        if match[name]:
            done, total = int(match[name]), int(match[of])
            return (done, total) if 0 < total >= done else None
    return None


def _ran(text: str) -> int | None:
    match = _CLOCK.search(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _read(log: Path, size: int, *, end: bool) -> tuple[bytes, int]:
    try:
        with system.open_plain(log) as file:
            start = max(file.seek(0, 2) - size, 0) if end else 0
            file.seek(start)
            return file.read(size), start
    except OSError:
        return b"", 0


def log_progress(logs: Sequence[Path]) -> LogProgress | None:
    """Return the progress in the last lines of logs; a count goes before a bar of its parts."""
    found = _last(logs)
    return None if found is None else found[1].shown


def _last(logs: Sequence[Path]) -> tuple[int, Mark, bool] | None:
    """Return the last count, the index of its log, and if its first unit is 0."""
    newest_first = sorted(range(len(logs)), key=lambda at: _written(logs[at]), reverse=True)
    found: list[tuple[int, Mark, bool]] = []
    for at in newest_first:
        head = next(marks(_read(logs[at], HEAD_BYTES, end=False)[0]), None)
        from_zero = head is not None and head.shown.unit != "bar" and head.shown.done == 0
        mark = _last_of(logs[at], from_zero)
        found += [] if mark is None else [(at, mark, from_zero)]
    counts = (one for one in found if one[1].shown.unit != "bar")
    return next(counts, next(iter(found), None))


def _last_of(log: Path, from_zero: bool) -> Mark | None:
    """Return a log's last count."""
    data, start = _read(log, TAIL_BYTES, end=True)
    found = next(reversed([*marks(data, start, from_zero=from_zero)]), None)
    if found is None or found.shown.unit != "bar" or not start:
        return found
    last = start // BLOCK
    for block in range(last, max(last - MOST_BLOCKS, -1), -1):
        until = start if block == last else None
        if (before := _last_in_block(log, block, until, from_zero)) is not None:
            return [*marks(data, start, from_zero=from_zero, before=before)][-1]
    return found


@lru_cache(maxsize=4096)
def _last_in_block(log: Path, block: int, until: int | None, from_zero: bool) -> Mark | None:
    """Return the last count of a block of a log that is no bar; a log is never overwritten."""
    end = (block + 1) * BLOCK if until is None else until
    try:
        with system.open_plain(log) as file:
            start = file.seek(max(block * BLOCK - LINE, 0))
            data = file.read(end - start)
    except OSError:
        return None
    counts = marks(data, start, from_zero=from_zero)
    return next(reversed([one for one in counts if one.shown.unit != "bar"]), None)


def _mark_before(log: Path, last: Mark, position: float, from_zero: bool) -> Mark | None:
    """Return the last count of the same unit up to a position, by halving the log."""

    def reached(block: int) -> Mark | None:
        for at in range(block, max(block - MOST_BLOCKS, -1), -1):
            mark = _last_in_block(log, at, None, from_zero)
            if mark is not None and _is_same_unit(mark, last):
                return mark
        return None

    low, high = 0, last.end // BLOCK
    while low < high:
        middle = (low + high) // 2
        mark = reached(middle)
        if mark is None or mark.position <= position:
            low = middle + 1
        else:
            high = middle
    before = reached(low - 1) if low else None
    found = [] if before is None else [before]
    try:
        with system.open_plain(log) as file:
            start = file.seek(max(low * BLOCK - LINE, 0))
            counts = marks(file.read(BLOCK + LINE), start, from_zero=from_zero)
    except OSError:
        return None
    found += [one for one in counts if _is_same_unit(one, last)]
    return next((one for one in reversed(found) if one.position <= position), None)


def _is_same_unit(mark: Mark, other: Mark) -> bool:
    return (mark.shown.unit, mark.shown.total) == (other.shown.unit, other.shown.total)


def _written(log: Path) -> int:
    try:
        return system.status(log).st_mtime_ns
    except OSError:
        return 0


def end_of_work(
    directory: Path, started_at: int, now: int, total_of: Callable[[str], float | None]
) -> int | None:
    """Return when an attempt's work will be done, in microseconds since 1970; None: unknown.

    Args:
        directory: the attempt's, with its logs.
        started_at: when it started.
        now: the time.
        total_of: returns how many of a unit, e.g. `epoch`, there will be, if the log says none.
    """
    logs = [directory / name for name in (STDOUT_FILE, STDERR_FILE)]
    found = _last(logs)
    if found is None:
        return None
    at, last, from_zero = found
    total = float(last.shown.total) or total_of(last.shown.unit)
    if not total or last.position >= total:  # nobody knows how long what follows will take
        return None
    times = GrowthTimes(directory)
    times.poll()
    begun = _time(times, at, 1) or started_at
    last_at = _time(times, at, last.end) or _written(logs[at]) // 1000
    if last.shown.seconds is not None and last.shown.total:  # by the bar's own clock
        if not last.shown.covers((last_at - started_at) / clock.SECOND):
            return None
        begun = last_at - last.shown.seconds * clock.SECOND
    first, first_at = 0.0, begun
    for mark in marks(_read(logs[at], HEAD_BYTES, end=False)[0], from_zero=from_zero):
        if _is_same_unit(mark, last):
            first_time = _time(times, at, mark.end)
            if first_time and last.position - mark.position >= LEAST_PART * total:
                first, first_at = mark.position, first_time
            break
    units = math.ceil(max((last.position - first) * RECENT_PART, LEAST_RECENT))
    if last.position - units > first:
        recent = _mark_before(logs[at], last, last.position - units, from_zero)
        if recent is not None and (recent_at := _time(times, at, recent.end)):
            first, first_at = recent.position, recent_at
    done, spent = last.position - first, last_at - first_at
    if done <= 0 or spent <= 0:
        return None
    one = spent / done
    left = total - last.position
    # a unit that takes longer than the others is almost done
    return int(max(last_at + left * one, now + max(left - 1, 0) * one))


def _time(times: GrowthTimes, rank: int, end: int) -> int | None:
    return times.time(times.moment(rank, end))


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

HISTORY_PERIOD = 5.0
"""Seconds for which the history of earlier runs is cached."""

MOST_RUNS, MOST_STAGES = 20, 8
"""The most listed runs with an estimate (unfinished ones, newest first), and the most stages
estimated by their step rate; others by elapsed time only."""


def most_steps(logs: Sequence[Path]) -> int:
    """Return the number of steps that the beginning of a log announces; 0: none."""
    for log in logs:
        try:
            with system.open_plain(log) as file:
                match = _TOTAL.search(file.read(PROGRESS_BYTES))
        except OSError:
            continue
        if match is not None and (digits := match[1].replace(b",", b"")):
            return int(digits)
    return 0


def shown_progress(logs: Sequence[Path], last_step: int) -> LogProgress | None:
    """Return the log's progress; else the last step of those that its beginning announces."""
    found = log_progress(logs)
    total = most_steps(logs) if found is None and last_step else 0
    is_better = found is None and total and last_step <= total
    return LogProgress("step", last_step, total) if is_better else found


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
        use = SlotsInUse.read(connection, run.id, self._host)
        self._gpus = max(self._gpus, use.own["gpu"] + use.others["gpu"])
        slots = use.left(stages, self._cpus, self._gpus)
        remaining = run_history.remaining_time_of(stages, seconds, slots)
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
    """Return the progress between two points, without what was before the first one.

    Those of the rarest metric: a validation takes time after many steps, and its metric is logged
    once in each such cycle. Of all steps, the newest share tells the pace.
    """
    known = read_points.summaries(connection, [stage_id])
    series, every = min(_in_step(known), key=lambda one: one[0].count, default=(None, 0.0))
    if series is None:
        return progress
    is_first_cycle = any(one.count == 1 for one in known)
    last_step, first_step = series.last_step or 0.0, series.first_step or 0.0
    recent = max((last_step - first_step) * RECENT_PART, LEAST_RECENT * every)
    recent = last_step - first_step if is_first_cycle else recent
    kept = read_points.with_cuts(read_points.segments_of(connection, stage_id, series.name))
    last = read_points.load(connection, kept[-1][0])
    begins = [at for at, (one, _) in enumerate(kept) if one.stats.low_step <= last_step - recent]
    first = read_points.load(connection, kept[begins[-1] if begins else 0][0])
    at = max(int((first.steps <= last_step - recent).sum()) - 1, 0)
    begin, end = int(first.times[at]), int(last.times[-1])
    spent = (end - begin) / clock.SECOND
    if min(begin, end) <= 0 or spent < LEAST_ELAPSED:
        return progress
    idle = max(clock.now() - end, 0) / clock.SECOND
    own = replace(progress, first_step=float(first.steps[at]), step=float(last.steps[-1]))
    return replace(own, elapsed=spent, idle=idle, every=every)


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
