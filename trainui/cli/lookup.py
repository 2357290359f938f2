"""Finds the RUN and STAGE that a user typed, without importing SQLAlchemy.

Each function raises NotFoundError if nothing matches, and AmbiguousError if several do where one is
meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainui.errors import AmbiguousError
from trainui.store.db import engine, statements

if TYPE_CHECKING:
    from trainui.model.records import Lost, RunRecord, StageRecord
    from trainui.model.states import Status


@contextmanager
def view() -> Iterator[statements.Connection]:
    """Open a short read transaction: one consistent snapshot of the store."""
    with engine.reading() as connection, engine.snapshot(connection):
        yield connection


def find_run(reference: str) -> RunRecord:
    """Return the run that a reference names."""
    from trainui.store.read import views

    with view() as connection:
        return views.find_run(connection, reference)


def find(reference: str, stage: str | None) -> tuple[RunRecord, list[StageRecord]]:
    """Return a run and its stages that match `stage`; all of them for None."""
    from trainui.store.read import views

    with view() as connection:
        run = views.find_run(connection, reference)
        if stage is None:
            return run, views.stages(connection, run.id)
        return run, views.find_stages(connection, run.id, stage)


def find_one(reference: str, stage: str) -> tuple[RunRecord, StageRecord]:
    """Return a run and its one stage that matches `stage`."""
    run, stages = find(reference, stage)
    if len(stages) > 1:
        from trainui.store.read import views

        names = views.shown_names(found.name for found in stages)
        raise AmbiguousError(f"{stage!r} matches several stages; name one of them: {names}")
    return run, stages[0]


def find_alike(reference: str, stage: str | None) -> list[StageRecord]:
    """Return one stage, or all members of one sweep; `stage` is None if the run has only one."""
    run, stages = find(reference, stage)
    groups = list(dict.fromkeys(one.definition.group or one.name for one in stages))
    if len(groups) > 1:
        names = ", ".join(groups)
        raise AmbiguousError(f"{run.name} has several stages; name one of them: {names}")
    return stages


def in_full(run_id: str) -> dict[str, Any]:
    """Return a run as `show --json` prints it."""
    from trainui.store.read import run_in_json, views

    with view() as connection:
        found = views.find_run(connection, run_id)
        lost = find_lost(connection, [found.status])
        return run_in_json.run_in_full(connection, found, lost)


def find_lost(connection: statements.Connection, states: Collection[Status]) -> Lost:
    """Return what is lost, if a run or a stage is in such a state."""
    from trainui.model.records import Lost
    from trainui.model.states import Status

    if Status.RUNNING not in states:
        return Lost()
    from trainui.execution.attempt import lost_attempts

    return lost_attempts.find(connection)
