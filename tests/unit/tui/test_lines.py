"""What is drawn again of a line is what differs in it."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainui.tui.widgets.lines import changed_cells

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
    start, end = changed_cells(old, new)
    assert 0 <= start < end <= 40
    assert cells(old)[:start] == cells(new)[:start]
    assert cells(old)[end:] == cells(new)[end:]


def cells(line: Strip) -> list[tuple[str, Style | None]]:
    """Each cell with its style; the second half of a wide character is one too."""
    found: list[tuple[str, Style | None]] = []
    for segment in line:
        for character in segment.text:
            found.append((character, segment.style))
            if character == "日":
                found.append(("", segment.style))
    return found


def test_of_a_clock_only_what_moves_is_drawn_again() -> None:
    before = strip([("running for 11s", RED), (" and more", BLUE)])
    after = strip([("running for 12s", RED), (" and more", BLUE)])
    assert changed_cells(before, after) == (13, 15)
