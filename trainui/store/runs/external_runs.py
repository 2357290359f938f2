"""External runs: trainings that trainui did not start, recorded with what their trackers say.

Each stage has one attempt without a Celery message; the metrics reader reads it like any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, update

from trainui import clock, mounts
from trainui.domain.definition import MetricSource, StageDefinition
from trainui.domain.records import Slot
from trainui.domain.states import ENDED, Status, run_status
from trainui.store.db import protocol
from trainui.store.db.engine import raw
from trainui.store.read import row_mapping
from trainui.store.runs import events, new_run, runs
from trainui.store.runs.metrics_progress import AttemptToRead, attempts_to_read
from trainui.store.runs.new_run import NewRun
from trainui.store.runs.tables import ATTEMPTS, RUNS, STAGES, set_values


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


@dataclass(frozen=True, slots=True)
class RunningStage:
    """A stage of an external run that had not ended."""

    run_id: str
    stage_id: str
    attempt_id: int
    name: str
    directory: str
    attempt_directory: str
    pid: int | None
    cancel_requested_at: int | None
    external: Mapping[str, Any]
    """The run's `external`: `kind`, `path`, `pid`, and what identifies the process."""

    @property
    def remote_mount(self) -> str:
        """The mountpoint of the remote file system that is looked at to watch it, or empty."""
        if self.pid is not None:
            return ""
        return mounts.remote_mount(self.directory, str(self.external["path"]))


def known_paths(connection: Connection) -> dict[str, str]:
    """Return the ids of the external runs, by path, behind which a run of a database has its id."""
    found = connection.execute(
        select(RUNS.c.id, RUNS.c.submission_json).where(RUNS.c.submission_json.like(_MARK))
    )
    known = ((run_id, row_mapping.load(text)["external"]) for run_id, text in found)
    return {
        f"{one['path']}#{one['run']}" if one.get("run") else str(one["path"]): run_id
        for run_id, one in known
    }


def known_processes(connection: Connection) -> dict[tuple[int, int, str], str]:
    """Return the ids of the external runs by their processes: pid, start in ticks, and boot."""
    found = connection.execute(
        select(RUNS.c.id, RUNS.c.submission_json).where(RUNS.c.submission_json.like(_MARK))
    )
    known = ((run_id, row_mapping.load(text)["external"]) for run_id, text in found)
    return {
        (one["pid"], one["ticks"], one["boot"]): run_id for run_id, one in known if one.get("ticks")
    }


_MARK = '%"external":{%'


def add(
    connection: Connection,
    new: NewRun,
    states: Mapping[str, ExternalState],
    directories: Mapping[str, str],
    *,
    host: str,
) -> None:
    """Store an external run.

    The run's `submission` has `external`. By stage name, `states` has its state, and `directories`
    where its attempt's logs are.
    """
    own = raw(connection)
    new_run.create(own, new)
    _start(own, new.id, states, directories, host)
    now = clock.now()
    # in the list, which is ordered by creation, it stands where it belongs by its age
    began = min((one.started_at for one in states.values() if one.started_at), default=now)
    status = run_status([one.status for one in states.values()], started=True)
    ends = [one.completed_at for one in states.values() if one.completed_at is not None]
    own.execute(
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
    connection: Connection,
    run_id: str,
    new: NewRun,
    states: Mapping[str, ExternalState],
    directories: Mapping[str, str],
    *,
    host: str,
) -> None:
    """Store more stages of an external run: jobs that its multirun has now.

    `new` is a run with these stages alone; the other arguments are as for `add`.
    """
    own = raw(connection)
    (first,) = own.execute("SELECT count(*) FROM stages WHERE run_id = ?", (run_id,)).fetchone()
    ids = {stage.name: str(uuid.uuid4()) for stage in new.pipeline.stages}
    rows = new_run.stage_rows(new, ids, first=first)
    new_run.insert(own, "stages", [row | {"run_id": run_id} for row in rows])
    _start(own, run_id, states, directories, host)
    runs.refresh(connection, run_id)
    text = f"{len(ids)} stage{'s' * (len(ids) != 1)} added"
    events.record(connection, run_id, "submitted", text)


def stage_names(connection: Connection, run_id: str) -> set[str]:
    """Return the names of a run's stages."""
    return {stage.name for stage in runs.stages(connection, run_id)}


