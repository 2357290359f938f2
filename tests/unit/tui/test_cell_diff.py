"""Only what differs is drawn again, and all changes together are what the page looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from tests.unit.tui.driving import Driven
from tests.unit.tui.filled import Filler, failed_demo, running_demo
from trainui.tui.app import TrainuiApp
from trainui.tui.cell_diff import Cell, Pieces, ShownCells, Update, cells, changed_runs

RED, BLUE = Style(color="red"), Style(color="blue")
PIECES = st.lists(
    st.tuples(st.text("ab⠿日", min_size=1, max_size=4), st.sampled_from([RED, BLUE])), max_size=5
)


def strip(pieces: list[tuple[str, Style]], width: int = 40) -> Strip:
    made = Strip([Segment(text, style) for text, style in pieces])
    return made.adjust_cell_length(width).simplify()


@given(PIECES, PIECES)
def test_outside_of_what_is_drawn_again_nothing_differs(
    before: list[tuple[str, Style]], after: list[tuple[str, Style]]
) -> None:
    old, new = strip(before), strip(after)
    assume(old != new)
    drawn = [
        cell for start, end in changed_runs(cells(old), cells(new)) for cell in range(start, end)
    ]
    assert drawn
    assert set(drawn) <= set(range(40))
    kept = set(range(40)) - set(drawn)
    assert all(cells(old)[cell] == cells(new)[cell] for cell in kept)


def test_of_a_clock_only_what_moves_is_drawn_again() -> None:
    before = strip([("running for 11s", RED), (" and more", BLUE)])
    after = strip([("running for 12s", RED), (" and more", BLUE)])
    assert changed_runs(cells(before), cells(after)) == [(13, 14)]


def test_runs_far_from_each_other_are_drawn_apart() -> None:
    before = strip([("step 837 loss 0.0027 with a text 1", RED)])
    after = strip([("step 838 loss 0.0027 with a text 2", RED)])
    assert changed_runs(cells(before), cells(after)) == [(7, 8), (33, 34)]


class Watched(TrainuiApp):
    """An app whose drawing is taken for a terminal's."""

    drawn: ShownCells
    partly: list[Pieces]

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, Update):
            if isinstance(renderable, Pieces):
                self.partly.append(renderable)
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
    app.drawn, app.partly = ShownCells(), []
    async with app.run_test(size=size, notifications=True) as pilot:
        driven = Driven(app, pilot)
        await driven.until_shown("Stages" if size[0] > 100 else "train")
        for key in ["2", "1", "j", "k", "3", "right", "4", "z", "z", "2", "5", "tab", "T", "1"]:
            await driven.press(key)
            await driven.until(lambda: shown(app) == whole(app), f"the page after {key}")
        assert app.partly


async def test_a_focused_pane_shows_it_and_redraws_no_line(filler: Filler) -> None:
    app = Watched(failed_demo(filler))
    app.drawn, app.partly = ShownCells(), []
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        driven = Driven(app, pilot)
        await driven.until_shown("2 train[hidden=128]", "exit code 1", "stderr 109 B")
        await pilot.pause()
        await driven.until(lambda: shown(app) == whole(app), "the whole page")
        overview = driven.run.panes.overview
        corner, inside = overview.region.offset, overview.content_region
        blurred = shown(app)[corner.y][corner.x]
        for _ in range(5):  # what is read meanwhile may draw the whole page at the same time
            app.partly.clear()
            await driven.press("2")
            await driven.until(lambda: shown(app)[corner.y][corner.x] != blurred, "another frame")
            drawn = [
                Region(x, y, strip.cell_length, 1) for one in app.partly for y, x, strip in one
            ]
            has_frame = any(piece.contains(*corner) for piece in drawn)
            if has_frame and not any(piece.overlaps(inside) for piece in drawn):
                return
            await driven.press("1")
            await driven.until(lambda: shown(app)[corner.y][corner.x] == blurred, "the frame")
        raise AssertionError(f"drawn: {drawn}")
