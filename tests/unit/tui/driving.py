"""The app driven without a terminal: opened, looked at, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from trainui import settings
from trainui.tui.app import TrainuiApp
from trainui.tui.run_list.screen import RunsScreen
from trainui.tui.run_page.screen import RunScreen

PATIENCE = 60.0
"""Seconds; on a busy machine an import in a thread takes a while."""


class Driven:
    """An app that runs, and its pilot."""

    def __init__(self, app: TrainuiApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    def text(self) -> str:
        """What is to be seen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def run(self) -> RunScreen:
        """The run's page, which is open."""
        assert isinstance(self.app.screen, RunScreen), self.app.screen
        return self.app.screen

    @property
    def runs(self) -> RunsScreen:
        """The list of runs, which is open."""
        assert isinstance(self.app.screen, RunsScreen), self.app.screen
        return self.app.screen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], Any], what: str = "it") -> None:
        """Wait until something is so; it is looked for often, since notifications go again."""
        give_up_at = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            if asyncio.get_running_loop().time() > give_up_at:
                raise AssertionError(f"{what} did not come; the screen shows\n{self.text()}")
            await asyncio.sleep(0.02)

    async def until_shown(self, *texts: str) -> None:
        """Wait until all of these are to be seen."""

        def are_shown() -> bool:
            shown = self.text()
            return all(text in shown for text in texts)

        await self.until(are_shown, f"{texts}")

    async def until_gone(self, text: str) -> None:
        """Wait until something is to be seen no more."""
        await self.until(lambda: text not in self.text(), f"the end of {text!r}")


@asynccontextmanager
async def opened(
    run_id: str | None = None,
    size: tuple[int, int] = (120, 36),
    configured: settings.Settings | None = None,
) -> AsyncIterator[Driven]:
    """Open the screen."""
    app = TrainuiApp(run_id, configured)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Driven(app, pilot)
