"""Heartbeats of the hosts that share a database, timed by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from trainui import clock
from trainui.domain.records import HostRecord
from trainui.store.db.rows import run
from trainui.store.db.statements import NOW, placeholders
from trainui.store.read import row_mapping

SILENT_AFTER = 40.0
"""Seconds without a heartbeat after which a host counts as silent; it sends one every ten."""


FORGOTTEN_AFTER = 30 * 24 * 3600 * clock.SECOND
"""Microseconds."""


def known(connection: Connection) -> dict[str, HostRecord]:
    """Return the hosts with a heartbeat on record, by name."""
    found = run(
        connection,
        f"SELECT name, home, {NOW} - seen_at, place, slots_json, queues_json FROM hosts "
        "ORDER BY name",
    )
    return {
        name: HostRecord(
            name,
            home,
            max(age, 0) / 1e6,
            place,
            tuple(row_mapping.load(slots)),
            tuple(row_mapping.load(queues)),
        )
        for name, home, age, place, slots, queues in found
    }


def announce(
    connection: Connection,
    name: str,
    *,
    home: str,
    place: str | None,
    slots: Sequence[Mapping[str, Any]],
    queues: Sequence[str],
) -> HostRecord | None:
    """Record a host's heartbeat.

    Returns None, or the host on record if the name is in use by another home with a recent
    heartbeat.
    """
    before = known(connection).get(name)
    if before is not None and before.home != home and before.seconds < SILENT_AFTER:
        return before
    forgotten = f"DELETE FROM hosts WHERE name = ? OR seen_at < {NOW} - ?"
    run(connection, forgotten, (name, FORGOTTEN_AFTER))
    values = (name, home, place, row_mapping.dump(list(slots)), row_mapping.dump(list(queues)))
    run(
        connection,
        "INSERT INTO hosts (name, home, place, slots_json, queues_json, seen_at) "
        f"VALUES ({placeholders(values)}, {NOW})",
        values,
    )
    return None
