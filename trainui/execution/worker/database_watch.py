"""Sees that the worker's database stays the file that it opened, and says what has become of it."""

from __future__ import annotations

from trainui import settings
from trainui.errors import NotPlainFileError, StoreError
from trainui.paths import Home
from trainui.store.read import readonly


def problem(home: Home) -> str | None:
    """Say why there is no database to work with; None: there is, or there never was one."""
    if settings.load().database_url is not None:
        return None
    try:
        readonly.check_there(home.database)
    except (NotPlainFileError, StoreError) as error:
        return str(error)
    return None


class DatabaseWatch:
    """Remembers the file that was there first."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._opened = readonly.file_identity()

    def problem(self) -> str | None:
        """Say what has become of the database since; None: it is the same."""
        found = readonly.file_identity()
        self._opened = self._opened or found
        if found == self._opened:
            return problem(self._home)
        how = "removed" if found is None else "replaced by another file"
        return f"the database {self._home.database} was {how}"
