"""Lost attempts: recorded as running, but their processes are gone.

This is the case after a reboot until a worker has run. It is decided by the processes, never by
time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from trainui import settings
from trainui.domain.records import RunRecord
from trainui.domain.states import Status
from trainui.execution.attempt.prepared_process import AttemptContext, identity_of
from trainui.execution.daemon import lifecycle
from trainui.execution.processes import spawn
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.supervisor import process
from trainui.supervisor.process import ProbeState

PATIENCE = 30.0
"""Seconds for a worker to start, and to read the metrics before it records the ends."""


def record(run_ids: Collection[str] | None = None) -> None:
    """Get the ends of lost attempts recorded, so that a resume finds their stages ended.

    If there are any, start the worker and wait until it has recorded them.

    Raises:
        UnfitEnvironmentError: a worker cannot be started.
    """

    def are_left() -> bool:
        found = runs()
        return bool(found if run_ids is None else found.intersection(run_ids))

    if are_left():
        lifecycle.ensure_started()
        spawn.wait_until(lambda: not are_left(), PATIENCE)


def runs() -> set[str]:
    """Return the ids of the runs that have a lost attempt."""
    if not views.is_there():
        return set()
    with views.reading() as connection:
        running = [run for run in views.runs(connection) if run.status == Status.RUNNING]
        return {run.id for run in running if any(map(_is_one, _last_attempts(connection, run)))}


def _last_attempts(connection: Connection, run: RunRecord) -> Iterator[AttemptContext]:
    attempts = views.attempts(connection, run.id)
    for stage in views.stages(connection, run.id):
        for attempt in attempts.get(stage.id, [])[-1:]:
            yield AttemptContext(run, stage, attempt)


def _is_one(context: AttemptContext) -> bool:
    attempt = context.attempt
    if attempt.status != Status.RUNNING or attempt.host != settings.host():
        return False
    if context.run.external is not None:
        return False
    found = process.probe(Path(attempt.directory), identity_of(context))
    return found.state in (ProbeState.LOST, ProbeState.ENDED, ProbeState.REMOVED)