def _start(
    own: protocol.Connection,
    run_id: str,
    states: Mapping[str, ExternalState],
    directories: Mapping[str, str],
    host: str,
) -> None:
    """Give stages their states, and an attempt each."""
    found = own.execute("SELECT name, id FROM stages WHERE run_id = ?", (run_id,))
    ids = {str(name): str(stage_id) for name, stage_id in found.fetchall()}
    for name, one in states.items():
        own.execute(
            "UPDATE stages SET attempt = 1, status = ?, started_at = ?, completed_at = ? "
            "WHERE id = ?",
            (one.status.value, one.started_at, one.completed_at, ids[name]),
        )
    now = clock.now()
    new_run.insert(
        own,
        "attempts",
        [
            {
                "stage_id": ids[name],
                "number": 1,
                "status": one.status.value,
                "host": host,
                "directory": directories[name],
                "slots_json": row_mapping.slots_json(
                    tuple(Slot(host, "gpu", index) for index in one.gpus)
                ),
                "granted_at": now,
                "started_at": one.started_at or now,
                "completed_at": one.completed_at,
                "pid": one.pid,
                "checkpoint_tried": False,
                "metrics_complete": False,
            }
            for name, one in states.items()
        ],
    )


_STAGES = (
    select(
        RUNS.c.id,
        STAGES.c.id,
        ATTEMPTS.c.id,
        STAGES.c.name,
        STAGES.c.directory,
        ATTEMPTS.c.directory,
        ATTEMPTS.c.pid,
        ATTEMPTS.c.cancel_requested_at,
        RUNS.c.submission_json,
    )
    .join(STAGES, STAGES.c.id == ATTEMPTS.c.stage_id)
    .join(RUNS, RUNS.c.id == STAGES.c.run_id)
)


def running(connection: Connection, host: str) -> list[RunningStage]:
    """Return this host's stages of external runs that had not ended."""
    query = "SELECT 1 FROM attempts WHERE status = ? AND celery_task_id IS NULL LIMIT 1"
    if raw(connection).execute(query, (Status.RUNNING,)).fetchone() is None:
        return []  # nearly always, and asked at each change of the store
    found = connection.execute(
        _STAGES.where(
            ATTEMPTS.c.status == Status.RUNNING,
            ATTEMPTS.c.host == host,
            ATTEMPTS.c.celery_task_id.is_(None),
        )
    )
    return [_stage(row) for row in found]


def _stage(row: Any) -> RunningStage:
    run_id, stage_id, attempt_id, name, place, log, pid, cancelled, submission = row[:9]
    external = row_mapping.load(submission)["external"]
    return RunningStage(run_id, stage_id, attempt_id, name, place, log, pid, cancelled, external)


def sources(connection: Connection, stage_id: str) -> tuple[MetricSource, ...]:
    """Return the sources of a stage's metrics."""
    return _definition(connection, stage_id).metrics or ()


def _definition(connection: Connection, stage_id: str) -> StageDefinition:
    (text,) = connection.execute(
        select(STAGES.c.definition_json).where(STAGES.c.id == stage_id)
    ).one()
    return row_mapping.definition(text)


def set_sources(connection: Connection, stage_id: str, found: Sequence[MetricSource]) -> None:
    """Set the sources of a stage's metrics: an adopted process has opened other files."""
    changed = replace(_definition(connection, stage_id), metrics=tuple(found))
    set_values(connection, STAGES, stage_id, definition_json=row_mapping.dump(changed.to_json()))


def resting(connection: Connection, host: str, since: int) -> list[tuple[RunningStage, int]]:
    """Return this host's stages that ended lately without a tracker's word, and when they did.

    Those that ended before `since` are left out.
    """
    found = connection.execute(
        _STAGES.add_columns(ATTEMPTS.c.completed_at).where(
            ATTEMPTS.c.status == Status.ENDED,
            ATTEMPTS.c.completed_at >= since,
            ATTEMPTS.c.host == host,
            ATTEMPTS.c.celery_task_id.is_(None),
            ATTEMPTS.c.pid.is_(None),
        )
    )
    return [(_stage(row), row[9]) for row in found]


def remote_mounts(connection: Connection, host: str, since: int) -> dict[str, list[AttemptToRead]]:
    """Return the mountpoints of the remote file systems with external runs that may change.

    With those attempts of each that are not read to their end. `since` is as for `resting`.
    """
    found: dict[str, list[AttemptToRead]] = {}
    watched = running(connection, host) + may_begin_jobs(connection, host, since)
    watched += [stage for stage, _end in resting(connection, host, since)]
    for stage in watched:
        found.setdefault(stage.remote_mount, [])
    for attempt in attempts_to_read(connection, host):
        found.setdefault(attempt.remote_mount, []).append(attempt)
    found.pop("", None)
    return found


