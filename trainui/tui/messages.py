"""Messages that threads and the driver send to the app."""

from __future__ import annotations

from textual.message import Message

from trainui.tui.data.snapshot import Snapshot


class SnapshotReady(Message):
    """The poller has read a new snapshot; only the latest one matters."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Coalesce: a newer snapshot replaces one that is still queued."""
        return isinstance(message, SnapshotReady)


class BellRung(Message):
    """An event happened that rings the terminal's bell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
