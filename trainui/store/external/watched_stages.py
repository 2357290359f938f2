"""Stages of external runs: which are watched, and what their watch records about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainui import clock, mounts
from trainui.domain.definition import MetricSource, StageDefinition
from trainui.domain.records import NOT_STARTED_BY_US, Slot
from trainui.domain.states import Status
from trainui.plugin import Tracker, registry
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import placeholders
from trainui.store.db.updates import change, set_values
from trainui.store.read import row_mapping
from trainui.store.runs import events, new_run, runs
from trainui.store.runs.metrics_progress import AttemptToRead, attempts_to_read


@dataclass(frozen=True, slots=True)
class WatchedStage:
    """A stage of an external run."""

    run_id: str
    stage_id: str
    attempt_id: int
    name: str
    directory: str
    attempt_directory: str
    pid: int | None
    cancel_requested_at: int | None
    ended_at: int | None
    external: Mapping[str, Any]
    """The run's `external`: `kind`, `path`, `pid`, and what identifies the process."""

    @property
    def remote_mount(self) -> str:
        """The mountpoint of the remote file system that is looked at to watch it, or empty."""
        if self.pid is not None:
            return ""
        return mounts.remote_mount(self.directory, str(self.external["path"]))


def _stages(
    connection: Connection, host: str, which: str, parameters: Sequence[Any] = ()
) -> list[WatchedStage]:
    """Return those of this host's stages of external runs that fit a condition."""
    found = connection.execute(
        "SELECT runs.id, stages.id, attempts.id, stages.name, stages.directory, "
        "attempts.directory, pid, cancel_requested_at, attempts.completed_at, submission_json "
        "FROM attempts JOIN stages ON stages.id = stage_id JOIN runs ON runs.id = run_id "
        f"WHERE attempts.host = ? AND attempts.executor = ? AND {which}",
        (host, NOT_STARTED_BY_US, *parameters),
    )
    rows = ((*row, row_mapping.load(text)["external"]) for *row, text in found)
    return [WatchedStage(*row) for row in rows]


def running(connection: Connection, host: str) -> list[WatchedStage]:
    """Return this host's stages of external runs that had not ended."""
    query = "SELECT 1 FROM attempts WHERE status = ? AND executor = ? LIMIT 1"
    if connection.execute(query, (Status.RUNNING, NOT_STARTED_BY_US)).fetchone() is None:
        return []  # nearly always, and asked at each change of the store
    return _stages(connection, host, "attempts.status = ?", (Status.RUNNING,))


def sources(connection: Connection, stage_id: str) -> tuple[MetricSource, ...]:
    """Return the sources of a stage's metrics."""
    return _definition(connection, stage_id).metrics or ()


def _definition(connection: Connection, stage_id: str) -> StageDefinition:
    query = "SELECT definition_json FROM stages WHERE id = ?"
    (text,) = connection.execute(query, (stage_id,)).fetchone()
    return row_mapping.definition(text)


def set_sources(connection: Connection, stage_id: str, found: Sequence[MetricSource]) -> None:
    """Set the sources of a stage's metrics: an adopted process has opened other files."""
    changed = replace(_definition(connection, stage_id), metrics=tuple(found))
    set_values(connection, "stages", stage_id, **new_run.defined_columns(changed))


def resting(connection: Connection, host: str, since: int) -> list[WatchedStage]:
    """Return this host's stages that have ended since a time, without a tracker's word."""
    has_ended = "attempts.status = ? AND attempts.completed_at >= ? AND pid IS NULL"
    return _stages(connection, host, has_ended, (Status.ENDED, since))


