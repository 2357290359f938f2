"""Parts of logs on their way from the host where they lie to who wants to see them.

They go through the database, since every host reaches it already, with its password and behind its
TLS: no host has to let others in. A part is small, and is gone once it is fetched.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update

from trainui import clock
from trainui.store import dialect, rows
from trainui.store.tables import ATTEMPTS, LOG_READS

CHANNEL = "trainui_log_reads"
"""On which hosts are told that somebody asks."""

MOST = 256 * 1024
"""Bytes of a part."""

FORGOTTEN_AFTER = 60 * clock.SECOND
"""Microseconds after which nobody waits for an answer any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see."""

    id: str
    directory: str
    """The attempt's."""
    name: str
    """The file in there; empty: how large all of them are."""
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other host says."""

    words: Mapping[str, Any]
    data: bytes


def ask(
    connection: Connection, attempt_id: int, host: str, name: str, start: int, length: int
) -> str:
    """Ask for a part of an attempt's file; return by what the answer is known."""
    number = uuid.uuid4().hex
    part = {"id": number, "attempt_id": attempt_id, "host": host, "name": name, "start": start}
    part |= {"length": min(length, MOST), "asked_at": dialect.now()}
    connection.execute(insert(LOG_READS).values(part))
    connection.execute(text(f"NOTIFY {CHANNEL}"))
    return number


def asked(connection: Connection, host: str) -> list[Asked]:
    """Return what is asked of a host and not answered yet."""
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
    return [Asked(*row) for row in found]


def answer(connection: Connection, number: str, words: Mapping[str, Any], data: bytes) -> None:
    """Answer; and let go of what nobody has fetched."""
    values = {"answer_json": rows.dump(dict(words)), "data": data}
    connection.execute(update(LOG_READS).where(LOG_READS.c.id == number).values(values))
    old = LOG_READS.c.asked_at < dialect.now() - FORGOTTEN_AFTER
    connection.execute(delete(LOG_READS).where(old))


def answered(connection: Connection, number: str) -> Answer | None:
    """Return an answer; None: there is none yet."""
    query = select(LOG_READS.c.answer_json, LOG_READS.c.data).where(LOG_READS.c.id == number)
    found = connection.execute(query).first()
    if found is None or found[0] is None:
        return None
    return Answer(rows.load(found[0]), bytes(found[1] or b""))


def fetched(connection: Connection, number: str) -> None:
    """Let go of what was asked."""
    connection.execute(delete(LOG_READS).where(LOG_READS.c.id == number))
