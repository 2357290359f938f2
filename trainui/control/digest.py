"""The digest: what happened in a time, what is wrong now, and what one would do next.

All of it comes from the store, the disks and this machine's GPUs, read once; a reader of ten
thousand runs pays for those of the time alone.
"""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock, formatting, paths, settings
from trainui.errors import TrainuiError, UsageError
from trainui.model.headline_metric import lower_is_better
from trainui.model.notifications import MARKED, NAN, STALLED
from trainui.model.records import LOCAL, AttemptRecord, Event, RunRecord, StageRecord
from trainui.model.states import DONE, Status
from trainui.pipeline import field_names, matrix
from trainui.resume import checkpoints, integrity
from trainui.store.db import engine
from trainui.store.db.protocol import Connection
from trainui.store.points import read_points
from trainui.store.points.read_points import headline_of_run
from trainui.store.read import event_feed, run_list, views
from trainui.store.read.event_feed import EndedRun, StageAttempt
from trainui.system import disk, mounts
from trainui.text import harmless, markdown_cell, table

if TYPE_CHECKING:
    from trainui.control.boxes import Box

MOST_STAGES = 300
"""The newest stages of a pipeline of which values are compared: about 0.1 s."""

MOST_RUNS = 5
"""The newest runs of a pipeline of which the first with a metric chooses it."""

MOST_LINES, LEAST_LINES = 6, 4
"""Lines of a section in the text: where there is room, and so that any night is one screen."""

ONE_SCREEN = 34
"""Lines of the text, at most: a terminal's 36 without the bars of the screen, or the prompt."""

LAST = "last"
"""The word for the time at which a screen was last seen open."""

A_DAY = 24 * 3600 * clock.SECOND

MARGINS = 11
"""Columns of a row of next steps that are no text: those of the page, and between the two."""

WIDTH = 120
"""Characters of a line of the text; Markdown and JSON are not cut."""

LEAST_TEXT = 30
"""Least width of what a command is for, before a command that is long."""

SCREEN = "trainui"
"""The command that opens the screen, for what only a key does."""

NEXT = "Next"
"""The title of the section of commands."""

DISK = "disk"
"""The kind of trouble that is no stage's."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stage, or a disk, that something is wrong with."""

    run: str | None
    name: str
    """The run's name; for a disk its path."""
    stage: str | None
    kind: str
    """`failed`, `interrupted`, `stalled`, `nan`, `alert` or `disk`."""
    evidence: str
    since: int
    suggestion: Step
    box: str = ""
    """The box that it is on, reached by ssh; empty: none."""
    cause: Mapping[str, Any] | None = None
    """Why the attempt failed, as `show --json` has it; None: unknown, or it did not fail."""

    @property
    def words(self) -> str:
        """What happened, for a row."""
        if self.cause is not None:
            return str(self.cause["text"])
        where = self.evidence.partition(": ")[2] if self.kind == STALLED else ""
        return where or self.evidence


@dataclass(frozen=True, slots=True)
class PipelineBest:
    """A pipeline's best value, now and at the beginning of the time."""

    pipeline: str
    metric: str
    lower: bool
    before: float | None
    """None: there was none yet."""
    now: float
    run: str
    stage: str

    @property
    def command(self) -> str:
        """The command that runs it again, with the code of its snapshot if it has one."""
        return f"trainui rerun {formatting.short_id(self.run)} {shlex.quote(self.stage)}"


