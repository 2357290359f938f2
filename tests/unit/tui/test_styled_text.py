"""Lines are cut and filled to exact cells, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.geometry import Spacing

from trainui.text import harmless
from trainui.tui import styled_text
from trainui.tui.styled_text import (
    Segment,
    coloured,
    cut,
    cut_label,
    fit,
    fit_middle,
    frame,
    packed,
    padding,
    plain,
    spread,
    style_of,
    width_of,
    wrap,
    wrap_row,
)

RED = Style(color=Color.from_ansi(1))


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("31", RED),
        ("1;31", RED + Style(bold=True)),
        ("38;5;208", Style(color=Color.from_ansi(208))),
        ("38;2;1;2;3", Style(color=Color.from_rgb(1, 2, 3))),
        ("38:2:1:2:3", Style(color=Color.from_rgb(1, 2, 3))),
        ("38;2;1;2;3;22", Style(color=Color.from_rgb(1, 2, 3))),
        ("31;49", RED),
        ("31;5;8", RED),
    ],
)
def test_a_colour_is_the_one_that_the_sequence_names(sequence: str, expected: Style) -> None:
    (span,) = coloured(f"\x1b[{sequence}mtext")
    found = style_of(span.style)
    assert (found.color, found.bgcolor) == (expected.color, expected.bgcolor)
    assert bool(found.bold) == bool(expected.bold)
    assert not found.blink
    assert not found.conceal


@pytest.mark.parametrize("sequence", ["", "0", "31;39", "31;0", "9" * 5000])
def test_without_a_colour_there_is_no_style(sequence: str) -> None:
    *_, last = coloured(f"\x1b[{sequence}mtext")
    assert last.style == ""


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
def test_padding_has_the_requested_width_and_height(width: int, room: Spacing) -> None:
    around = padding(width, room)
    assert [width_of(row) for row in around.above] == [width] * room.top
    assert [width_of(row) for row in around.below] == [width] * room.bottom


def test_titles_are_in_the_edges_and_cut_to_fit() -> None:
    around = frame(20, Spacing(), "3 Curves", "many more metrics", lit=False)
    assert plain(around.above[0]) == "╭─ 3 Curves ───────╮"
    assert plain(around.below[0]) == "╰─ many more met… ─╯"


TEXTS = st.text(max_size=40).map(harmless).map(str.expandtabs)


@given(TEXTS, st.integers(1, 30), st.booleans())
def test_a_text_takes_exactly_the_cells_it_is_given(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


@given(TEXTS, st.integers(0, 30))
@example("00\U00020000\U00020000", 5)
def test_a_text_cut_in_its_middle_never_takes_more(text: str, width: int) -> None:
    assert cell_len(fit_middle(text, width)) <= width


def test_of_a_long_text_both_ends_are_kept() -> None:
    assert fit_middle("train[lr=0.03,seed=1]", 15) == "train[l…seed=1]"


def test_a_label_keeps_the_short_id_of_its_run() -> None:
    assert cut_label("a-very-long-name 0f0e0d0c", 16) == "a-very… 0f0e0d0c"
    assert cut_label("a-very-long-name-alone", 16) == "a-very-long-nam…"
    assert cut_label("short 0f0e0d0c", 16) == "short 0f0e0d0c"


def test_wrapping_looks_at_a_text_once_however_long_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counted(text: str) -> int:
        nonlocal looked_at
        looked_at += len(text)
        return cell_len(text)

    monkeypatch.setattr(styled_text, "cell_len", counted)
    text = " ".join(f"✓ train[lr={number}]" for number in range(2000))
    assert len(wrap(text, 50)) > len(text) // 60
    assert looked_at < 3 * len(text)
    looked_at = 0
    assert len(wrap(text, 50, 4)) == 4
    assert looked_at < len(text) + 500


def test_cut_text_ends_with_an_ellipsis() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日 …"


def test_a_space_behind_the_last_cell_begins_no_line() -> None:
    assert wrap("aaaa bbbb cccc dd", 9) == ["aaaa bbbb", "cccc dd"]
    assert wrap("aaaa bbbb ", 9) == ["aaaa bbbb"]
    row = (Segment("aaaa ", "x"), Segment("bbbb cccc", "y"))
    assert [*map(plain, wrap_row(row, 9))] == ["aaaa bbbb", "cccc"]


@given(TEXTS, st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@given(st.lists(TEXTS, max_size=5), st.integers(0, 60))
def test_a_line_is_cut_to_its_width(texts: list[str], width: int) -> None:
    assert width_of(cut(tuple(Segment(text) for text in texts), width)) <= width


def test_the_right_end_keeps_its_place_first() -> None:
    left = (
        Segment("name"),
        Segment("  one"),
        Segment("  two"),
        Segment("  three"),
        Segment("  four"),
    )
    right = (Segment("notice"),)
    assert plain(spread(left, right, 40)) == "name  one  two  three  four       notice"
    assert plain(spread(left, right, 24)) == "name  one  two    notice"
    assert width_of(spread(left, right, 9)) == 9


def test_the_lines_of_a_label_stand_below_its_first_value() -> None:
    row = tuple(Segment(text) for text in ("best      ", "loss 0.1  ", "lr=1  ", "at step 9  "))
    lines = [plain(line) for line in packed(row, 20, 10)]
    assert lines == ["best      loss 0.1", "          lr=1", "          at step 9"]
    assert [plain(line) for line in packed(row, 80, 10)] == ["best      loss 0.1  lr=1  at step 9"]
