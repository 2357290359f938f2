"""Keys that come together, as over a slow link, act one after another.

A key's action may open a page or move the focus, in several messages; the next key is for what is
there then. Textual would send both to what has the focus now.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from textual import events

from trainui.tui.screens.page import Page
from trainui.tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from textual.app import App

    Base = App[int]
else:
    Base = object

PATIENCE = 0.5
"""Seconds after which a key's action is taken to be done, though what it was for may be gone."""


class TypeAhead(Base):
    """The part of the app that passes keys on."""

    _typed: deque[events.Key]

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
        give_up = partial(self.call_later, self._acted, event)
        asyncio.get_running_loop().call_later(PATIENCE, give_up)
        # after the key, which goes from widget to widget up to the app, and what it asked of each
        acted = partial(self.call_later, self._acted, event)
        for node in reversed([node for node in target.ancestors_with_self if node is not self]):
            acted = partial(node.call_later, acted)
        acted()

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
            if not self.screen_stack:  # it was the key that leaves
                return
            if self._typed:
                await self._pass_on()
            elif isinstance(self.screen, Page):
                self.screen.draw_now()
