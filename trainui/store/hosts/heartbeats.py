"""Heartbeats of the hosts that share a database, timed by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainui import clock
from trainui.domain.records import HostRecord
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import NOW
from trainui.store.read import row_mapping

SILENT_AFTER = 40.0
"""Seconds without a heartbeat after which a host counts as silent; it sends one every ten."""


FORGOTTEN_AFTER = 30 * 24 * 3600 * clock.SECOND
"""Microseconds."""


def known(connection: Connection) -> dict[str, HostRecord]:
    """Return the hosts with a heartbeat on record, by name."""
    found = connection.execute(
        f"SELECT name, home, ({NOW} - seen_at) / 1e6, place, slots_json, queues_json FROM hosts "
        "ORDER BY name"
    )
    return {
        name: HostRecord(
            name,
            home,
            max(float(seconds), 0.0),
            place,
            tuple(row_mapping.load(slots)),
            tuple(row_mapping.load(queues)),
        )
        for name, home, seconds, place, slots, queues in found
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
    connection.execute(
        f"DELETE FROM hosts WHERE name = ? OR seen_at < {NOW} - ?", (name, FORGOTTEN_AFTER)
    )
    connection.execute(
        "INSERT INTO hosts (name, home, place, seen_at, slots_json, queues_json) "
        f"VALUES (?, ?, ?, {NOW}, ?, ?)",
        (name, home, place, row_mapping.dump(list(slots)), row_mapping.dump(list(queues))),
    )
    return None
