"""Converts SQLite's errors to typed ones that say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from trainui.errors import StoreError, StoreLockedError, StoreSchemaError

LOCKED = (
    "the database is locked: another process has kept it locked for too long; end that process, or "
    "try again"
)
REPLACE = (
    "run `trainui worker stop`, move the file away together with its -wal and -shm, and put a copy "
    "made by `trainui backup` in its place"
)
DAMAGED = f"the file is damaged: {REPLACE}"
_SCHEMA = "another trainui upgraded it; start this again (a worker restarts by itself)"
_SCHEMA_ERRORS = ("no such table", "no such column", "has no column")
_ADVICE = {
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only; make it writable",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, then try again",
    sqlite3.SQLITE_IOERR: "disk error, or the disk quota is used up; run `trainui doctor`",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the permissions of its directory",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: f"the file is damaged, or is not a database: {REPLACE}",
    sqlite3.SQLITE_NOMEM: "out of memory; end programs that use much, or try again",
    sqlite3.SQLITE_INTERRUPT: "try again",
    sqlite3.SQLITE_SCHEMA: "try again",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def explain(error: Exception, file: Path) -> Exception:
    """Return a `StoreError` with advice, or the error itself if it is a bug or a conflict."""
    text = str(error)
    code = (
        getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    )  # without the extended code
    if code in _BUSY:
        return StoreLockedError(f"{file}: {LOCKED}")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and not file.exists():
        return StoreError(f"{file} no longer exists; run `trainui doctor`")
    if code in _ADVICE:
        return StoreError(f"{file}: {text}: {_ADVICE[code]}")
    if any(words in text for words in _SCHEMA_ERRORS):
        return StoreSchemaError(f"{file}: {text}: {_SCHEMA}")
    return error
