"""Runs: state derived from stages, priority, deletion; the installation's flags; the event log.

Each event is recorded in the transaction of the change that it describes. The rule: `text` is for
people; anything that a program needs is in `data`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainui import clock, formatting
from trainui.errors import UsageError
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import ENDED, UNFINISHED, Status, run_status
from trainui.store.db.statements import Connection, batches, insert, placeholders, set_values
from trainui.store.read import views

PAUSED = "paused"
"""The flag of a paused queue."""

NOTIFIED = "notified_event"
"""The flag with the number of the last event processed for notifications."""

DIGESTED = "digested_until"
"""The flag with the time until which digests were sent."""


def place_of(connection: Connection, run_id: str) -> tuple[str | None, str | None]:
    """Return the host where a run was submitted, and the identity of its directory of runs."""
    query = "SELECT host, place FROM runs WHERE id = ?"
    host, place = connection.execute(query, (run_id,)).fetchone()
    return host, place


def set_allowed(connection: Connection, run_id: str, directories: Sequence[str]) -> None:
    """Set the directories allowed for a run's inputs from now on."""
    changed = {**views.submission(connection, run_id), "allowed": list(directories)}
    set_values(connection, "runs", run_id, submission_json=views.dump(changed))


def record_origin(
    connection: Connection,
    run_id: str,
    given: Mapping[str, Any] | None = None,
    seen_digest: str | None = None,
    members: Mapping[str, Mapping[str, str]] | None = None,
    *,
    waiting: Sequence[str] = (),
) -> None:
    """Record the origin of a run's current pipeline.

    Args:
        given: the parameters given in addition to its text, secrets masked; None: unchanged.
        seen_digest: the digest of the run's file when the pipeline was edited outside of it; None:
            the pipeline is that file's.
        members: sweep members with values other than the file's, by name; None: unchanged.
        waiting: full names of the stages whose definitions are older than the pipeline's text.
    """
    changed = views.submission(connection, run_id)
    changed |= {"seen_digest": seen_digest, "waiting": list(waiting)}
    if given is not None:
        changed["given"] = dict(given)
    if members is not None:
        changed["members"] = {name: dict(values) for name, values in members.items()}
    set_values(connection, "runs", run_id, submission_json=views.dump(changed))


def refresh(connection: Connection, run_id: str, *, started_at: int | None = None) -> Status:
    """Derive a run's state and times from its stages; return the state.

    `started_at`: the start of one of its attempts, if it has just started.
    """
    before, first_start, is_unfinished, was_claimed = connection.execute(
        _STATE, (*UNFINISHED, Status.QUEUED, run_id)
    ).fetchone()
    states = [Status.RUNNING]
    if not is_unfinished:
        found = connection.execute("SELECT DISTINCT status FROM stages WHERE run_id = ?", (run_id,))
        states = [Status(name) for (name,) in found]
    starts = [start for start in (first_start, started_at) if start is not None]
    status = run_status(states, started=bool(starts or was_claimed))
    values: dict[str, Any] = {"started_at": min(starts, default=None)}
    if status in ENDED:
        (end,) = connection.execute(
            "SELECT max(completed_at) FROM stages WHERE run_id = ?", (run_id,)
        ).fetchone()
        end = clock.now() if end is None else end
        values |= {"completed_at": max(end, values["started_at"] or 0)}
    else:
        values |= {"completed_at": None, "notified_at": None}
    if (status, values["started_at"]) != (before, first_start) or status in ENDED:
        set_values(connection, "runs", run_id, status=status, **values)
    if before != status:
        text = f"run {status.verb}"
        record_event(connection, run_id, "run", text, data={"status": str(status)})
    return status


_STATE = f"""
SELECT status, started_at,
    EXISTS (SELECT 1 FROM stages WHERE run_id = runs.id AND status IN ({placeholders(UNFINISHED)})),
    EXISTS (SELECT 1 FROM stages WHERE run_id = runs.id AND attempt > 0 AND status <> ?)
FROM runs WHERE id = ?
"""
"""While a run is active, it reads few of its stages, however many it has."""


def is_any_active(connection: Connection) -> bool:
    """Return True if a run is unfinished."""
    query = "SELECT 1 FROM runs WHERE status IN (?, ?) LIMIT 1"
    found = connection.execute(query, (Status.QUEUED, Status.RUNNING))
    return found.fetchone() is not None


