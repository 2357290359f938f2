"""The errors of SQLite as typed ones that say what to do, for all that open the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from trainui.errors import StoreError, StoreLockedError, StoreSchemaError

LOCKED = (
    "the database is locked: another process has held it for long; end that process, or try again"
)
REPLACE = (
    "`trainui worker stop`, move it away with its -wal and -shm, and put a copy in its place, "
    "which `trainui backup` made"
)
DAMAGED = f"the file is damaged: {REPLACE}"
_SCHEMA = "another trainui upgraded it; start this again (a worker is replaced, and loses nothing)"
_SCHEMA_ERRORS = ("no such table", "no such column", "has no column")
_ADVICE = {
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only; make it writable",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, then try again",
    sqlite3.SQLITE_IOERR: "the disk does not work, or a quota is used up; see `trainui doctor`",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check its directory's permissions",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: f"the file is damaged, or something else: {REPLACE}",
    sqlite3.SQLITE_NOMEM: "there is not enough memory; end what needs much, or try again",
    sqlite3.SQLITE_INTERRUPT: "try again",
    sqlite3.SQLITE_SCHEMA: "try again",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def explain(error: Exception, file: Path) -> Exception:
    """Return a `StoreError` with advice, or the error itself where it is a bug or a conflict."""
    text = str(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without its details
    if code in _BUSY:
        return StoreLockedError(f"{file}: {LOCKED}")
    if code == sqlite3.SQLITE_CANTOPEN and not file.exists():
        return StoreError(f"{file} is not there any more; see `trainui doctor`")
    if code in _ADVICE:
        return StoreError(f"{file}: {text}: {_ADVICE[code]}")
    if any(words in text for words in _SCHEMA_ERRORS):
        return StoreSchemaError(f"{file}: {text}: {_SCHEMA}")
    return error
