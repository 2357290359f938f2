"""Detects that the worker's database file was removed, replaced or overwritten."""

from __future__ import annotations

from trainui import settings
from trainui.errors import NotPlainFileError, StoreError
from trainui.paths import Home
from trainui.store.db import sqlite_file


def problem(home: Home) -> str | None:
    """Return why the database cannot be used; None if it can, or if there never was one."""
    if settings.load().database_url is not None:
        return None
    try:
        sqlite_file.check_not_lost(home.database)
    except (NotPlainFileError, StoreError) as error:
        return str(error)
    return None


class DatabaseWatch:
    """Remembers the identity of the database file that was opened first."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._opened = sqlite_file.file_identity()
        self._mark = sqlite_file.FileMark()

    def problem(self) -> str | None:
        """Return what happened to the database file; None if it is the same file."""
        found = sqlite_file.file_identity()
        self._opened = self._opened or found
        if found == self._opened:
            return problem(self._home) or self._overwritten()
        how = "removed" if found is None else "replaced by another file"
        return f"the database {self._home.database} was {how}"

    def _overwritten(self) -> str | None:
        if self._opened is None or not self._mark.is_gone():
            return None
        return (
            f"the database {self._home.database} was overwritten while it was in use, and may be "
            "damaged: to restore a copy, stop the worker and remove it with its -wal and -shm files"
        )
