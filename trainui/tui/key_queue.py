"""A queue that processes keys one at a time, also when several arrive at once (slow links).

A key's action may open a page or move the focus, which takes several messages. The next key must
reach the widget that has the focus after that; Textual would send both to the current one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.message_pump import MessagePump

from trainui.tui.page import Page
from trainui.tui.widgets.line_view import LinesView

if TYPE_CHECKING:
    from textual.app import App

    Base = App[int]
else:
    Base = object

PATIENCE = 0.5
"""Timeout in seconds after which a key's action counts as done, in case its target is gone."""


@dataclass
class _Round:
    """A callback passed through message queues in turn, so that each has processed its messages."""

    pumps: Iterator[MessagePump]
    then: Callable[[], Awaitable[None]]

    async def go_on(self) -> None:
        """Pass the callback to the next queue; after the last one call `then`."""
        pump = next(self.pumps, None)
        if pump is None:
            await self.then()
        else:
            pump.post_message(events.Callback(callback=self.go_on))


class KeyQueue(Base):
    """The app mixin that queues keys."""

    _typed: deque[events.Key]
    _patience: asyncio.TimerHandle

    async def on_event(self, event: events.Event) -> None:
        """Dispatch an event; a key waits until the previous key's action is done."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._pass_on()

    @property
    def is_acting(self) -> bool:
        """True while a key's action runs and no other key is queued."""
        return len(self._typed) == 1

    async def _pass_on(self) -> None:
        event = self._typed[0]
        target = self.focused or self.screen
        if not await self._acts_in_pane(event):
            await super().on_event(event)
        acted = partial(self._acted, event)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE, self.call_later, acted)
        # the key bubbles from the widget up to the app, and each handles the messages it caused
        await _Round(iter(target.ancestors_with_self), acted).go_on()

    async def _acts_in_pane(self, event: events.Key) -> bool:
        """Run a pane's binding directly, without bubbling through each ancestor's message queue.

        A page's pane handles keys by bindings only. Returns True if the key was bound.
        """
        if not isinstance(self.screen, Page) or not isinstance(self.focused, LinesView):
            return False
        key = event.key
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    async def _acted(self, event: events.Key) -> None:
        if self._typed and self._typed[0] is event:
            self._typed.popleft()
            self._patience.cancel()
            if not self.screen_stack:  # the key has closed the app
                return
            if self._typed:
                await self._pass_on()
            elif isinstance(self.screen, Page):
                self.screen.draw_now()
