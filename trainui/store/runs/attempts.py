"""Attempts: granted to queued stages, claimed once, launched, monitored, ended once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import clock, formatting, paths
from trainui.errors import TransitionError
from trainui.model.records import (
    LOCAL,
    NOT_STARTED_BY_US,
    AttemptRecord,
    HostView,
    Slot,
    StageRecord,
)
from trainui.model.states import ATTEMPT_TRANSITIONS, CODE, TRANSITIONS, Status
from trainui.pipeline.rules.scheduling import ELSEWHERE, Retry, next_retry
from trainui.record import dataclass
from trainui.store.db.statements import Connection, change, insert, placeholders, set_values
from trainui.store.read import views
from trainui.store.runs import runs, stages

SHORTEST_PAUSE = 5.0
"""Seconds before a requeued stage may be tried again; doubled for each further time in a
row."""

LONGEST_PAUSE = 60.0
"""Upper limit of that pause in seconds."""


def in_state(
    connection: Connection, *statuses: Status, here: HostView | None = None, begun: bool = False
) -> list[AttemptRecord]:
    """Return the attempts in one of these states, on one host or on all.

    `begun`: without those that wait in the queue of their executor.
    """
    query = f"SELECT * FROM attempts WHERE status IN ({placeholders(statuses)})"
    parameters: tuple[str, ...] = statuses
    if here is not None:
        query, parameters = f"{query} AND host = ?", (*statuses, here.host)
    if begun:
        query = f"{query} AND (pid IS NOT NULL OR executor IN (?, ?))"
        parameters = (*parameters, LOCAL, NOT_STARTED_BY_US)
    found = connection.execute(f"{query} ORDER BY id", parameters)
    return list(views.records(found, views.attempt_record))


NEW_ATTEMPT = {
    **{"checkpoint_tried": False, "stops_early": False, "restarts": False},
    "metrics_complete": False,
}
"""The columns of an attempt about which nothing is on record yet."""

NOT_STARTED = "cancelled before it started"
"""The error of an attempt that never had a process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    status: Status
    """completed, failed, cancelled, pruned or interrupted."""
    completed_at: int
    """In microseconds, as reported by the supervisor if it saw the end."""
    started_at: int | None = None
    """The same; set if the start is not on record yet."""
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    """The error; its first line is the message."""
    reason: str | None = None
    """Why a stage that has completed ended early."""
    result: Any = None
    """A task's return value."""
    retry: bool = True
    """True if the stage's retry policy applies."""
    goes_on: bool = False
    """True if the stage continues in a new attempt, which uses up no retry."""

    def __post_init__(self) -> None:
        """Make the error storable: it may quote a log, or a file's name."""
        if self.error is not None:
            object.__setattr__(self, "error", formatting.storable(self.error))


def not_started(attempt: AttemptRecord) -> Outcome:
    """Return the outcome of an attempt that was stopped before it had a process."""
    return Outcome(attempt.stop_status, clock.now(), error=attempt.stop_words or NOT_STARTED)


def end_row(connection: Connection, attempt: AttemptRecord, outcome: Outcome) -> None:
    """Record the outcome of an attempt, and free its slots."""
    values: dict[str, Any] = {
        "status": outcome.status,
        "completed_at": outcome.completed_at,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "error": outcome.error,
        "result_json": None if outcome.result is None else views.dump(outcome.result),
    }
    if attempt.started_at is None:
        values["started_at"] = outcome.started_at
    set_values(connection, "attempts", attempt.id, **values)
    free_slots(connection, attempt.id)


def free_slots(connection: Connection, attempt_id: int) -> None:
    """Free the slots of an attempt."""
    connection.execute("DELETE FROM slots WHERE attempt_id = ?", (attempt_id,))


def withdraw(connection: Connection, stage_ids: Collection[str]) -> None:
    """Cancel the granted and not yet claimed attempts of these stages, and free their slots."""
    wanted = frozenset(stage_ids)
    open_ones = in_state(connection, Status.QUEUED)  # never more than the number of slots
    for attempt in (one for one in open_ones if one.stage_id in wanted):
        end_row(connection, attempt, not_started(attempt))


