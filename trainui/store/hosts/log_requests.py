"""Requests for parts of logs between hosts, passed through the database.

Every host can already reach the database, with its password and TLS, so hosts need not accept
connections from each other. A part is small, and deleted once it is fetched.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainui import clock
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import NOW
from trainui.store.read import row_mapping

if TYPE_CHECKING:
    import psycopg

CHANNEL = "trainui_log_reads"
"""The NOTIFY channel on which hosts learn of new requests."""

MOST = 256 * 1024
"""Maximum size of a part in bytes."""

FORGOTTEN_AFTER = 60 * clock.SECOND
"""Microseconds after which a request is abandoned."""


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
        (row_mapping.dump(dict(words)), data, number),
    )
    old = f"DELETE FROM log_reads WHERE asked_at < {NOW} - ?"
    connection.execute(old, (FORGOTTEN_AFTER,))


def find_reply(connection: Connection, number: str) -> LogReply | None:
    """Return an answer; None if there is none yet."""
    query = "SELECT answer_json, data FROM log_reads WHERE id = ?"
    found = connection.execute(query, (number,)).fetchone()
    if found is None or found[0] is None:
        return None
    return LogReply(row_mapping.load(found[0]), bytes(found[1] or b""))


def delete_request(connection: Connection, number: str) -> None:
    """Delete a request."""
    connection.execute("DELETE FROM log_reads WHERE id = ?", (number,))