def may_begin_jobs(connection: Connection, host: str, since: int) -> list[RunningStage]:
    """Return the first stages of this host's studies and multiruns that have ended since a time."""
    found = connection.execute(
        _STAGES.where(
            RUNS.c.pipeline.in_(["optuna (external)", "hydra (external)"]),
            RUNS.c.completed_at >= since,
            STAGES.c.position == 0,
            ATTEMPTS.c.host == host,
        )
    )
    return [_stage(row) for row in found]


def set_process(
    connection: Connection,
    stage: RunningStage,
    identity: Mapping[str, Any],
    slots: tuple[Slot, ...],
) -> str:
    """Record which process trains a run that was found by its files; return the run's directory.

    Args:
        connection: a write transaction.
        stage: the only stage of its run.
        identity: its `pid`, `ticks` and `boot`, its command and its directory.
        slots: the GPUs that it uses.
    """
    reopen(connection, stage)
    json_ = row_mapping.slots_json(slots)
    set_values(connection, ATTEMPTS, stage.attempt_id, pid=identity["pid"], slots_json=json_)
    query = select(RUNS.c.submission_json, RUNS.c.directory).where(RUNS.c.id == stage.run_id)
    text, directory = connection.execute(query).one()
    submission = row_mapping.load(text)
    submission["external"] |= identity
    set_values(connection, RUNS, stage.run_id, submission_json=row_mapping.dump(submission))
    return str(directory)


def writers_of(
    connection: Connection, host: str, files: Sequence[str], since: int
) -> list[RunningStage]:
    """Return the stages of external runs that read some of these files, found by no process.

    Args:
        connection: for reading.
        host: this host.
        files: the files that a process writes now.
        since: stages that ended before, as far as was known, are left out.
    """
    found = running(connection, host) + [one for one, _end in resting(connection, host, since)]
    readers = [one for one in found if one.pid is None]
    named = {
        one.attempt_id: {str(source.path) for source in sources(connection, one.stage_id)}
        for one in readers
    }
    return [
        one
        for one in readers
        if not named[one.attempt_id].isdisjoint(files)
        or (not named[one.attempt_id] and any(map(_is_below(one.directory), files)))
    ]


def _is_below(directory: str) -> Callable[[str], bool]:
    return lambda file: file.startswith(f"{directory}/")


def reopen(connection: Connection, stage: RunningStage) -> None:
    """Record that a stage runs on: its files have grown since its end was recorded."""
    _change_ended(connection, stage, status=Status.RUNNING, completed_at=None)


def read_again(connection: Connection, stage: RunningStage, end: int) -> None:
    """Have the points read of a stage whose files have grown, though nobody is seen to write them.

    `end`, when its files changed last, is its end as far as is known.
    """
    _change_ended(connection, stage, completed_at=end)


def _change_ended(connection: Connection, stage: RunningStage, **values: Any) -> None:
    """Change the record of a stage that has ended, and have its metrics read again."""
    for table, key in ((ATTEMPTS, stage.attempt_id), (STAGES, stage.stage_id)):
        connection.execute(
            update(table).where(table.c.id == key, table.c.status == Status.ENDED).values(**values)
        )
    set_values(connection, ATTEMPTS, stage.attempt_id, metrics_complete=False)
    runs.refresh(connection, stage.run_id)


def let_end(connection: Connection, run_id: str) -> None:
    """Record the stages of a run as ended, so that it can be deleted."""
    for table in (STAGES, ATTEMPTS):
        ids = select(STAGES.c.id).where(STAGES.c.run_id == run_id)
        which = STAGES.c.run_id == run_id if table is STAGES else ATTEMPTS.c.stage_id.in_(ids)
        connection.execute(
            update(table)
            .where(which, table.c.status == Status.RUNNING)
            .values(status=Status.ENDED, completed_at=clock.now())
        )
    runs.refresh(connection, run_id)


def end(
    connection: Connection, stage: RunningStage, status: Status, reason: str | None = None
) -> None:
    """Record the end of a stage, unless it is on record already.

    `reason` is why it ended, if more is known than the state says.
    """
    now = clock.now()
    ended = connection.execute(
        update(ATTEMPTS)
        .where(ATTEMPTS.c.id == stage.attempt_id, ATTEMPTS.c.status == Status.RUNNING)
        .values(status=status, completed_at=now)
    )
    if not ended.rowcount:
        return
    ended_stage = {"status": status, "completed_at": now, "reason": reason, "stalled": False}
    set_values(connection, STAGES, stage.stage_id, **ended_stage)
    text = f"{stage.name} {status}" + (f": {reason}" if reason else "")
    events.record(connection, stage.run_id, str(status), text, stage=stage.name, attempt=1)
    runs.refresh(connection, stage.run_id)