@dataclass(frozen=True, slots=True)
class GpuSeconds:
    """What this machine's GPUs, and those of other hosts, were used for."""

    used: float = 0.0
    """By attempts that ended well, are running, or were continued from."""
    idle: float = 0.0
    """On this machine: free while a stage that could use them was queued."""
    lost: float = 0.0
    """By the other attempts, after their last whole checkpoint."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened in a time; times are microseconds since 1970 in UTC."""

    since: int
    until: int
    ended: Sequence[EndedRun] = ()
    stages: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many stages of each run that ended are in each state."""
    trouble: Sequence[Trouble] = ()
    best: Sequence[PipelineBest] = ()
    gpu_seconds: GpuSeconds = GpuSeconds()
    waiting: Sequence[StageRecord] = ()
    next: Sequence[Step] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of the runs that are named, by id."""
    boxes: Sequence[str] = ()
    """The boxes whose digests it has too: their runs have the ids `BOX:RUN`."""

    def to_json(self) -> dict[str, Any]:
        """Return the digest as `--json` prints it; with boxes, each part has its box."""
        found = self._parts()
        if self.boxes:
            for key in ("ended", "trouble", "best", "waiting"):
                found[key] = [_with_box(one) for one in found[key]]
            for part, one in zip(found["trouble"], self.trouble, strict=True):
                part["box"] = one.box or None
        return found

    def _parts(self) -> dict[str, Any]:
        return {
            "since": clock.to_iso(self.since),
            "until": clock.to_iso(self.until),
            "ended": [
                {
                    "run": one.id,
                    "name": one.name,
                    "status": str(one.status),
                    "stages": dict(self.stages.get(one.id, {})),
                }
                for one in self.ended
            ],
            "trouble": [
                {
                    "run": one.run,
                    "name": one.name,
                    "stage": one.stage,
                    "kind": one.kind,
                    "cause": one.cause,
                    "evidence": one.evidence,
                    "since": clock.to_iso(one.since),
                    "suggestion": asdict(one.suggestion),
                }
                for one in self.trouble
            ],
            "best": [
                {
                    "pipeline": one.pipeline,
                    "metric": one.metric,
                    "goal": "minimize" if one.lower else "maximize",
                    "before": one.before,
                    "now": one.now,
                    "run": one.run,
                    "stage": one.stage,
                    "command": one.command,
                }
                for one in self.best
            ],
            "gpu_seconds": asdict(self.gpu_seconds),
            "waiting": [
                {"run": one.run_id, "stage": one.name, "reason": one.reason} for one in self.waiting
            ],
            "next": [asdict(one) for one in self.next],
        }

    @property
    def headline(self) -> str:
        """The first line, e.g. `since 23:10, 8h: 12 completed, 2 failed`."""
        return f"since {formatting.local_time(self.since)}, {self._length}: {self._counts}"

    @property
    def after_absence(self) -> str:
        """The line for one who returns: `since you left, 7h 10m: 12 completed, best loss 0.1`."""
        best = [f"best {_value(one)}" for one in self.best[:1]]
        return f"since you left, {self._length}: {', '.join([self._counts, *best])}"

    def run_of(self, step: Step) -> str | None:
        """Return the id of the run that a step is about; None: it is about none."""
        for one in self.trouble:
            known = one.suggestion
            if known.command == step.command and step.text.startswith(known.text):
                return one.run
        return None

    @property
    def _length(self) -> str:
        return formatting.duration((self.until - self.since) / clock.SECOND)

    @property
    def _counts(self) -> str:
        counts = Counter(one.status for one in self.ended)
        words = [f"{count} {status}" for status, count in counts.most_common()]
        ill = Counter(one.kind for one in self.trouble)
        words += [f"{ill[kind]} {word}" for kind, word in _ILL.items() if ill[kind]]
        return ", ".join(words) or "nothing ended"


def _with_box(part: dict[str, Any]) -> dict[str, Any]:
    box, _, run_id = (part["run"] or "").rpartition(":")
    return {**part, "run": run_id or None, "box": box or None}


_ILL = {STALLED: "silent", NAN: "with NaN", "alert": "with an alert", DISK: "low on space"}


