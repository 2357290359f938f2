"""Lines are cut and filled to exact cells, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from trainui.text import harmless
from trainui.tui.render import styled_text
from trainui.tui.render.styled_text import (
    Segment,
    cut,
    fit,
    fit_middle,
    packed,
    plain,
    spread,
    width_of,
    wrap,
    wrap_row,
)

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


def test_what_is_cut_ends_with_an_ellipsis() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日 …"


def test_a_space_behind_the_last_cell_of_a_line_begins_no_other() -> None:
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


def test_the_right_end_keeps_its_place_and_the_left_gives_way() -> None:
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
