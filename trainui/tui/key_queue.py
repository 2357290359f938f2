"""Keys that come together, as over a slow link, act one after another.

A key's action may open a page or move the focus, in several messages; the next key is for what is
there then. Textual would send both to what has the focus now.
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
"""Seconds after which a key's action is taken to be done, though what it was for may be gone."""


@dataclass
class _Round:
    """Goes from one to the next, when each has handled what it was sent before."""

    pumps: Iterator[MessagePump]
    then: Callable[[], Awaitable[None]]

    async def go_on(self) -> None:
        """Go to the next one."""
        pump = next(self.pumps, None)
        if pump is None:
            await self.then()
        else:
            pump.post_message(events.Callback(callback=self.go_on))


class KeyQueue(Base):
    """The part of the app that passes keys on."""

    _typed: deque[events.Key]
    _patience: asyncio.TimerHandle

    async def on_event(self, event: events.Event) -> None:
        """Pass an event on; a key, once the one before has acted."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._pass_on()

    @property
    def is_acting(self) -> bool:
        """Whether a key acts, and none waits for its turn."""
        return len(self._typed) == 1

    async def _pass_on(self) -> None:
        event = self._typed[0]
        target = self.focused or self.screen
        if not await self._acts_in_pane(event):
            await super().on_event(event)
        acted = partial(self._acted, event)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE, self.call_later, acted)
        # after the key, which goes from widget to widget up to the app, and what it asked of each
        await _Round(iter(target.ancestors_with_self), acted).go_on()

    async def _acts_in_pane(self, event: events.Key) -> bool:
        """Do at once what a key is bound to in a page's pane, which knows no other keys: from there
        up to the app it would wait for one widget after another."""
        if not isinstance(self.screen, Page) or not isinstance(self.focused, LinesView):
            return False
        key = event.key
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    async def _acted(self, event: events.Key) -> None:
        if self._typed and self._typed[0] is event:
            self._typed.popleft()
            self._patience.cancel()
            if not self.screen_stack:  # it was the key that leaves
                return
            if self._typed:
                await self._pass_on()
            elif isinstance(self.screen, Page):
                self.screen.draw_now()
