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
    drawn = [cell for start, end in changed_cells(old, new) for cell in range(start, end)]
    assert drawn
    assert set(drawn) <= set(range(40))
    kept = set(range(40)) - set(drawn)
    assert all(cells(old)[cell] == cells(new)[cell] for cell in kept)


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
    assert changed_cells(before, after) == [(13, 14)]


def test_runs_far_from_each_other_are_drawn_apart() -> None:
    before = strip([("step 837 loss 0.0027 with a text 1", RED)])
    after = strip([("step 838 loss 0.0027 with a text 2", RED)])
    assert changed_cells(before, after) == [(7, 8), (33, 34)]
