"""What travels to the app besides the messages of widgets."""

from __future__ import annotations

from textual.message import Message

from trainui.tui.data.snapshot import Snapshot


class SnapshotReady(Message):
    """The feed has read something new; only the newest counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Let a newer one take the place of one that was not looked at yet."""
        return isinstance(message, SnapshotReady)


class BellRung(Message):
    """Something happened for which a person is rung."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class TerminalDrained(Message):
    """The terminal, which for a while took nothing, has taken all that it was sent."""
