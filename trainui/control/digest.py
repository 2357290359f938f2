"""The digest: what happened in a time, what is wrong now, and what one would do next.

All of it comes from the store, the disks and this machine's GPUs, read once; a reader of ten
thousand runs pays for those of the time alone.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from trainui import clock, formatting, paths, settings, system
from trainui.control.digest_records import (
    DISK,
    PREPARED,
    Digest,
    GpuSeconds,
    PipelineBest,
    RunningRun,
    Step,
    Trouble,
)
from trainui.errors import TrainuiError, UsageError
from trainui.execution import tracebacks
from trainui.model.headline_metric import lower_is_better
from trainui.model.records import LOCAL, AttemptRecord, Event, RunRecord, StageRecord
from trainui.model.states import DONE, METRIC_ALERTS, NAN, STALLED, Status
from trainui.pipeline import matrix
from trainui.resume import checkpoints, integrity
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.points.read_points import headline_of_run
from trainui.store.read import event_feed, run_list, views
from trainui.store.read.event_feed import EndedRun, StageAttempt

MOST_STAGES = 300
"""The newest stages of a pipeline of which values are compared: about 0.1 s."""

MOST_RUNS = 5
"""The newest runs of a pipeline of which the first with a metric chooses it."""

LAST = "last"
"""The word for the time at which a screen was last seen open."""

A_DAY = 24 * 3600 * clock.SECOND
"""The digest's length without another start. What went wrong in this time is part of a shorter one
too, unless it was retried: a second look must not say that all is well."""


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
        found = now - int(formatting.parse_duration(text) * clock.SECOND)
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
    with engine.reading() as connection, engine.read_transaction(connection):
        return digest(connection, since, until)


def digest(connection: Connection, since: int, until: int) -> Digest:
    """Return what happened between two times; what is wrong and waits is as it is now."""
    ended = event_feed.ended_runs(connection, since, until)
    attempts = event_feed.attempts_between(connection, since, until)
    wrong_since, tried = since, attempts
    if since > until - A_DAY:
        wrong_since = until - A_DAY
        tried = event_feed.attempts_between(connection, wrong_since, until)
    queued = event_feed.in_state(connection, Status.QUEUED)
    runs = _runs(connection, [*(one.stage.run_id for one in attempts)])
    found = [*_ill(connection, tried, wrong_since), *_ended_badly(connection, wrong_since, until)]
    # what still uses a slot comes first, then the newest
    found.sort(key=lambda one: (one.kind != STALLED, -one.since))
    trouble = [*_disks(until), *found]
    unfinished = run_list.unfinished(connection)
    runs |= _runs(connection, [one.run for one in trouble if one.run is not None])
    runs |= _runs(connection, [one.run_id for one in queued])
    bests = list(_bests(connection, ended, runs.values(), since))
    named = runs | _runs(connection, [one.run for one in bests])
    names = {run.id: run.name for run in named.values()}
    names |= {one.id: one.name for one in unfinished}
    return Digest(
        since,
        until,
        ended,
        event_feed.states_of(connection, [one.id for one in ended]),
        trouble,
        bests,
        _gpu_seconds(connection, attempts, queued, since, until),
        queued,
        list(_next(connection, trouble, queued)),
        names,
        run_list.shared_names(connection, frozenset(names.values())),
        running=[
            RunningRun(one.id, one.name, one.current, one.done, one.total, one.trouble.stalled)
            for one in unfinished
            if one.current
        ],
    )


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
        first = _before_resume(connection, stage, cause)
        words = f"{run.name}: {first}; then resume" if first else f"resume {run.name}"
        step = Step(words, f"trainui resume {short}")
        if run.external is not None:
            step = Step(f"read the log of {run.name}", f"trainui logs {short} -n 50")
        elif cause is not None and (cause["edit"] or {}).get("params"):
            command = f"{step.command} {PREPARED} {shlex.quote(stage.name)}"
            step = Step(_prepared_edit(connection, run, stage, cause["edit"]), command)
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


def _before_resume(
    connection: Connection, stage: StageRecord, cause: Mapping[str, Any] | None
) -> str:
    """Return what to do before a failed stage is resumed; empty if that is unknown."""
    if cause is not None and cause["fix"]:
        return str(cause["fix"]).rstrip(".")
    place = _own_place(stage.error or "") if cause is None else (cause["file"], cause["line"])
    if place is not None and place[0]:
        return f"look at {Path(place[0]).name}:{place[1]}"
    if event_feed.last_alerts(connection, stage.run_id, (STALLED,)).get(stage.name):
        directory = Path(views.attempts_of_stage(connection, stage.id)[-1].directory)
        if kept := sorted(directory.glob("stacks-*.txt")):
            return f"see where {stage.name} hung, {directory.name}/{kept[-1].name} by its logs"
    return ""


def _own_place(error: str) -> tuple[str, int] | None:
    """Return the file and the line of one's own code that an error came from; None: unknown."""
    raised = [one for one in tracebacks.exceptions(error.splitlines()) if not one.is_ignored]
    own = raised[-1].own if raised else None
    return None if own is None else (own.file, own.line)