def count_of_agents(connection: Connection, *, besides: str | None) -> int:
    """Return the number of unfinished runs that agents started, without one of them."""
    query = (
        "SELECT count(*) FROM runs WHERE started_by IS NOT NULL AND id <> ? "
        f"AND status IN ({placeholders(UNFINISHED)})"
    )
    return int(connection.execute(query, (besides or "", *UNFINISHED)).fetchone()[0])


def to_notify(connection: Connection) -> list[RunRecord]:
    """Return the finished runs without a notification of their end."""
    query = f"SELECT * FROM runs WHERE status IN ({placeholders(ENDED)}) AND notified_at IS NULL"
    found = connection.execute(query, tuple(ENDED))
    return list(views.records(found, views.run_record))


def mark_notified(connection: Connection, run_ids: Sequence[str]) -> None:
    """Record that the notifications of these runs' ends were sent."""
    for part in batches(run_ids):
        query = f"UPDATE runs SET notified_at = ? WHERE id IN ({placeholders(part)})"
        connection.execute(query, (clock.now(), *part))


def set_priority(connection: Connection, run_id: str, priority: int) -> None:
    """Set a run's priority: runs with a higher one go first."""
    set_values(connection, "runs", run_id, priority=priority)
    record_event(connection, run_id, "priority", f"the priority is {priority:+d}")


def set_note(connection: Connection, run_id: str, note: str | None, verdict: str | None) -> None:
    """Set a run's newest note and its verdict; what is None is unchanged."""
    given = {name: value for name, value in (("note", note), ("verdict", verdict)) if value}
    set_values(connection, "runs", run_id, **given)


def set_original(connection: Connection, run_id: str, home: str) -> None:
    """Record that a run belongs to another home, of which this one is a copy: it is only read."""
    set_values(connection, "runs", run_id, original=home)
    connection.execute(
        "UPDATE attempts SET metrics_complete = TRUE "
        "WHERE stage_id IN (SELECT id FROM stages WHERE run_id = ?)",
        (run_id,),
    )


def remove(connection: Connection, run_id: str) -> None:
    """Delete a finished run, with its stages, attempts and events, but not its directory.

    Raises:
        UsageError: the run is not finished.
    """
    run = views.run(connection, run_id)
    if run is not None and run.status not in ENDED:
        raise UsageError(f"the run {run.name} ({run_id}) is {run.status}; cancel it first")
    connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def set_flag(connection: Connection, name: str, value: str | None) -> None:
    """Set a flag of the installation; None removes it."""
    connection.execute("DELETE FROM flags WHERE name = ?", (name,))
    if value is not None:
        insert(connection, "flags", [{"name": name, "value": value}])


def record_event(
    connection: Connection,
    run_id: str,
    kind: str,
    text: str,
    *,
    stage: str | None = None,
    attempt: int | None = None,
    time: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an event to a run's history.

    `kind` is a short, stable word, and `text` one sentence for people; `data` is the same for
    programs, e.g. a run's `status`, or an alert's `metric` and `step`.
    """
    event = {"run_id": run_id, "stage": stage, "attempt": attempt, "kind": kind}
    event["text"] = formatting.storable(text)  # it may quote a file's name
    event["time"] = clock.now() if time is None else time
    event["data_json"] = views.dump(data) if data else None
    insert(connection, "events", [event])


def record_stage_event(
    connection: Connection,
    stage: StageRecord,
    kind: str,
    text: str,
    *,
    attempt: int | None = None,
    time: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an event about an attempt of a stage, by default its last one."""
    number = stage.attempt if attempt is None else attempt
    where = (connection, stage.run_id, kind, text)
    record_event(*where, stage=stage.name, attempt=number, time=time, data=data)


def record_events(
    connection: Connection, happened: Sequence[tuple[str, str, str]], kind: str
) -> None:
    """Add an event of one kind for each of several stages: run id, full stage name, sentence."""
    same = {"time": clock.now(), "kind": kind}
    rows = [{"run_id": run, "stage": stage, "text": text, **same} for run, stage, text in happened]
    insert(connection, "events", rows)
