"""The terminal bell for notable events, on any page."""

from __future__ import annotations

from collections.abc import Callable

from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed


class Bell:
    """Rings for events since the screen was opened."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        """Create the bell.

        `ring` is called with a message, in the poller's thread, and must not block.
        """
        self._ring = ring
        self._event: int | None = None

    def look(self, connection: Connection) -> None:
        """Ring for each notable event since the last call."""
        if self._event is None:
            self._event = event_feed.last(connection)
            return
        self._event, notices = event_feed.after(connection, self._event)
        for notice in notices:
            self._ring(notice.text)