def waiting_elsewhere(connection: Connection, among: Sequence[StageRecord]) -> set[str]:
    """Return the ids of those queued stages whose attempt waits in their executor's queue."""
    asked = {one.id for one in among if one.status == Status.QUEUED and one.executor != LOCAL}
    if not asked:
        return asked
    return {one.stage_id for one in in_state(connection, Status.RUNNING)} & asked


def get(connection: Connection, attempt_id: int) -> AttemptRecord:
    """Return one attempt, which must exist."""
    found = find(connection, attempt_id)
    assert found is not None
    return found


def find(connection: Connection, attempt_id: int) -> AttemptRecord | None:
    """Return one attempt; None if it does not exist."""
    found = connection.execute("SELECT * FROM attempts WHERE id = ?", (attempt_id,))
    return views.first(found, views.attempt_record)


def directory(stage: StageRecord, number: int) -> Path:
    """Return the directory of an attempt's logs and record."""
    return paths.attempt_directory(Path(stage.directory), number)


def directory_to_make(
    connection: Connection, run_id: str, stage_name: str, celery_task_id: str
) -> Path | None:
    """Return the directory that an attempt will use; None if its message can no longer claim it."""
    stage = views.stage(connection, run_id, stage_name)
    if stage is None or (stage.status, stage.celery_task_id) != (Status.QUEUED, celery_task_id):
        return None
    return directory(stage, stage.attempt)


def claim(
    connection: Connection, run_id: str, stage_name: str, celery_task_id: str
) -> AttemptRecord | None:
    """Claim a granted attempt for execution: the first message wins, all others get None.

    A stage that another executor runs stays queued until its start is on record.
    """
    stage = views.stage(connection, run_id, stage_name)
    if stage is None:
        return None
    granted = {"stage_id": stage.id, "number": stage.attempt, "celery_task_id": celery_task_id}
    granted["status"] = Status.QUEUED
    if not change(connection, "attempts", granted, status=Status.RUNNING):
        return None
    # clear the previous attempt's outcome, so that only this attempt's is shown
    cleared: dict[str, Any] = {
        "started_at": None,
        "completed_at": None,
        "exit_code": None,
        "error": None,
        "result_json": None,
    }
    if stage.executor == LOCAL:
        stages.change(connection, stage, Status.RUNNING, **cleared)
    else:
        set_values(connection, "stages", stage.id, **cleared)
    runs.refresh(connection, run_id)
    found = connection.execute(
        "SELECT * FROM attempts WHERE stage_id = ? AND number = ?", (stage.id, stage.attempt)
    )
    return views.first(found, views.attempt_record)


def set_checkpoint(connection: Connection, attempt_id: int, checkpoint: str) -> None:
    """Record the checkpoint from which the attempt continues."""
    set_values(connection, "attempts", attempt_id, checkpoint=checkpoint)


def set_inputs(connection: Connection, attempt_id: int, states: Mapping[str, Any]) -> None:
    """Record the state of the inputs at the start of an attempt, by path."""
    set_values(connection, "attempts", attempt_id, inputs_json=views.dump(states))


def keep(connection: Connection, stage: StageRecord, kept: Mapping[str, Any], why: str) -> None:
    """Record that a user keeps the result of a stage's last attempt although something changed.

    `kept`: the fingerprint for which it is accepted (`pipeline.rules.fingerprint`).
    """
    last = {"stage_id": stage.id, "number": stage.attempt}
    values = {"kept_json": views.dump(kept), "secret_changes_json": None}
    change(connection, "attempts", last, **values)
    runs.record_stage_event(connection, stage, "kept", f"{stage.name} is {why}")


