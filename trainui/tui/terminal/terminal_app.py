"""The app's side towards the terminal: its driver, and what is sent to it.

A key's action may open a page or move the focus, which takes several messages. The next key must
reach the widget that has the focus after that; Textual would send both to the current one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message_pump import MessagePump
from textual.reactive import Reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from trainui.tui.terminal import bandwidth, private_parts

if TYPE_CHECKING:
    from trainui.tui.terminal.cell_diff import ShownCells

TIMEOUT = 0.5
"""Seconds after which a key's action counts as done, in case its target is gone."""

HELD_FOR = 1.0
"""Seconds that a key on a page without data waits at most, in case the data cannot be read."""


class PromptScreen(Screen[None]):
    """A screen that draws what a key has changed at once, and only that."""

    has_data = True
    """False while keys wait for the data that they act on."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """The focused widget; overridden so that a focus change does not redraw the whole page."""

    def __init__(self) -> None:
        super().__init__()
        self.is_prompt = private_parts.are_there(private_parts.KEY_QUEUE)
        if private_parts.are_there(private_parts.COMPOSITOR, private_parts.CELL_DIFF):
            from trainui.tui.terminal.compositor import PageCompositor

            self._compositor = PageCompositor()

    def on_idle(self, event: events.Idle) -> None:
        """Defer drawing while a key's action runs, so that all its changes are drawn together."""
        if self.is_prompt and cast("TerminalApp", self.app).is_acting:
            event.prevent_default()

    def draw_now(self) -> None:
        """Draw changes now, without waiting for the next frame (60 a second)."""
        if self.is_prompt:
            self._on_timer_update()


SETTLED = 0.1
"""Debounce of resizes in seconds: redraw once the terminal has stopped resizing."""


class TerminalApp(App[int]):
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

    _typed: deque[events.Key]
    _timeout: asyncio.TimerHandle
    _holding: Timer | None = None
    """Set while the first key waits for the page's data."""

    async def on_event(self, event: events.Event) -> None:
        """Dispatch an event; a key waits until the previous key's action is done."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._dispatch()

    def release_keys(self) -> None:
        """Dispatch the keys typed before the page had data: they would have had no target."""
        if self._holding is not None:
            self._holding.stop()
            self._holding = None
            self.call_later(self._dispatch)

    def _give_up(self, page: PromptScreen) -> None:
        page.has_data = True
        self.release_keys()

    @property
    def is_acting(self) -> bool:
        """True while a key's action runs and no other key is queued."""
        return len(self._typed) == 1 and self._holding is None

    async def _dispatch(self) -> None:
        event, screen = self._typed[0], self.screen
        if isinstance(screen, PromptScreen) and not screen.has_data:
            self._holding = self.set_timer(HELD_FOR, partial(self._give_up, screen))
            return
        target = self.focused or self.screen
        if not await self._acts_in_pane(event):
            await super().on_event(event)
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(TIMEOUT, self.call_later, self._acted, event)
        # the key bubbles from the widget up to the app, and each handles the messages it caused
        await self._pass_on(event, iter(target.ancestors_with_self))

    async def _pass_on(self, event: events.Key, pumps: Iterator[MessagePump]) -> None:
        """Go through message queues in turn, so that each has processed its messages."""
        pump = next(pumps, None)
        if pump is None:
            await self._acted(event)
        else:
            pump.post_message(events.Callback(callback=partial(self._pass_on, event, pumps)))

    async def _acts_in_pane(self, event: events.Key) -> bool:
        """Run a pane's binding directly, without bubbling through each ancestor's message queue.

        A page's pane handles keys by bindings only. Returns True if the key was bound.
        """
        screen = self.screen
        is_pane = getattr(self.focused, "has_bindings_only", False)
        if not (is_pane and isinstance(screen, PromptScreen) and screen.is_prompt):
            return False
        key = event.key
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    async def _acted(self, event: events.Key) -> None:
        if self._typed and self._typed[0] is event:
            self._typed.popleft()
            self._timeout.cancel()
            if not self.screen_stack:  # the key has closed the app
                return
            if self._typed:
                await self._dispatch()
            elif isinstance(self.screen, PromptScreen):
                self.screen.draw_now()
