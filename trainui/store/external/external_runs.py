"""External runs: trainings that trainui did not start, recorded with what their trackers say.

Each stage has one attempt without a Celery message; the metrics reader reads it like any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainui import clock
from trainui.domain.records import NOT_STARTED_BY_US, OWN, Slot
from trainui.domain.states import ENDED, Status, run_status
from trainui.formatting import quantity
from trainui.store.db import protocol
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import insert
from trainui.store.read import row_mapping
from trainui.store.runs import attempt_rows, events, new_run, runs
from trainui.store.runs.new_run import NewRun


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
    return [(run_id, row_mapping.load(text)["external"]) for run_id, text in found]


def add(connection: Connection, new: NewRun, states: Mapping[str, ExternalState]) -> None:
    """Store an external run with the states of its stages, by their names."""
    new_run.create(connection, new)
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
    rows = new_run.stage_rows(new, ids, first=first)
    insert(connection, "stages", [row | {"run_id": run_id} for row in rows])
    _start(connection, run_id, states, str(new.host))
    runs.refresh(connection, run_id)
    events.record(connection, run_id, "submitted", f"{quantity(len(ids), 'stage')} added")


def stage_names(connection: Connection, run_id: str) -> set[str]:
    """Return the names of a run's stages."""
    return {stage.name for stage in runs.stages(connection, run_id)}


def _start(
    own: protocol.Connection, run_id: str, states: Mapping[str, ExternalState], host: str
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
            "slots_json": row_mapping.slots_json(slots),
            "granted_at": now,
            "started_at": one.started_at or now,
            "completed_at": one.completed_at,
            "pid": one.pid,
            **attempt_rows.NEW,
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
