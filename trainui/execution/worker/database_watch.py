"""Detects that the worker's database file or its log was removed, replaced or overwritten."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from trainui.errors import StoreError
from trainui.execution.daemon import health
from trainui.store.db import sqlite_file, wal


class DatabaseWatch:
    """Remembers the identity of the database file that was opened first."""

    def __init__(self) -> None:
        self._file = sqlite_file.store_file()
        self._opened = sqlite_file.file_identity(self._file)
        self._mark = sqlite_file.FileMark()
        self._keeper: wal.LogKeeper | None = None
        self._log: tuple[int | None, ...] = ()
        """The identity of the log that the keeper has open."""
        with suppress(OSError, sqlite3.Error, StoreError):
            self._log_deleted()
        with suppress(OSError, StoreError):  # reported by the first check
            self._overwritten()

    def problem(self) -> str | None:
        """Return what happened to the database file; None if it is the same file."""
        found = sqlite_file.file_identity(self._file)
        self._opened = self._opened or found
        if found == self._opened:
            try:
                problem = health.database_problem(self._file)
                return problem or self._log_deleted() or self._overwritten()
            except StoreError as error:
                return str(error)
        how = "removed" if found is None else "replaced by another file"
        return f"the database {self._file} was {how}"

    def _overwritten(self) -> str | None:
        if self._opened is None or not self._mark.is_gone():
            return None
        return (
            f"the database {self._file} was overwritten while it was in use, and may be "
            "damaged: to restore a copy, stop the worker and remove it with its -wal and -shm files"
        )

    def _log_deleted(self) -> str | None:
        if self._file is None or self._opened is None:
            return None
        if self._keeper is not None and wal.identity(self._file) == self._log:
            return None
        deleted = wal.deleted(self._file)
        if deleted is None:
            self._keeper = self._keeper or wal.LogKeeper(sqlite_file.connect(self._file))
            self._log = wal.identity(self._file)
            return None
        if self._keeper is not None:
            with suppress(sqlite3.Error):  # the worker ends in any case
                self._keeper.save()
        return f"{deleted} was deleted while it was in use: the last changes may be lost"
