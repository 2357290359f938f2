"""Slots in use, in plain SQL."""

from __future__ import annotations

from typing import NamedTuple

from trainui.model.records import Slot
from trainui.store.db.protocol import Connection


class Holder(NamedTuple):
    """The stage that occupies a slot."""

    run_id: str
    run: str
    """The run's name."""
    stage: str
    """The stage's full name."""


def holders(connection: Connection, host: str | None = None) -> dict[Slot, Holder]:
    """Return the occupied slots of a host, or of all, each with the stage that occupies it."""
    found = connection.execute(
        "SELECT slots.host, slots.kind, slots.number, runs.id, runs.name, stages.name FROM slots "
        "JOIN attempts ON attempts.id = attempt_id JOIN stages ON stages.id = stage_id "
        "JOIN runs ON runs.id = run_id WHERE slots.host = coalesce(?, slots.host) "
        "ORDER BY slots.number",
        (host,),
    )
    return {Slot(host, kind, number): Holder(*who) for host, kind, number, *who in found}


def uses(connection: Connection) -> dict[tuple[str, int], Holder]:
    """Return the stages that use GPUs, by the GPU's host and index."""
    found = holders(connection).items()
    return {(slot.host, slot.index): who for slot, who in found if slot.kind == "gpu"}