def remote_mounts(connection: Connection, host: str, since: int) -> dict[str, list[AttemptToRead]]:
    """Return the mountpoints of the remote file systems with external runs that may change.

    With those attempts of each that are not read to their end. `since` is as for `resting`.
    """
    found: dict[str, list[AttemptToRead]] = {}
    watched = running(connection, host) + may_begin_jobs(connection, host, since)
    for stage in watched + resting(connection, host, since):
        found.setdefault(stage.remote_mount, [])
    for attempt in attempts_to_read(connection, host):
        found.setdefault(attempt.remote_mount, []).append(attempt)
    found.pop("", None)
    return found


def may_begin_jobs(connection: Connection, host: str, since: int) -> list[WatchedStage]:
    """Return the first stages of this host's studies and multiruns that have ended since a time."""
    kinds = [one.name for one in registry.records(Tracker) if one.has_jobs]
    if not kinds:
        return []
    may_begin = f"runs.kind IN ({placeholders(kinds)})"
    has_ended = "runs.completed_at >= ? AND position = 0"
    return _stages(connection, host, f"{may_begin} AND {has_ended}", (*kinds, since))


def set_process(
    connection: Connection,
    stage: WatchedStage,
    identity: Mapping[str, Any],
    slots: tuple[Slot, ...],
) -> str:
    """Record which process trains a run that its files showed; return the run's directory."""
    reopen(connection, stage)
    json_ = row_mapping.slots_json(slots)
    set_values(connection, "attempts", stage.attempt_id, pid=identity["pid"], slots_json=json_)
    query = "SELECT submission_json, directory FROM runs WHERE id = ?"
    text, directory = connection.execute(query, (stage.run_id,)).fetchone()
    submission = row_mapping.load(text)
    submission["external"] |= identity
    set_values(connection, "runs", stage.run_id, submission_json=row_mapping.dump(submission))
    return str(directory)


def writers_of(
    connection: Connection, host: str, files: Sequence[str], since: int
) -> list[WatchedStage]:
    """Return the stages without a process that read some files; `since`: the earliest end."""
    found = running(connection, host) + resting(connection, host, since)
    readers = [one for one in found if one.pid is None]
    named = {
        one.attempt_id: {str(source.path) for source in sources(connection, one.stage_id)}
        for one in readers
    }
    return [
        one
        for one in readers
        if not named[one.attempt_id].isdisjoint(files)
        or (
            not named[one.attempt_id]
            and any(file.startswith(f"{one.directory}/") for file in files)
        )
    ]


def reopen(connection: Connection, stage: WatchedStage) -> None:
    """Record that a stage runs on: its files have grown since its end was recorded."""
    _change_ended(connection, stage, status=Status.RUNNING, completed_at=None)


def read_again(connection: Connection, stage: WatchedStage, end: int) -> None:
    """Request another read of a stage whose files have grown, although no process has them open.

    `end`, the last change of its files, is taken as its end.
    """
    _change_ended(connection, stage, completed_at=end)


def _change_ended(connection: Connection, stage: WatchedStage, **values: Any) -> None:
    """Change the record of a stage that has ended, and have its metrics read again."""
    for table, key in (("attempts", stage.attempt_id), ("stages", stage.stage_id)):
        change(connection, table, {"id": key, "status": Status.ENDED}, **values)
    set_values(connection, "attempts", stage.attempt_id, metrics_complete=False)
    runs.refresh(connection, stage.run_id)


def end(
    connection: Connection, stage: WatchedStage, status: Status, reason: str | None = None
) -> None:
    """Record the end of a stage, with a reason if one is known, unless it is on record already."""
    now = clock.now()
    is_running = {"id": stage.attempt_id, "status": Status.RUNNING}
    if not change(connection, "attempts", is_running, status=status, completed_at=now):
        return
    ended_stage = {"status": status, "completed_at": now, "reason": reason, "stalled": False}
    set_values(connection, "stages", stage.stage_id, **ended_stage)
    text = f"{stage.name} {status}" + (f": {reason}" if reason else "")
    events.record(connection, stage.run_id, str(status), text, stage=stage.name, attempt=1)
    runs.refresh(connection, stage.run_id)