def _prepared_edit(
    connection: Connection, run: RunRecord, stage: StageRecord, edit: Mapping[str, Any]
) -> str:
    """Return which key makes a prepared edit, and what else is resumed with it."""
    failed = [one for one in views.stages(connection, run.id) if one.status == Status.FAILED]
    others = sum(one.name != stage.name for one in failed)
    also = f" and {others} other failed stage{'s' * (others > 1)}" if others else ""
    return f"P on {run.name}/{stage.name} edits and resumes it{also}: {edit['note']}"


def _ill(connection: Connection, attempts: Sequence[StageAttempt], since: int) -> Iterator[Trouble]:
    """Yield the stages that are silent, and those of the time with a NaN or another alert."""
    stages = {one.stage.id: one.stage for one in attempts}
    run_ids = list(dict.fromkeys(one.run_id for one in stages.values()))
    alerted = defaultdict(dict, run_list.alerted_stages(connection, run_ids) if run_ids else {})
    runs = _runs(connection, run_ids)
    events: dict[str, dict[str, list[Event]]] = {}
    for stage in stages.values():
        is_silent = stage.stalled and stage.status == Status.RUNNING
        is_ill = is_silent or stage.name in alerted[stage.run_id]
        if stage.status in (Status.FAILED, Status.INTERRUPTED) or not is_ill:
            continue
        if stage.run_id not in events:
            events[stage.run_id] = event_feed.last_alerts(
                connection, stage.run_id, (*METRIC_ALERTS, STALLED)
            )
        wanted = (STALLED,) if is_silent else METRIC_ALERTS
        found = [one for one in events[stage.run_id].get(stage.name, ()) if one.kind in wanted]
        if not found or (found[-1].time <= since and not is_silent):
            continue
        run, short = runs[stage.run_id], formatting.short_id(stage.run_id)
        name = f"'{stage.name}'" if "[" in stage.name else stage.name
        whole = f"{run.name}/{stage.name}"
        step = Step(f"look at {whole}", f"trainui metrics {short} {name}")
        if len(alerted[stage.run_id]) > 1:
            step = Step(f"look at {run.name}", f"trainui show {short}")
        if is_silent:
            step = Step(f"see where it waits: {whole}", f"trainui stacks {short} {name}")
        first = found[-1] if is_silent else found[0]
        begin = event_feed.silent_since(connection, run.id, stage.name) if is_silent else None
        kind = STALLED if is_silent else NAN if NAN in (one.kind for one in found) else "alert"
        words = first.text.removeprefix(f"{stage.name}: ")
        yield Trouble(run.id, run.name, stage.name, kind, words, begin or first.time, step)


def _disks(now: int) -> Iterator[Trouble]:
    """Yield the disks of the home and of the runs that are full or nearly full."""
    try:
        runs_dir = settings.runs_dir(settings.load())
        spaces = (
            ()
            if system.is_silent(str(runs_dir))
            else system.disk_spaces(paths.home().root, runs_dir)
        )
    except (OSError, TrainuiError):
        return
    for room in spaces:
        if room.is_low:
            step = Step("delete old runs", "trainui prune --dry-run")
            yield Trouble(None, str(room.path), None, DISK, str(room), now, step)


def _bests(
    connection: Connection, ended: Iterable[EndedRun], runs: Iterable[RunRecord], since: int
) -> Iterator[PipelineBest]:
    """Yield each pipeline's best value, of pipelines with a run in this time.

    The newest run that has ended decides the metric: one that runs may not have it yet.
    """
    ids: dict[str, list[str]] = {}
    newest_first = sorted(runs, key=lambda one: one.created_at, reverse=True)
    for run in sorted(newest_first, key=lambda one: one.completed_at is None):
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
    oldest_first = sorted(values, key=lambda one: one.completed_at or math.inf)
    leader = choose(oldest_first, key=values.__getitem__)
    earlier = [
        value
        for one, value in values.items()
        if one.completed_at is not None and one.completed_at <= since
    ]
    before = choose(earlier, default=None)
    step = read_points.step_of(connection, leader.id, metric, values[leader])
    unit = point_sources.unit(connection, leader.id, metric)
    yield PipelineBest(
        *(pipeline, metric, lower, before, values[leader], leader.run_id, leader.name),
        step=step,
        unit=unit,
    )


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
    if definition.checkpoint is None or system.is_silent(one.stage.directory):
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
    """Yield what one would do next, each command once."""
    if queued and views.flag(connection, "paused") is not None:
        yield Step("the queue is paused: let it start stages again", "trainui worker unpause")
    known: dict[str, list[Trouble]] = {}
    for one in trouble:
        known.setdefault(one.suggestion.command, []).append(one)
    for command, those in known.items():
        yield Step(_for_stages(those), command)


def _for_stages(those: Sequence[Trouble]) -> str:
    """Return the suggestion that most of some stages have, and how many have it or another."""
    text, count = Counter(one.suggestion.text for one in those).most_common(1)[0]
    stages = [one.stage for one in those if one.suggestion.text == text and one.stage]
    if count < len(those):
        others = len(those) - count
        return f"{text} (for {formatting.listed(stages, 1)}; {others} ended otherwise)"
    return f"{text} ({len(stages)} stages)" if len(stages) > 1 else text