def mark_checkpoint_tried(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt made no progress from its checkpoint: the next uses an older one."""
    set_values(connection, "attempts", attempt_id, checkpoint_tried=True)


def tried_checkpoints(connection: Connection, stage_id: str) -> dict[str, int]:
    """Return the checkpoints from which an attempt of this stage made no progress.

    Each has the time at which the last such attempt started, in microseconds. Those that a person
    gave up are among them.
    """
    found = connection.execute(
        "SELECT checkpoint, coalesce(started_at, completed_at) FROM attempts "
        "WHERE stage_id = ? AND checkpoint_tried ORDER BY number",
        (stage_id,),
    )
    tried = {checkpoint: int(time or clock.now()) for checkpoint, time in found}
    return _given_up(connection, stage_id) | tried


def _given_up(connection: Connection, stage_id: str) -> dict[str, int]:
    found = connection.execute("SELECT given_up_json FROM stages WHERE id = ?", (stage_id,))
    row = found.fetchone()
    return dict(views.load(row[0])) if row and row[0] else {}


def give_up(connection: Connection, stage_id: str, checkpoints: Mapping[str, int]) -> None:
    """Use none of these checkpoints of a stage again, unless it is written again after its time."""
    if checkpoints:
        all_of_them = {**_given_up(connection, stage_id), **checkpoints}
        set_values(connection, "stages", stage_id, given_up_json=views.dump(all_of_them))


def mark_started(
    connection: Connection, attempt: AttemptRecord, *, started_at: int, pid: int, supervisor: int
) -> None:
    """Record the process of an attempt, as reported by its supervisor."""
    process = {"started_at": started_at, "pid": pid, "supervisor_pid": supervisor}
    change(connection, "attempts", {"id": attempt.id, "status": Status.RUNNING}, **process)
    stage = stages.get(connection, attempt.stage_id)
    if (stage.status, stage.attempt) == (Status.QUEUED, attempt.number):  # it waited elsewhere
        stages.change(connection, stage, Status.RUNNING)
    of_last = {"id": attempt.stage_id, "attempt": attempt.number}
    change(connection, "stages", of_last, started_at=started_at)
    runs.refresh(connection, stage.run_id, started_at=started_at)
    text = f"{stage.name} started as process {pid}"
    number = attempt.number
    runs.record_stage_event(connection, stage, "started", text, attempt=number, time=started_at)


def end(connection: Connection, attempt_id: int, outcome: Outcome) -> Status | None:
    """Record an attempt's outcome, free its slots, and settle the stages that depend on its stage.

    Returns the stage's new state (`queued` if a retry follows); None if the outcome is already on
    record.

    Raises:
        TransitionError: this outcome is not allowed in the attempt's state.
    """
    attempt = get(connection, attempt_id)
    allowed = ATTEMPT_TRANSITIONS[attempt.status]
    if not allowed:
        return None
    if outcome.status not in allowed:
        raise TransitionError(f"attempt {attempt.id}: {attempt.status} to {outcome.status}")
    outcome = _in_order(attempt, outcome)
    end_row(connection, attempt, outcome)
    stage = stages.get(connection, attempt.stage_id)
    status = _end_stage(connection, stage, attempt, outcome)
    if status != Status.QUEUED:
        stages.settle_dependants(connection, [stage.id])
    runs.refresh(connection, stage.run_id, started_at=attempt.started_at or outcome.started_at)
    return status


def _in_order(attempt: AttemptRecord, outcome: Outcome) -> Outcome:
    """Return the outcome with an end no earlier than the start, in case the clock was set back."""
    started_at = attempt.started_at or outcome.started_at or 0
    return replace(outcome, completed_at=max(outcome.completed_at, started_at))


def _end_stage(
    connection: Connection, stage: StageRecord, attempt: AttemptRecord, outcome: Outcome
) -> Status:
    if stage.attempt != attempt.number:
        return stage.status
    values: dict[str, Any] = {
        "started_at": attempt.started_at or outcome.started_at,
        "completed_at": outcome.completed_at,
        "exit_code": outcome.exit_code,
        "error": outcome.error,
        "result_json": None if outcome.result is None else views.dump(outcome.result),
        "stalled": False,
        "stalls_after": None,
    }
    status, reason = outcome.status, _first_line(outcome.error) or outcome.reason
    if (retry := _retry(stage, attempt, outcome)) is not None:
        status = Status.QUEUED
        again = f"retry {retry.number} of {stage.definition.retries}"
        reason = f"{'continues' if outcome.goes_on else again}: {reason}"
        values |= {"not_before": retry.not_before, "retries_used": retry.number}
    if stage.status == Status.QUEUED and status not in TRANSITIONS[Status.QUEUED]:
        # it ended before it was claimed, or waited elsewhere when its executor was asked last
        stages.change(connection, stage, Status.RUNNING)
        stage = stages.get(connection, stage.id)
    stages.change(connection, stage, status, reason=reason, **values)
    return status


def _retry(stage: StageRecord, attempt: AttemptRecord, outcome: Outcome) -> Retry | None:
    is_asked = attempt.cancel_requested_at is not None and not attempt.restarts
    if not outcome.retry or is_asked:
        return None
    if outcome.goes_on:
        return Retry(stage.retries_used, outcome.completed_at)
    return next_retry(
        stage.definition,
        outcome.status,
        used=stage.retries_used,
        completed_at=outcome.completed_at,
    )


def _first_line(text: str | None) -> str | None:
    return text.splitlines()[0] if text and text.strip() else None


def is_fresh(connection: Connection, stage_id: str) -> bool:
    """Return True if a stage's directory must be renamed away before its next attempt."""
    found = connection.execute("SELECT fresh FROM stages WHERE id = ?", (stage_id,))
    return bool(found.fetchone()[0])


def record_move(connection: Connection, stage: StageRecord, moved_to: Path | None) -> None:
    """Record that a stage starts fresh, and the new path of the earlier attempts' directory."""
    set_values(connection, "stages", stage.id, fresh=False)
    if moved_to is None:
        return
    old, new = Path(stage.directory), moved_to
    for attempt in views.attempts_of_stage(connection, stage.id):
        directory = Path(attempt.directory)
        if attempt.number < stage.attempt and paths.stage_directory(directory) == old:
            checkpoint = attempt.checkpoint and str(moved(Path(attempt.checkpoint), old, new))
            values = {"directory": str(moved(directory, old, new)), "checkpoint": checkpoint}
            set_values(connection, "attempts", attempt.id, **values)
    text = f"{stage.name} starts fresh; its earlier results are in {new.name}"
    runs.record_stage_event(connection, stage, "moved", text)


def moved(path: Path, old: Path, new: Path) -> Path:
    """Return a path as it is after a stage's directory and those of its attempts were renamed."""
    for before, after in ((old, new), (paths.records_directory(old), paths.records_directory(new))):
        if path.is_relative_to(before):
            return after / path.relative_to(before)
    return path


def requeue(connection: Connection, attempt_id: int, reason: str) -> None:
    """Requeue a stage that lacked a slot or another resource, with backoff; uses up no retry.

    If its attempt was cancelled in the meantime, it ends as cancelled instead. One that was edited
    in the meantime is requeued without a pause.
    """
    attempt = get(connection, attempt_id)
    if attempt.cancel_requested_at is not None:
        end(connection, attempt_id, not_started(attempt))
        return
    stage = stages.get(connection, attempt.stage_id)
    now = clock.now()
    failed = {"status": Status.FAILED, "completed_at": now, "error": reason}
    if not change(connection, "attempts", {"id": attempt_id, "status": Status.RUNNING}, **failed):
        return
    free_slots(connection, attempt_id)
    pause = _pause(connection, stage.id, reason) if attempt.definition is None else 0.0
    not_before = now + int(pause * clock.SECOND)
    said: dict[str, Any] = {"reason": reason, "error": reason, "not_before": not_before}
    if stage.status == Status.QUEUED:  # as those are that another executor runs
        set_values(connection, "stages", stage.id, **said)
    else:
        stages.change(connection, stage, Status.QUEUED, **said)
    runs.refresh(connection, stage.run_id)


def _pause(connection: Connection, stage_id: str, reason: str) -> float:
    """Return the backoff in seconds, doubled for each requeue in a row for this reason."""
    found = connection.execute(
        "SELECT count(*) FROM attempts WHERE stage_id = ? AND number > (SELECT "
        "coalesce(max(number), 0) FROM attempts WHERE stage_id = ? AND error IS NOT ?)",
        (stage_id, stage_id, reason),
    )
    (count,) = found.fetchone()
    return float(min(SHORTEST_PAUSE * 2.0 ** min(count - 1, 64), LONGEST_PAUSE))


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """An attempt whose process has started."""

    attempt_id: int
    number: int
    stage: str
    """Full name."""
    run_id: str
    run_directory: str
    file: str | None
    """The file of the run's pipeline."""
    started_at: int


def first_running(connection: Connection) -> int:
    """Return the id of the oldest running attempt; if none runs, a lower bound for the next id."""
    query = (
        "SELECT coalesce((SELECT min(id) FROM attempts WHERE status = ? AND code_change IS NULL), "
        "(SELECT max(id) FROM attempts) + 1, 1)"
    )
    return int(connection.execute(query, (Status.RUNNING,)).fetchone()[0])


def started(connection: Connection, *, after: int) -> list[StartedAttempt]:
    """Return the attempts after an id whose processes have started, the oldest first."""
    found = connection.execute(
        "SELECT attempts.id, number, stages.name, runs.id, runs.directory, file, "
        "attempts.started_at FROM attempts JOIN stages ON stages.id = stage_id "
        "JOIN runs ON runs.id = run_id WHERE attempts.id > ? AND attempts.started_at IS NOT NULL "
        "ORDER BY attempts.id",
        (after,),
    )
    return [StartedAttempt(*row) for row in found]


def record(connection: Connection, attempt: StartedAttempt, words: str) -> None:
    """Record how the code of a started attempt differs from the code at submission."""
    unnoted = {"id": attempt.attempt_id, "code_change": None}
    if change(connection, "attempts", unnoted, code_change=words):
        text = f"{attempt.stage} started although {words}"
        runs.record_event(
            connection, attempt.run_id, CODE, text, stage=attempt.stage, attempt=attempt.number
        )


# The queue of stages that wait for a slot, and the attempts that are granted to them.


def queued(
    connection: Connection,
    *,
    kind: str | None = None,
    limit: int = -1,
    here: HostView | None = None,
) -> list[StageRecord]:
    """Return the stages that wait for a slot, in the order in which they get one.

    Only those of this kind (`cpu`, `gpu`, `elsewhere`), and that may run on the host `here`;
    None: all. A negative `limit` is none.
    """
    tables, parameters = _waiting(here)
    if kind == ELSEWHERE:
        tables += " AND executor <> ?"
        parameters += (LOCAL,)
    elif kind is not None:
        tables += f" AND gpus {'>' if kind == 'gpu' else '='} 0 AND executor = ?"
        parameters += (LOCAL,)
    order = "ORDER BY priority DESC, created_at, runs.id, position"
    if limit >= 0:
        tables += f" {order} LIMIT ?"
        parameters += (limit,)
    # only ids are sorted for the limit, since definitions are large
    found = connection.execute(
        "SELECT stages.* FROM stages JOIN runs ON runs.id = run_id "
        f"WHERE stages.id IN (SELECT stages.id {tables}) {order}",
        parameters,
    )
    return list(views.records(found, views.stage_record))


def queued_without_reason(
    connection: Connection, *, limit: int, here: HostView | None = None
) -> list[str]:
    """Return the ids of queued stages with no recorded wait reason."""
    tables, parameters = _waiting(here)
    query = f"SELECT stages.id {tables} AND reason IS NULL LIMIT ?"
    return [stage_id for (stage_id,) in connection.execute(query, (*parameters, limit))]


def _waiting(here: HostView | None) -> tuple[str, tuple[str | int | None, ...]]:
    """Return the rest of a query for queued stages that may run on a host, and its parameters."""
    tables = (
        "FROM stages JOIN runs ON runs.id = run_id WHERE stages.status = ? "
        "AND stages.id NOT IN (SELECT stage_id FROM attempts WHERE status IN (?, ?))"
    )
    queued = (Status.QUEUED, Status.QUEUED, Status.RUNNING)
    if here is None:
        return tables, queued
    queues = (*here.queues, None)  # never an empty list, which PostgreSQL does not have
    # a run without a host is from a version that knew only one host
    tables += (
        " AND (runs.host IS NULL OR runs.host = ? OR runs.place = ?) "
        "AND (for_host IS NULL OR for_host = ?) "
        f"AND (for_queue IS NULL OR for_queue IN ({placeholders(queues)}))"
    )
    return tables, (*queued, here.host, here.place, here.host, *queues)


def is_any_open(connection: Connection, here: HostView | None = None) -> bool:
    """Return True if an attempt is granted and not yet claimed, on one host or on any."""
    query = "SELECT 1 FROM attempts WHERE status = ? AND host = coalesce(?, host) LIMIT 1"
    host = None if here is None else here.host
    found = connection.execute(query, (Status.QUEUED, host))
    return found.fetchone() is not None


def grant(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], *, host: str
) -> AttemptRecord | None:
    """Grant a queued stage its slots and its next attempt, all or nothing.

    Returns the attempt, whose message must be sent; None if the stage has changed state, or one of
    the slots is occupied.
    """
    number = stage.attempt + 1
    task_id = str(uuid.uuid4())
    if any(_is_occupied(connection, slot) for slot in slots):
        return None
    seen = {"id": stage.id, "status": Status.QUEUED, "attempt": stage.attempt}
    granted = {"attempt": number, "celery_task_id": task_id, "reason": "starting"}
    if not change(connection, "stages", seen, **granted, not_before=None):
        return None
    attempt_id = _insert_attempt(connection, stage, slots, host, task_id)
    runs.refresh(connection, stage.run_id)
    return get(connection, attempt_id)


