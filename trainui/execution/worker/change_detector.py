"""Detects changes of the store since the last check; a check costs microseconds."""

from __future__ import annotations

import sqlite3

from trainui.errors import TrainuiError
from trainui.store.db import protocol
from trainui.store.read import views


class ChangeDetector:
    """Compares the database's data version with that of the last check."""

    def __init__(self) -> None:
        self._connection: protocol.Connection | None = None
        self._version: int | str | None = None

    def seen(self) -> bool:
        """Return True if the store may have changed since the last call."""
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
        """Close the connection; the next check reports a change."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = None