def since_of(text: str | None, now: int) -> int:
    """Return the time that `8h`, `07:30`, a time in ISO 8601 or `last` means.

    `last` is when a screen was last seen open; None means this, or a day where none was.

    Raises:
        UsageError: it is none of these, or in the future, or no screen was open.
    """
    if text in (None, LAST):
        try:
            return min(paths.home().screen_seen.stat().st_mtime_ns // 1000, now - 1)
        except OSError:
            if text is None:
                return now - A_DAY
        raise UsageError("no screen was open here yet; give a duration, as in `--since 8h`")
    found = None
    with suppress(ValueError):
        found = now - int(field_names.parse_duration(text) * clock.SECOND)
    if found is None:
        found = _time_of(text, now)
    if found is None or found >= now:
        raise UsageError(
            f"--since {text!r}: expected a duration (8h), a time of day (23:30), `last`, or a "
            "time in the past in ISO 8601"
        )
    return found


def _time_of(text: str, now: int) -> int | None:
    """Return a time of day, the last one before now, or a time in ISO 8601; None: it is neither."""
    today = clock.to_datetime(now).astimezone()
    with suppress(ValueError):
        hour = datetime.strptime(text, "%H:%M")
        moment = today.replace(hour=hour.hour, minute=hour.minute, second=0, microsecond=0)
        if moment >= today:
            moment -= timedelta(days=1)
        return int(moment.timestamp() * clock.SECOND)
    with suppress(ValueError, OverflowError, OSError):
        given = datetime.fromisoformat(text)
        return int((given if given.tzinfo else given.astimezone()).timestamp() * clock.SECOND)
    return None


def read(since: int, until: int) -> Digest:
    """Return the digest of the store; an empty one if there is no store yet."""
    if not engine.exists():
        return Digest(since, until)
    with engine.reading() as connection, engine.snapshot(connection):
        return digest(connection, since, until)


def digest(connection: Connection, since: int, until: int) -> Digest:
    """Return what happened between two times; what is wrong and waits is as it is now."""
    ended = event_feed.ended_runs(connection, since, until)
    attempts = event_feed.attempts_between(connection, since, until)
    queued = event_feed.in_state(connection, Status.QUEUED)
    runs = _runs(connection, [*(one.stage.run_id for one in attempts)])
    trouble = [  # what still uses a GPU comes first
        *_disks(until),
        *_ill(connection, attempts, since),
        *_ended_badly(connection, since, until),
    ]
    runs |= _runs(connection, [one.run for one in trouble if one.run is not None])
    runs |= _runs(connection, [one.run_id for one in queued])
    return Digest(
        since,
        until,
        ended,
        event_feed.states_of(connection, [one.id for one in ended]),
        trouble,
        list(_bests(connection, ended, runs.values(), since)),
        _gpu_seconds(connection, attempts, queued, since, until),
        queued,
        list(_next(connection, trouble, queued)),
        {run.id: run.name for run in runs.values()},
    )


def joined(own: Digest, there: Mapping[Box, Digest]) -> Digest:
    """Return the digests of here and of boxes as one, with the runs' ids and commands of here."""
    every = [own, *(_as_here(one, box) for box, one in there.items())]
    gpus = [one.gpu_seconds for one in every]
    return replace(
        own,
        ended=[one for part in every for one in part.ended],
        stages={key: value for part in every for key, value in part.stages.items()},
        trouble=[one for part in every for one in part.trouble],
        best=[one for part in every for one in part.best],
        gpu_seconds=GpuSeconds(
            sum(one.used for one in gpus),
            sum(one.idle for one in gpus),
            sum(one.lost for one in gpus),
        ),
        waiting=[one for part in every for one in part.waiting],
        next=[one for part in every for one in part.next],
        names={key: value for part in every for key, value in part.names.items()},
        boxes=[box.name for box in there],
    )


def _as_here(found: Digest, box: Box) -> Digest:
    """Return a box's digest with ids, names and commands that are understood here."""

    def step(one: Step) -> Step:
        return Step(f"{box.name}: {one.text}", _command_here(one.command, box))

    def trouble(one: Trouble) -> Trouble:
        run = None if one.run is None else f"{box.name}:{one.run}"
        cause = one.cause if isinstance((one.cause or {}).get("text"), str) else None
        return replace(one, run=run, box=box.name, suggestion=step(one.suggestion), cause=cause)

    return replace(
        found,
        ended=[one._replace(id=f"{box.name}:{one.id}") for one in found.ended],
        stages={f"{box.name}:{key}": value for key, value in found.stages.items()},
        trouble=[trouble(one) for one in found.trouble],
        best=[replace(one, run=f"{box.name}:{one.run}") for one in found.best],
        waiting=[one._replace(run_id=f"{box.name}:{one.run_id}") for one in found.waiting],
        next=[step(one) for one in found.next],
        names={f"{box.name}:{key}": f"{box.name}:{name}" for key, name in found.names.items()},
    )


_OF_A_RUN = re.compile(r"trainui (?:resume|logs|metrics|stacks|rerun) (?=[\w.-]{4})")


def _command_here(command: str, box: Box) -> str:
    """Return a command of a box's digest as it is typed here."""
    if command == SCREEN:
        return command
    if (found := _OF_A_RUN.match(command)) is not None:
        return f"{found[0]}{box.name}:{command[found.end() :]}"
    words = command.removeprefix("trainui ")
    return f"ssh {box.host} {shlex.quote(box.line(words))}"


def _runs(connection: Connection, run_ids: Iterable[str]) -> dict[str, RunRecord]:
    found = (views.run(connection, one) for one in dict.fromkeys(run_ids))
    return {run.id: run for run in found if run is not None}


def _ended_badly(connection: Connection, since: int, until: int) -> Iterator[Trouble]:
    """Yield the stages that failed or were interrupted, and were not retried or resumed since."""
    stages = event_feed.ended_badly(connection, since, until)
    runs = _runs(connection, (one.run_id for one in stages))
    causes = {run_id: event_feed.causes(connection, run_id) for run_id in runs}
    for stage in stages:
        run, short = runs[stage.run_id], formatting.short_id(stage.run_id)
        cause = causes[run.id].get((stage.name, stage.attempt))
        step = Step(_remedy(run, cause), f"trainui resume {short}")
        if run.external is not None:
            step = Step(f"read the log of {run.name}", f"trainui logs {short} -n 50")
        elif cause is not None and (cause["edit"] or {}).get("params"):
            step = Step(_prepared_edit(run, stage, cause["edit"]), SCREEN)
        words = (stage.reason or (stage.error or "").partition("\n")[0]).strip()
        yield Trouble(
            run=run.id,
            name=run.name,
            stage=stage.name,
            kind=str(stage.status),
            evidence=words if cause is None else cause["evidence"] or words,
            since=stage.completed_at or until,
            suggestion=step,
            cause=cause,
        )


def _remedy(run: RunRecord, cause: Mapping[str, Any] | None) -> str:
    """Return what to do before a run is resumed, as far as it is known, and that."""
    if cause is None or not cause["fix"]:
        return f"resume {run.name}"
    return f"{cause['fix'].rstrip('.')}; then resume {run.name}"


def _prepared_edit(run: RunRecord, stage: StageRecord, edit: Mapping[str, Any]) -> str:
    """Return which key makes a prepared edit: no command does."""
    return f"P on {run.name}/{stage.name} edits and resumes it: {edit['note']}"


def _ill(connection: Connection, attempts: Sequence[StageAttempt], since: int) -> Iterator[Trouble]:
    """Yield the stages that are silent, and those of the time with a NaN or another alert."""
    stages = {one.stage.id: one.stage for one in attempts}
    run_ids = list(dict.fromkeys(one.run_id for one in stages.values()))
    alerted = {
        (run_id, stage)
        for run_id, found in (
            run_list.alerted_stages(connection, run_ids) if run_ids else {}
        ).items()
        for stage in found
    }
    runs = _runs(connection, run_ids)
    events: dict[str, dict[str, list[Event]]] = {}
    for stage in stages.values():
        key = (stage.run_id, stage.name)
        is_silent = stage.stalled and stage.status == Status.RUNNING
        if stage.status in (Status.FAILED, Status.INTERRUPTED) or not (is_silent or key in alerted):
            continue
        if stage.run_id not in events:
            events[stage.run_id] = event_feed.marks(connection, stage.run_id, (*MARKED, STALLED))
        wanted = (STALLED,) if is_silent else MARKED
        found = [one for one in events[stage.run_id].get(stage.name, ()) if one.kind in wanted]
        if not found or (found[-1].time <= since and not is_silent):
            continue
        run, short = runs[stage.run_id], formatting.short_id(stage.run_id)
        name = f"'{stage.name}'" if "[" in stage.name else stage.name
        step = Step(f"look at {stage.name}", f"trainui metrics {short} {name}")
        if is_silent:
            step = Step(f"see where it waits: {stage.name}", f"trainui stacks {short} {name}")
        first = found[-1] if is_silent else found[0]
        kind = STALLED if is_silent else NAN if NAN in (one.kind for one in found) else "alert"
        words = first.text.removeprefix(f"{stage.name}: ")
        yield Trouble(run.id, run.name, stage.name, kind, words, first.time, step)


def _disks(now: int) -> Iterator[Trouble]:
    """Yield the disks of the home and of the runs that are full or nearly full."""
    try:
        runs_dir = settings.runs_dir(settings.load())
        spaces = () if mounts.is_silent(str(runs_dir)) else disk.spaces(paths.home().root, runs_dir)
    except (OSError, TrainuiError):
        return
    for room in spaces:
        if room.is_low:
            step = Step("delete old runs", "trainui prune --dry-run")
            yield Trouble(None, str(room.path), None, DISK, str(room), now, step)


def _bests(
    connection: Connection, ended: Iterable[EndedRun], runs: Iterable[RunRecord], since: int
) -> Iterator[PipelineBest]:
    """Yield each pipeline's best value, of pipelines with a run in this time."""
    ids: dict[str, list[str]] = {}
    for run in sorted(runs, key=lambda one: one.created_at, reverse=True):
        ids.setdefault(run.pipeline, []).append(run.id)
    for one in ended:
        ids.setdefault(one.pipeline, []).append(one.id)
    for pipeline, run_ids in ids.items():
        newest = islice(dict.fromkeys(run_ids), MOST_RUNS)
        chosen = next(filter(None, (headline_of_run(connection, one) for one in newest)), None)
        if chosen is None:
            continue
        stage, metric = chosen
        lower = lower_is_better(metric, stage.search)
        if lower is not None:
            yield from _best(connection, pipeline, metric, lower, since)


def _best(
    connection: Connection, pipeline: str, metric: str, lower: bool, since: int
) -> Iterator[PipelineBest]:
    stages = event_feed.with_metric(connection, pipeline, metric, MOST_STAGES)
    nan = run_list.stages_with_nan(connection, list({one.run_id for one in stages}))
    values = {}
    for one in stages:
        found = read_points.summaries(connection, [one.id], metric)
        value = matrix.value_of(found[0], lower=lower) if found else None
        if value is not None and math.isfinite(value) and one.name not in nan.get(one.run_id, ()):
            values[one] = value
    if not values:
        return
    choose = min if lower else max
    leader = choose(values, key=values.__getitem__)
    earlier = [
        value
        for one, value in values.items()
        if one.completed_at is not None and one.completed_at <= since
    ]
    before = choose(earlier, default=None)
    yield PipelineBest(pipeline, metric, lower, before, values[leader], leader.run_id, leader.name)


def _gpu_seconds(
    connection: Connection,
    attempts: Sequence[StageAttempt],
    queued: Sequence[StageRecord],
    since: int,
    until: int,
) -> GpuSeconds:
    on_gpus = [one for one in attempts if one.attempt.gpus]
    others = [one for one in on_gpus if not _ended_well(one.attempt)]
    continued = event_feed.last_continued(connection, {one.stage.id for one in others})
    used = lost = 0.0
    for one in on_gpus:
        start, end = _span(one.attempt, since, until)
        seconds = len(one.attempt.gpus) * max(end - start, 0) / clock.SECOND
        if _ended_well(one.attempt) or continued.get(one.stage.id, 0) > one.attempt.number:
            used += seconds
        else:
            saved = min(max(_last_checkpoint(one), start), end)
            part = len(one.attempt.gpus) * max(end - saved, 0) / clock.SECOND
            lost += part
            used += seconds - part
    return GpuSeconds(used, _idle(connection, on_gpus, queued, since, until), lost)


def _ended_well(attempt: AttemptRecord) -> bool:
    return attempt.completed_at is None or attempt.status in DONE


def _span(attempt: AttemptRecord, since: int, until: int) -> tuple[int, int]:
    """Return the part of an attempt's time that is in the digest's."""
    start = attempt.started_at or attempt.granted_at
    return max(start, since), min(attempt.completed_at or until, until)


def _last_checkpoint(one: StageAttempt) -> int:
    """Return when the newest whole checkpoint of an attempt was written; 0: it has none."""
    definition = one.attempt.definition or one.stage.definition
    if definition.checkpoint is None or mounts.is_silent(one.stage.directory):
        return 0
    try:
        where = checkpoints.search(definition, one.stage.directory, [one.attempt.directory])
        found = checkpoints.find(where)
        return 0 if found is None else integrity.written_at(Path(found)) // 1000
    except OSError:
        return 0


def _idle(
    connection: Connection,
    on_gpus: Sequence[StageAttempt],
    queued: Sequence[StageRecord],
    since: int,
    until: int,
) -> float:
    """Return the seconds in which GPUs of this machine were free while a stage could use them."""
    from trainui.execution.gpus import usable_gpus

    here, total = settings.host(), len(usable_gpus().gpus)
    local = [one for one in on_gpus if one.attempt.host == here]
    wanting = [one for one in queued if one.definition.gpus and one.definition.executor == LOCAL]
    if not total or not (local or wanting):
        return 0.0
    run_ids = {one.run_id for one in wanting} | {one.stage.run_id for one in local}
    queued_at = event_feed.queued_at(connection, run_ids)
    waits = [(one, until, one.definition.gpus) for one in wanting]
    waits += [(one.stage, one.attempt.granted_at, len(one.attempt.gpus)) for one in local]
    changes: list[tuple[int, int, int]] = []  # time, change of busy GPUs, change of one wish
    for one in local:
        end = min(one.attempt.completed_at or until, until)
        changes += [(max(one.attempt.granted_at, since), len(one.attempt.gpus), 0)]
        changes += [(end, -len(one.attempt.gpus), 0)]
    for stage, granted, gpus in waits:
        starts = [at for at in queued_at.get((stage.run_id, stage.name), ()) if at <= granted]
        start = max(starts[-1] if starts else granted, since)
        if start < granted:
            changes += [(start, 0, gpus), (granted, 0, -gpus)]
    return _unused(sorted(changes), total) / clock.SECOND


def _unused(changes: Sequence[tuple[int, int, int]], total: int) -> int:
    """Return the microseconds of free GPUs that waiting stages could have used.

    A stage that waits for more GPUs than are free could use none.
    """
    idle, busy, before = 0, 0, 0
    wishes: Counter[int] = Counter()
    for time, taken, wish in changes:
        free = total - busy
        fitting = sum(gpus * count for gpus, count in wishes.items() if gpus <= free)
        idle += min(max(free, 0), fitting) * (time - before)
        before, busy = time, busy + taken
        if wish:
            wishes[abs(wish)] += 1 if wish > 0 else -1
    return idle


def _next(
    connection: Connection, trouble: Iterable[Trouble], queued: Sequence[StageRecord]
) -> Iterator[Step]:
    """Yield what one would do next, each command once, and each edit in the screen."""
    if queued and views.flag(connection, "paused") is not None:
        yield Step("the queue is paused: let it start stages again", "trainui worker unpause")
    known: dict[Step | str, list[Trouble]] = {}
    for one in trouble:
        step = one.suggestion
        known.setdefault(step if step.command == SCREEN else step.command, []).append(one)
    for those in known.values():
        more = f" ({len(those)} stages)" if len(those) > 1 else ""
        yield Step(f"{those[0].suggestion.text}{more}", those[0].suggestion.command)


class Section(NamedTuple):
    """A section of the text."""

    title: str
    lines: Sequence[str]
    """Those of `Next` are the digest's next steps, in this order."""
    rest: int
    """The number of lines that are left out."""

    @property
    def height(self) -> int:
        """The lines that it takes, with a blank one and its title."""
        return 2 + len(self.lines) + bool(self.rest)


def sections(found: Digest) -> list[Section]:
    """Return the sections of the text; long ones are cut, so that a night is one screen."""
    whole = list(_sections(found))
    made: list[Section] = []
    for most in range(MOST_LINES, LEAST_LINES - 1, -1):
        made = [
            Section(title, _lines(title, rows[:most]), max(len(rows) - most, 0))
            for title, rows in whole
        ]
        if 1 + sum(one.height for one in made) <= ONE_SCREEN:
            break
    return made


def _lines(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return table(_fitting(rows)) if title == NEXT else list(map(_cut, table(rows)))


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH - 2 else f"{line[: WIDTH - 3]}…"


def lines(found: Digest) -> Iterator[str]:
    """Yield the digest as text, with at most `ONE_SCREEN` lines."""
    yield found.headline
    for section in sections(found):
        yield ""
        yield section.title
        yield from (f"  {line}" for line in section.lines)
        if section.rest:
            yield f"  and {section.rest} more"


def _fitting(steps: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return rows of texts and commands in which the texts are cut: a cut command is of no use."""
    longest = max(len(command) for _, command in steps)
    room = max(LEAST_TEXT, WIDTH - MARGINS - longest)
    return [
        (text if len(text) <= room else f"{text[: room - 1]}…", command) for text, command in steps
    ]


def markdown(found: Digest) -> str:
    """Return the digest as Markdown, whole."""
    parts = [f"# Digest\n\n{markdown_cell(found.headline)}"]
    for title, shown in _sections(found):
        if title != NEXT:
            rows = [" · ".join(markdown_cell(cell) for cell in row if cell) for row in shown]
        else:
            rows = [f"{markdown_cell(one.text)} · `{one.command}`" for one in found.next]
        parts.append(f"## {title}\n\n" + "\n".join(f"- {row}" for row in rows))
    return "\n\n".join(parts) + "\n"


def _sections(found: Digest) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield the title and the rows of each section that is not empty."""
    if found.trouble:
        yield "Trouble", list(_trouble_rows(found.trouble))
    if found.best:
        yield "Best", [_best_row(found, one) for one in found.best]
    gpu = found.gpu_seconds
    if any((gpu.used, gpu.idle, gpu.lost)):
        words = (
            f"used {gpu.used / 3600:.1f}, idle {gpu.idle / 3600:.1f}, lost {gpu.lost / 3600:.1f}"
        )
        yield "GPU hours", [(words,)]
    if found.waiting:
        reasons: dict[str, list[str]] = {}
        for one in found.waiting:
            name = f"{found.names.get(one.run_id, '')}/{one.name}"
            reasons.setdefault(one.reason or "queued", []).append(name)
        yield "Waiting", [(formatting.listed(those, 2), why) for why, those in reasons.items()]
    if found.next:
        yield NEXT, [(harmless(one.text), one.command) for one in found.next]


def _trouble_rows(trouble: Sequence[Trouble]) -> Iterator[tuple[str, ...]]:
    """Yield a row for the stages of a run that are in trouble for one reason."""
    alike: dict[tuple[str | None, str, str], list[Trouble]] = {}
    for one in trouble:
        alike.setdefault((one.run, one.kind, one.words), []).append(one)
    for those in alike.values():
        first = those[0]
        stages = formatting.listed([one.stage for one in those if one.stage], 2)
        name = f"{first.box}:{first.name}" if first.box else first.name
        where = f"{name}/{stages}" if stages else name
        yield first.kind, harmless(where), harmless(first.words)


def _best_row(found: Digest, one: PipelineBest) -> tuple[str, ...]:
    where = f"{found.names.get(one.run) or formatting.short_id(one.run)}/{one.stage}"
    return harmless(one.pipeline), _value(one), harmless(where)


def _value(one: PipelineBest) -> str:
    """Return a best value with that of before: `loss 0.1 (was 0.2)`."""
    now, before = formatting.number(one.now), formatting.number(one.before)
    was = "" if one.before is None else " (unchanged)" if now == before else f" (was {before})"
    return f"{harmless(one.metric)} {now}{was}"
