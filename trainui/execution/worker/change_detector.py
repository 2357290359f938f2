"""Whether anybody has changed the store since the last look: a look costs microseconds."""

from __future__ import annotations

import sqlite3

from trainui.errors import TrainuiError
from trainui.store.db import protocol
from trainui.store.read import views


class ChangeDetector:
    """Compares the database's version with that of the last look."""

    def __init__(self) -> None:
        self._connection: protocol.Connection | None = None
        self._version: int | str | None = None

    def seen(self) -> bool:
        """Tell whether the store may have changed since this was last asked."""
        try:
            if self._connection is None:
                self._connection = views.connect()
            version = views.data_version(self._connection)
        except (TrainuiError, sqlite3.Error):
            self.close()
            return True
        changed, self._version = version != self._version, version
        return changed

    def close(self) -> None:
        """Let the database go."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = None
