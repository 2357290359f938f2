"""Text is selected with the mouse in every pane, and copied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainui.tui.line_view import STYLE, TextPosition, TextSelection
from trainui.tui.styled_text import Row, Segment, plain

ROWS: list[Row] = [
    (Segment("first "), Segment("line", "dim")),
    (Segment("日本 wide"),),
    (Segment("last line   "),),
]


def selected(start: tuple[int, int], end: tuple[int, int]) -> str:
    return TextSelection(TextPosition(*start), TextPosition(*end)).text(ROWS.__getitem__)


def test_the_text_between_two_places() -> None:
    assert selected((0, 0), (0, 4)) == "first"
    assert selected((0, 6), (2, 3)) == "line\n日本 wide\nlast"
    assert selected((2, 3), (0, 6)) == "line\n日本 wide\nlast"
    assert selected((1, 2), (1, 3)) == "本"
    assert selected((2, 0), (2, 40)) == "last line"


@given(
    st.tuples(st.integers(0, 2), st.integers(0, 20)),
    st.tuples(st.integers(0, 2), st.integers(0, 20)),
)
def test_highlighted_text_is_the_copied_text(start: tuple[int, int], end: tuple[int, int]) -> None:
    selection = TextSelection(TextPosition(*start), TextPosition(*end))
    rows = [selection.highlighted(index, row) for index, row in enumerate(ROWS)]
    assert [plain(row) for row in rows] == [plain(row) for row in ROWS]
    lit = ["".join(text for text, style in row if style == STYLE).rstrip() for row in rows]
    first, last = sorted((start[0], end[0]))
    assert "\n".join(lit[first : last + 1]) == selected(start, end)
