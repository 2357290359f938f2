"""What is drawn again of a line is what differs in it."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainui.tui.terminal.cell_diff import cells, changed_runs

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
