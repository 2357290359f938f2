"""What is drawn of a page, change by change, is what the page as a whole looks like."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import RenderableType
from textual.screen import Screen

from tests.unit.tui.driving import Driven
from tests.unit.tui.filled import Filler, running_demo
from trainui.tui.application import TrainuiApp
from trainui.tui.drawing import Cell, Pieces, ShownCells, Update, cells


class Watched(TrainuiApp):
    """An app whose drawing is taken for a terminal's."""

    drawn: ShownCells
    partly = 0

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, Update):
            self.partly += isinstance(renderable, Pieces)
            self.drawn.changes(renderable, self.console)
        super()._display(screen, renderable)


def shown(app: Watched) -> list[list[Cell]]:
    lines = app.drawn._lines
    return [lines[y] for y in sorted(lines)]


def whole(app: Watched) -> list[list[Cell]]:
    return [cells(line) for line in app.screen._compositor.render_strips()]


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_changes_add_up_to_the_page(filler: Filler, size: tuple[int, int]) -> None:
    app = Watched(running_demo(filler))
    app.drawn = ShownCells()
    async with app.run_test(size=size, notifications=True) as pilot:
        driven = Driven(app, pilot)
        await driven.until_shown("Stages" if size[0] > 100 else "train")
        for key in ["2", "1", "j", "k", "3", "right", "4", "z", "z", "2", "5", "tab", "T", "1"]:
            await driven.press(key)
            await driven.until(lambda: shown(app) == whole(app), f"the page after {key}")
        assert app.partly
