"""What a person is rung for while the screen is open, whatever page that is on."""

from __future__ import annotations

from collections.abc import Callable

from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed


class Bell:
    """Looks for what is new since the screen was opened."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        """Make one.

        Args:
            ring: called with a sentence, in the feed's thread; it must not wait.
        """
        self._ring = ring
        self._event: int | None = None

    def look(self, connection: Connection) -> None:
        """Ring for what has happened since the last look."""
        if self._event is None:
            self._event = event_feed.last(connection)
            return
        self._event, notices = event_feed.after(connection, self._event)
        for notice in notices:
            self._ring(notice.text)
