"""External runs: trainings that trainui did not start, recorded with what their trackers say.

Each stage has one attempt without a Celery message; the metrics reader reads it like any other. A
watch records what becomes of those that have not ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainui import clock, system
from trainui.formatting import quantity
from trainui.model.definition import MetricSource, StageDefinition
from trainui.model.records import NOT_STARTED_BY_US, OWN, Slot
from trainui.model.states import ENDED, Status, run_status
from trainui.plugin import Tracker, registry
from trainui.record import dataclass
from trainui.store.db import statements
from trainui.store.db.statements import Connection, change, insert, placeholders, set_values
from trainui.store.read import views
from trainui.store.runs import attempts, runs, stored_pipeline
from trainui.store.runs.metrics_progress import AttemptToRead, attempts_to_read
from trainui.store.runs.stored_pipeline import NewRun

RESTING = 24 * 3600
"""Seconds since its end for which a run is checked whose end no tracker has recorded."""


@dataclass(frozen=True, slots=True)
class ExternalState:
    """The state of an external run's stage."""

    status: Status
    """running, completed, failed or ended."""
    started_at: int | None = None
    completed_at: int | None = None
    pid: int | None = None
    """The adopted process."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that it uses."""
    directory: str = ""
    """Where the logs of its attempt are."""


def known_paths(connection: Connection) -> dict[str, str]:
    """Return the ids of the external runs, by path, behind which a run of a database has its id."""
    found = {}
    for run_id, one in _known(connection):
        found[f"{one['path']}#{one['run']}" if one.get("run") else str(one["path"])] = run_id
    return found


def known_processes(connection: Connection) -> dict[tuple[int, int, str], str]:
    """Return the ids of the external runs by their processes: pid, start in ticks, and boot."""
    known = ((run_id, one) for run_id, one in _known(connection) if one.get("ticks"))
    return {(one["pid"], one["ticks"], one["boot"]): run_id for run_id, one in known}


def _known(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
    query = "SELECT id, submission_json FROM runs WHERE kind <> ?"
    found = connection.execute(query, (OWN,))
    return [(run_id, views.load(text)["external"]) for run_id, text in found]


def add(connection: Connection, new: NewRun, states: Mapping[str, ExternalState]) -> None:
    """Store an external run with the states of its stages, by their names."""
    stored_pipeline.create(connection, new)
    _start(connection, new.id, states, str(new.host))
    now = clock.now()
    # in the list, which is ordered by creation, it stands where it belongs by its age
    began = min((one.started_at for one in states.values() if one.started_at), default=now)
    status = run_status([one.status for one in states.values()], started=True)
    ends = [one.completed_at for one in states.values() if one.completed_at is not None]
    connection.execute(
        "UPDATE runs SET status = ?, created_at = ?, started_at = ?, completed_at = ?, "
        "notified_at = ? WHERE id = ?",
        (
            status.value,
            began,
            began,
            max(ends, default=now) if status in ENDED else None,
            now if status in ENDED else None,  # long ago: nobody is notified
            new.id,
        ),
    )


def add_stages(
    connection: Connection, run_id: str, new: NewRun, states: Mapping[str, ExternalState]
) -> None:
    """Store more stages of an external run, as `add` does; `new` is a run with these alone."""
    (first,) = connection.execute(
        "SELECT count(*) FROM stages WHERE run_id = ?", (run_id,)
    ).fetchone()
    ids = {stage.name: str(uuid.uuid4()) for stage in new.pipeline.stages}
    rows = stored_pipeline.stage_rows(new, ids, first=first)
    insert(connection, "stages", [row | {"run_id": run_id} for row in rows])
    _start(connection, run_id, states, str(new.host))
    runs.refresh(connection, run_id)
    runs.record_event(connection, run_id, "submitted", f"{quantity(len(ids), 'stage')} added")


def _start(
    own: statements.Connection, run_id: str, states: Mapping[str, ExternalState], host: str
) -> None:
    """Give stages their states, and an attempt each."""
    found = own.execute("SELECT name, id FROM stages WHERE run_id = ?", (run_id,))
    ids = {str(name): str(stage_id) for name, stage_id in found.fetchall()}
    now, rows = clock.now(), []
    for name, one in states.items():
        own.execute(
            "UPDATE stages SET attempt = 1, status = ?, started_at = ?, completed_at = ? "
            "WHERE id = ?",
            (one.status.value, one.started_at, one.completed_at, ids[name]),
        )
        slots = tuple(Slot(host, "gpu", index) for index in one.gpus)
        row = {
            "stage_id": ids[name],
            "number": 1,
            "status": one.status.value,
            "host": host,
            "executor": NOT_STARTED_BY_US,
            "directory": one.directory,
            "slots_json": views.slots_json(slots),
            "granted_at": now,
            "started_at": one.started_at or now,
            "completed_at": one.completed_at,
            "pid": one.pid,
            **attempts.NEW_ATTEMPT,
        }
        rows.append(row)
    insert(own, "attempts", rows)


def let_end(connection: Connection, run_id: str) -> None:
    """Record the stages of a run as ended, so that it can be deleted."""
    of_run = "stage_id IN (SELECT id FROM stages WHERE run_id = ?)"
    for table, which in (("stages", "run_id = ?"), ("attempts", of_run)):
        connection.execute(
            f"UPDATE {table} SET status = ?, completed_at = ? WHERE status = ? AND {which}",
            (Status.ENDED, clock.now(), Status.RUNNING, run_id),
        )
    runs.refresh(connection, run_id)


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
        return system.remote_mount(self.directory, str(self.external["path"]))


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
    rows = ((*row, views.load(text)["external"]) for *row, text in found)
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
    return views.definition(text)


def set_sources(connection: Connection, stage_id: str, found: Sequence[MetricSource]) -> None:
    """Set the sources of a stage's metrics: an adopted process has opened other files."""
    changed = replace(_definition(connection, stage_id), metrics=tuple(found))
    set_values(connection, "stages", stage_id, **stored_pipeline.defined_columns(changed))


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
    json_ = views.slots_json(slots)
    set_values(connection, "attempts", stage.attempt_id, pid=identity["pid"], slots_json=json_)
    query = "SELECT submission_json, directory FROM runs WHERE id = ?"
    text, directory = connection.execute(query, (stage.run_id,)).fetchone()
    submission = views.load(text)
    submission["external"] |= identity
    set_values(connection, "runs", stage.run_id, submission_json=views.dump(submission))
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
    silence = {"stalled": False, "stalls_after": None}
    ended_stage = {"status": status, "completed_at": now, "reason": reason, **silence}
    set_values(connection, "stages", stage.stage_id, **ended_stage)
    text = f"{stage.name} {status}" + (f": {reason}" if reason else "")
    runs.record_event(connection, stage.run_id, str(status), text, stage=stage.name, attempt=1)
    runs.refresh(connection, stage.run_id)
