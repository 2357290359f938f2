"""GPUs in use, and the slots that other hosts have announced, in plain SQL."""

from __future__ import annotations

import json
from typing import Any

from trainui.store.db.protocol import Connection


def uses(connection: Connection) -> dict[tuple[str, int], tuple[str, str, str]]:
    """Return the GPUs in use, by host and index: run id, run name, stage name."""
    found = connection.execute(
        "SELECT slots.host, slots.number, runs.id, runs.name, stages.name FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " JOIN runs ON runs.id = stages.run_id"
        " WHERE slots.kind = 'gpu'"
    )
    return {
        (str(host), int(number)): (str(run), str(run_name), str(stage))
        for host, number, run, run_name, stage in found
    }


def announced_slots(
    connection: Connection, but: str
) -> list[tuple[str, float, list[dict[str, Any]]]]:
    """Return the slots of all hosts but one, and the seconds since each one's heartbeat."""
    found = connection.execute(
        "SELECT name, extract(epoch FROM clock_timestamp()) - seen_at / 1000000.0, slots_json"
        " FROM hosts WHERE name <> ? ORDER BY name",
        (but,),
    )
    return [(str(host), float(age), json.loads(slots)) for host, age, slots in found]


def by_run(connection: Connection) -> dict[str, list[int]]:
    """Return the indices of the GPUs in use, by run."""
    found: dict[str, list[int]] = {}
    for run_id, number in connection.execute(
        "SELECT stages.run_id, slots.number FROM slots"
        " JOIN attempts ON attempts.id = slots.attempt_id"
        " JOIN stages ON stages.id = attempts.stage_id"
        " WHERE slots.kind = 'gpu' ORDER BY slots.number"
    ):
        found.setdefault(run_id, []).append(int(number))
    return found
