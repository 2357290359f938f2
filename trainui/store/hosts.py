"""Hosts that share a database: their heartbeats, and requests for parts of each other's logs.

Times are those of the database's clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainui import clock
from trainui.model.records import HostRecord
from trainui.record import dataclass
from trainui.store.db.statements import NOW, Connection
from trainui.store.read import views

if TYPE_CHECKING:
    import psycopg

SILENT_AFTER = 40.0
"""Seconds without a heartbeat after which a host counts as silent; it sends one every ten."""

MOST = 256 * 1024
"""Maximum size in bytes of a part of a log that another host asks for."""

FORGOTTEN_AFTER = 30 * 24 * 3600 * clock.SECOND
"""Microseconds."""

REQUEST_KEPT = 60 * clock.SECOND
"""Microseconds after which a request for a part of a log is abandoned."""


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
            tuple(views.load(slots)),
            tuple(views.load(queues)),
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
        (name, home, place, views.dump(list(slots)), views.dump(list(queues))),
    )
    return None


CHANNEL = "trainui_log_reads"
"""The NOTIFY channel on which hosts learn of new requests."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A request for a part of a log."""

    id: str
    directory: str
    """The attempt's directory."""
    name: str
    """The file in the directory; empty: ask for the sizes of all files."""
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class LogReply:
    """The other host's answer."""

    words: Mapping[str, Any]
    data: bytes


def request(
    connection: Connection, attempt_id: int, host: str, name: str, start: int, length: int
) -> str:
    """Request a part of an attempt's file; return the request's id."""
    number = uuid.uuid4().hex
    connection.execute(
        "INSERT INTO log_reads (id, attempt_id, host, name, start, length, asked_at) "
        f"VALUES (?, ?, ?, ?, ?, ?, {NOW})",
        (number, attempt_id, host, name, start, min(length, MOST)),
    )
    connection.execute(f"NOTIFY {CHANNEL}")
    return number


def listen(connection: psycopg.Connection) -> None:
    """Receive a notification on this connection for each new request."""
    connection.execute(f"LISTEN {CHANNEL}".encode())


def unanswered(connection: Connection, host: str) -> list[LogRequest]:
    """Return the unanswered requests to a host."""
    found = connection.execute(
        "SELECT log_reads.id, directory, name, start, length FROM log_reads "
        "JOIN attempts ON attempts.id = attempt_id "
        "WHERE log_reads.host = ? AND attempts.host = ? AND answer_json IS NULL ORDER BY asked_at",
        (host, host),
    )
    return [LogRequest(*row) for row in found]


def answer(connection: Connection, number: str, words: Mapping[str, Any], data: bytes) -> None:
    """Answer a request; delete abandoned ones."""
    connection.execute(
        "UPDATE log_reads SET answer_json = ?, data = ? WHERE id = ?",
        (views.dump(dict(words)), data, number),
    )
    old = f"DELETE FROM log_reads WHERE asked_at < {NOW} - ?"
    connection.execute(old, (REQUEST_KEPT,))


def find_reply(connection: Connection, number: str) -> LogReply | None:
    """Return an answer; None if there is none yet."""
    query = "SELECT answer_json, data FROM log_reads WHERE id = ?"
    found = connection.execute(query, (number,)).fetchone()
    if found is None or found[0] is None:
        return None
    return LogReply(views.load(found[0]), bytes(found[1] or b""))


def delete_request(connection: Connection, number: str) -> None:
    """Delete a request."""
    connection.execute("DELETE FROM log_reads WHERE id = ?", (number,))
