"""A run's page as an SVG, drawn by the app itself with no terminal.

python -m trainui.tui.picture RUN OUT.svg [--size 120x36] [--stage NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from trainui import settings
from trainui.errors import TrainuiError, WaitTimeoutError
from trainui.store import views
from trainui.tui import theme
from trainui.tui.application import TrainuiApp
from trainui.tui.screens.run import RunScreen

PATIENCE = 20.0
"""Seconds that the page may take to fill."""


async def draw(run_id: str, size: tuple[int, int], stage: str | None = None) -> str:
    """Return the page of a run as SVG.

    Args:
        run_id: the run's exact id.
        size: columns and lines.
        stage: the full name of the stage to select; None: the one that tells most.

    Raises:
        WaitTimeoutError: the page did not fill.
    """
    # as on a terminal that can show everything, whatever this is called from
    shown = replace(settings.load(), theme=theme.DEFAULT, ascii=False)
    app = TrainuiApp(run_id, shown)
    async with app.run_test(size=size, notifications=False) as pilot:
        await _until(lambda: _is_full(app, None))
        if stage is not None:
            assert isinstance(app.screen, RunScreen)
            app.screen.graph.select(stage)
            await _until(lambda: _is_full(app, stage))
        await pilot.pause()
        return app.export_screenshot(title="trainui")


async def _until(condition: Callable[[], bool]) -> None:
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        if asyncio.get_running_loop().time() > give_up_at:
            raise WaitTimeoutError("the page did not fill in time")
        await asyncio.sleep(0.05)


def _is_full(app: TrainuiApp, stage: str | None) -> bool:
    """Whether the page shows everything that there is of the selected stage."""
    screen = app.screen
    if not isinstance(screen, RunScreen) or app.snapshot is None or app.snapshot.page is None:
        return False
    detail = app.snapshot.page.detail
    selected = screen.graph.selected
    if detail is None or detail.curves is None or selected is None:
        return False
    # curves are read once for the width that the plots turn out to have
    settled = app.snapshot.wanted == screen.wanted()
    return settled and detail.stage == selected.name and stage in (None, detail.stage)


def main() -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m trainui.tui.picture", description=__doc__)
    parser.add_argument("run", help="an id, a name, or 4 or more characters of an id")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="120x36", help="columns x lines")
    parser.add_argument("--stage", help="the stage to select")
    options = parser.parse_args()
    columns, _, lines = options.size.partition("x")
    try:
        with views.reading() as connection:
            run_id = views.find_run(connection, options.run).id
        picture = asyncio.run(draw(run_id, (int(columns), int(lines)), options.stage))
    except (TrainuiError, ValueError) as error:
        sys.exit(str(error))
    options.out.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
