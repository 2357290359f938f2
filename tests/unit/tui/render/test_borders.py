"""What stands around lines fills a rectangle, whatever its titles are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Spacing

from trainui.tui.render.styled_text import frame, padding, plain, width_of

ROOMS = st.builds(Spacing, *[st.integers(0, 2)] * 4)
TITLES = st.text("ab日 ×", max_size=20)


@given(st.integers(10, 40), ROOMS, TITLES, TITLES)
def test_all_lines_of_a_frame_are_as_wide(
    width: int, room: Spacing, title: str, subtitle: str
) -> None:
    around = frame(width, room, title, subtitle, lit=True)
    assert {width_of(row) for row in (*around.above, *around.below)} == {width}
    assert width_of(around.left) == 1 + room.left
    assert width_of(around.right) == room.right + 1


@given(st.integers(10, 40), ROOMS)
def test_padding_is_as_wide_and_as_high_as_it_is_to_be(width: int, room: Spacing) -> None:
    around = padding(width, room)
    assert [width_of(row) for row in around.above] == [width] * room.top
    assert [width_of(row) for row in around.below] == [width] * room.bottom


def test_titles_stand_in_the_edges_and_are_cut_to_what_they_leave() -> None:
    around = frame(20, Spacing(), "3 Curves", "many more metrics", lit=False)
    assert plain(around.above[0]) == "╭─ 3 Curves ───────╮"
    assert plain(around.below[0]) == "╰─ many more met… ─╯"
