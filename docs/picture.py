"""Save a page of the screen as an SVG, without a terminal.

python docs/picture.py RUN OUT.svg [--size 120x36] [--stage NAME] [--keys "3 enter c a enter"]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from trainui import settings
from trainui.errors import TrainuiError, WaitTimeoutError
from trainui.store.db import engine
from trainui.store.read import views
from trainui.tui import styles
from trainui.tui.app import TrainuiApp
from trainui.tui.page import Page
from trainui.tui.run_page.screen import RunScreen

OPENING = 0.5
"""Seconds after a key until a screen that it opens is there."""

PATIENCE = 20.0
"""Timeout in seconds for a page to load."""


async def draw(
    run_id: str, size: tuple[int, int], stage: str | None = None, keys: Sequence[str] = ()
) -> str:
    """Return a run's page, or the page reached from there by pressing keys, as SVG.

    Without a stage, the screen chooses one. The keys have Textual's names; after each the page is
    waited for.

    Raises:
        WaitTimeoutError: the page did not load in time.
    """
    # Full colour and Unicode, independent of the calling terminal.
    shown = replace(settings.load(), theme=styles.DEFAULT, ascii=False)
    app = TrainuiApp(run_id, shown)
    async with app.run_test(size=size, notifications=False) as pilot:
        await _until(lambda: _is_full(app, None))
        if stage is not None:
            assert isinstance(app.screen, RunScreen)
            app.screen.graph.select(stage)
            await _until(lambda: _is_full(app, stage))
        for key in keys:
            await pilot.press(key)
            await pilot.pause(OPENING)  # another screen is pushed by a later message
            await app.workers.wait_for_complete()
            await _until(lambda: _is_read(app))
        await pilot.pause()
        return app.export_screenshot(title="trainui")


async def _until(condition: Callable[[], bool]) -> None:
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        if asyncio.get_running_loop().time() > give_up_at:
            raise WaitTimeoutError("the page did not load in time")
        await asyncio.sleep(0.05)


def _is_read(app: TrainuiApp) -> bool:
    """Return True if the snapshot answers the page's current query."""
    screen = app.screen
    if not isinstance(screen, Page):
        return True
    return app.snapshot is not None and app.snapshot.query == screen.page_query()


def _is_full(app: TrainuiApp, stage: str | None) -> bool:
    """Return True if the page shows all data of the selected stage."""
    screen = app.screen
    if not isinstance(screen, RunScreen) or app.snapshot is None or app.snapshot.page is None:
        return False
    detail = app.snapshot.page.detail
    selected = screen.graph.selected
    if detail is None or detail.curves is None or selected is None:
        return False
    # Curves are read again once the plots' width is known.
    return _is_read(app) and detail.stage == selected.name and stage in (None, detail.stage)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python docs/picture.py", description=__doc__)
    parser.add_argument("run", help="an id, a name, or 4 or more characters of an id")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="120x36", help="columns x lines")
    parser.add_argument("--stage", help="the stage to select")
    parser.add_argument("--keys", default="", help='keys to press first, like "3 enter c"')
    options = parser.parse_args()
    columns, _, lines = options.size.partition("x")
    try:
        with engine.reading() as connection:
            run_id = views.find_run(connection, options.run).id
        size = (int(columns), int(lines))
        picture = asyncio.run(draw(run_id, size, options.stage, options.keys.split()))
    except (TrainuiError, ValueError) as error:
        sys.exit(str(error))
    options.out.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
