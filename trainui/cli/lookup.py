"""RUN and STAGE as people write them, found in the store without loading it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainui.errors import AmbiguousError
from trainui.store.db import protocol
from trainui.store.read import readonly
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord, StageRecord


@contextmanager
def view() -> Iterator[protocol.Connection]:
    """Open one consistent view of the store, for a short while."""
    with readonly.reading() as connection:
        connection.execute("BEGIN")
        yield connection


def find_run(reference: str) -> RunRecord:
    """Return the run that is meant.

    Raises:
        NotFoundError: there is none.
        AmbiguousError: it may be several.
    """
    from trainui.store.read import views

    with view() as connection:
        return views.find_run(connection, reference)


def find(reference: str, stage: str | None) -> tuple[RunRecord, list[StageRecord]]:
    """Return a run and the stages that are meant; None means all of them.

    Raises:
        NotFoundError: there is no such run or stage.
        AmbiguousError: it may be several.
    """
    from trainui.store.read import views

    with view() as connection:
        run = views.find_run(connection, reference)
        if stage is None:
            return run, views.stages(connection, run.id)
        return run, views.find_stages(connection, run.id, stage)


def find_one(reference: str, stage: str) -> tuple[RunRecord, StageRecord]:
    """Return a run and the one stage of it that is meant.

    Raises:
        NotFoundError: there is no such run or stage.
        AmbiguousError: it may be several.
    """
    run, stages = find(reference, stage)
    if len(stages) > 1:
        names = ", ".join(found.name for found in stages)
        raise AmbiguousError(f"{stage!r} means several stages, name one of them: {names}")
    return run, stages[0]


def find_alike(reference: str, stage: str | None) -> list[StageRecord]:
    """Return the one stage of a run that is meant, or all members of one that has a matrix.

    Args:
        reference: the run.
        stage: None where the run's file has no other.

    Raises:
        NotFoundError: there is no such run or stage.
        AmbiguousError: it may be several.
    """
    run, stages = find(reference, stage)
    groups = list(dict.fromkeys(one.definition.group or one.name for one in stages))
    if len(groups) > 1:
        names = ", ".join(map(harmless, groups))
        raise AmbiguousError(f"{harmless(run.name)} has several stages; name one of them: {names}")
    return stages


def stage_names(reference: str, stages: Iterable[str]) -> list[str]:
    """Return the full names of the stages that are meant, each once, in the order given."""
    names: dict[str, None] = {}
    for stage in stages:
        names.update(dict.fromkeys(found.name for found in find(reference, stage)[1]))
    return list(names)


def in_full(run_id: str) -> dict[str, Any]:
    """Return a run as `show --json` has it."""
    from trainui.store.read import summary, views

    with view() as connection:
        return summary.run_in_full(connection, views.find_run(connection, run_id))
