"""The app's side towards the terminal: its driver, and what is sent to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.timer import Timer

from trainui.tui.terminal import bandwidth, private_parts
from trainui.tui.terminal.key_queue import KeyQueue

if TYPE_CHECKING:
    from trainui.tui.terminal.cell_diff import ShownCells

SETTLED = 0.1
"""Debounce of resizes in seconds: redraw once the terminal has stopped resizing."""


class TerminalApp(KeyQueue):
    """An app that queues keys, sends only the cells that changed, and counts what it sends."""

    def __init__(self, max_rate: int | None) -> None:
        """Create the app; `max_rate` limits the bytes per second."""
        self.bandwidth = bandwidth.Bandwidth(max_rate)
        super().__init__()
        self._typed = deque()
        self._shown: ShownCells | None = None
        """What the terminal shows; None: Textual draws by itself."""
        if private_parts.are_there(private_parts.CELL_DIFF):
            from trainui.tui.terminal.cell_diff import ShownCells

            self._shown = ShownCells()
        self._cursor_shown = self.cursor_position
        self._settling: Timer | None = None

    def get_driver_class(self) -> type[Driver]:
        """Return the driver for the terminal, which counts the bytes it sends."""
        found = super().get_driver_class()
        if found is LinuxDriver and private_parts.are_there(private_parts.DRIVER):
            from trainui.tui.terminal.driver import TerminalDriver

            return TerminalDriver
        return bandwidth.counted(found, self.bandwidth)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send only the changed cells to the terminal."""
        # Textual would send an update now; otherwise it drops it
        lets = self._running and not self._closed and not self._batch_count
        is_sent = lets and self._driver is not None and not self.is_headless
        if self._shown is not None and is_sent:
            moved = self.cursor_position != self._cursor_shown
            self._cursor_shown = self.cursor_position
            renderable = self._shown.reduced(renderable, self.console, always=moved)
        super()._display(screen, renderable)

    def send(self, sequences: str) -> None:
        """Send escape sequences to the terminal, e.g. its bell."""
        if self._driver is not None:
            self._driver.write(sequences)

    def on_resize(self) -> None:
        """Redraw everything now and after the last resize: the terminal reflows its content."""
        self.redraw()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self.redraw)

    def redraw(self) -> None:
        """Redraw everything, without assumptions on what the terminal shows."""
        if self._shown is not None:
            self._shown.forget()
        for screen in self.screen_stack[-1:]:
            screen.refresh()