def _is_occupied(connection: Connection, slot: Slot) -> bool:
    query = "SELECT 1 FROM slots WHERE host = ? AND kind = ? AND number = ?"
    return connection.execute(query, (slot.host, slot.kind, slot.index)).fetchone() is not None


def _insert_attempt(
    connection: Connection, stage: StageRecord, slots: Sequence[Slot], host: str, task_id: str
) -> int:
    number = stage.attempt + 1
    row = {
        "stage_id": stage.id,
        "number": number,
        "status": Status.QUEUED,
        "host": host,
        "executor": stage.executor,
        "celery_task_id": task_id,
        "directory": str(directory(stage, number)),
        "slots_json": views.slots_json(tuple(slots)),
        "granted_at": clock.now(),
        **NEW_ATTEMPT,
    }
    insert(connection, "attempts", [row])
    query = "SELECT id FROM attempts WHERE stage_id = ? AND number = ?"
    (attempt_id,) = connection.execute(query, (stage.id, number)).fetchone()
    occupied = [
        {"host": slot.host, "kind": slot.kind, "number": slot.index, "attempt_id": attempt_id}
        for slot in slots
    ]
    insert(connection, "slots", occupied)
    return int(attempt_id)


def mark_sent(connection: Connection, attempt_id: int) -> None:
    """Record that the attempt's message was sent to the broker."""
    set_values(connection, "attempts", attempt_id, sent_at=clock.now())


def unclaimed(
    connection: Connection, *, sent_before: int, here: HostView | None = None
) -> list[AttemptRecord]:
    """Return granted attempts whose message was never sent, or was sent too long ago.

    A sent time in the future means that the clock was set back, so the true time is unknown.
    """
    host = None if here is None else here.host
    found = connection.execute(
        "SELECT * FROM attempts WHERE status = ? AND host = coalesce(?, host) "
        "AND (sent_at IS NULL OR sent_at < ? OR sent_at > ?) ORDER BY id",
        (Status.QUEUED, host, sent_before, clock.now()),
    )
    return list(views.records(found, views.attempt_record))


def count_unclaimed(connection: Connection, executor: str) -> int:
    """Return the number of attempts of an executor that are granted and not claimed."""
    found = connection.execute(
        "SELECT count(*) FROM attempts WHERE status = ? AND executor = ?",
        (Status.QUEUED, executor),
    )
    return int(found.fetchone()[0])
