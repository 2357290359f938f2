"""Heartbeats of the hosts that share a database, timed by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from trainui import clock
from trainui.domain.records import HostRecord
from trainui.store.db import dialect
from trainui.store.read import row_mapping
from trainui.store.runs.tables import HOSTS

SILENT_AFTER = 40.0
"""Seconds without a heartbeat after which a host counts as silent; it sends one every ten."""


FORGOTTEN_AFTER = 30 * 24 * 3600 * clock.SECOND
"""Microseconds."""


def known(connection: Connection) -> dict[str, HostRecord]:
    """Return the hosts with a heartbeat on record, by name."""
    found = connection.execute(select(HOSTS, dialect.now() - HOSTS.c.seen_at).order_by("name"))
    return {
        row.name: HostRecord(
            row.name,
            row.home,
            max(row[-1], 0) / 1e6,
            row.place,
            tuple(row_mapping.load(row.slots_json)),
            tuple(row_mapping.load(row.queues_json)),
        )
        for row in found
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
    forgotten = HOSTS.c.seen_at < dialect.now() - FORGOTTEN_AFTER
    connection.execute(delete(HOSTS).where(forgotten | (HOSTS.c.name == name)))
    values = {"home": home, "place": place, "seen_at": dialect.now()}
    values |= {
        "slots_json": row_mapping.dump(list(slots)),
        "queues_json": row_mapping.dump(list(queues)),
    }
    connection.execute(insert(HOSTS).values(name=name, **values))
    return None
