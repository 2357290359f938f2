"""Requests for parts of logs between hosts, passed through the database.

Every host can already reach the database, with its password and TLS, so hosts need not accept
connections from each other. A part is small, and deleted once it is fetched.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, text, update

from trainui import clock
from trainui.store.db import dialect
from trainui.store.read import row_mapping
from trainui.store.runs.tables import ATTEMPTS, LOG_READS

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
    part = {"id": number, "attempt_id": attempt_id, "host": host, "name": name, "start": start}
    part |= {"length": min(length, MOST), "asked_at": dialect.now()}
    connection.execute(insert(LOG_READS).values(part))
    connection.execute(text(f"NOTIFY {CHANNEL}"))
    return number


def listen(connection: psycopg.Connection) -> None:
    """Receive a notification on this connection for each new request."""
    connection.execute(f"LISTEN {CHANNEL}".encode())


def unanswered(connection: Connection, host: str) -> list[LogRequest]:
    """Return the unanswered requests to a host."""
    found = connection.execute(
        select(
            LOG_READS.c.id,
            ATTEMPTS.c.directory,
            LOG_READS.c.name,
            LOG_READS.c.start,
            LOG_READS.c.length,
        )
        .join(ATTEMPTS, ATTEMPTS.c.id == LOG_READS.c.attempt_id)
        .where(LOG_READS.c.host == host, ATTEMPTS.c.host == host, LOG_READS.c.answer_json.is_(None))
        .order_by(LOG_READS.c.asked_at)
    )
    return [LogRequest(*row) for row in found]


def answer(connection: Connection, number: str, words: Mapping[str, Any], data: bytes) -> None:
    """Answer a request; delete abandoned ones."""
    values = {"answer_json": row_mapping.dump(dict(words)), "data": data}
    connection.execute(update(LOG_READS).where(LOG_READS.c.id == number).values(values))
    old = LOG_READS.c.asked_at < dialect.now() - FORGOTTEN_AFTER
    connection.execute(delete(LOG_READS).where(old))


def find_reply(connection: Connection, number: str) -> LogReply | None:
    """Return an answer; None if there is none yet."""
    query = select(LOG_READS.c.answer_json, LOG_READS.c.data).where(LOG_READS.c.id == number)
    found = connection.execute(query).first()
    if found is None or found[0] is None:
        return None
    return LogReply(row_mapping.load(found[0]), bytes(found[1] or b""))


def delete_request(connection: Connection, number: str) -> None:
    """Delete a request."""
    connection.execute(delete(LOG_READS).where(LOG_READS.c.id == number))
