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
    label_of,
    packed,
    padding,
    plain,
    short_labels,
    spread,
    style_of,
    told_apart,
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


def test_a_word_that_fits_into_a_line_is_not_broken() -> None:
    error = "exit code 1: numpy.linalg.LinAlgError: Matrix"
    assert wrap(error, 36) == ["exit code 1:", "numpy.linalg.LinAlgError: Matrix"]
    assert wrap("    longword", 10) == ["    longwo", "rd"]


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


SIZES = ("small", "base", "large", "giant")
AUGMENTS = ("none", "randaugment-m9", "trivialaugment-wide", "mixup-0.8-cutmix-1.0")
MEMBERS = tuple(
    (("model", f"facebook/dinov2-{size}-with-registers"), ("aug", augment))
    for size in SIZES
    for augment in AUGMENTS
)


def test_names_are_whole_where_there_is_room() -> None:
    assert short_labels(MEMBERS, 100) == tuple(map(label_of, MEMBERS))


def test_shared_parts_of_values_go_first_then_keys() -> None:
    assert short_labels(MEMBERS, 60)[-2] == "model=giant,aug=trivialaugment-wide"
    assert short_labels(MEMBERS, 34)[-2] == "giant trivialaugment-wide"


def test_numbers_are_never_cut() -> None:
    names = tuple((("lr", f"0.000{at}17"), ("optimizer", name)) for at in (1, 2) for name in SIZES)
    shown = short_labels(names, 14)
    assert all(f"0.000{at}17" in one for at, one in zip((1,) * 4 + (2,) * 4, shown, strict=True))


def test_texts_that_would_be_alike_lose_their_beginning() -> None:
    found = told_apart(["layers/10/attention/weight", "layers/10/attention/bias", "loss"], 12)
    assert found == ["…weight", "…bias", "loss"]


@given(
    st.lists(st.tuples(st.sampled_from(SIZES), st.integers(0, 99)), min_size=2, unique=True),
    st.integers(14, 60),
)
def test_shortened_names_never_look_alike(found: list[tuple[str, int]], width: int) -> None:
    names = tuple((("model", f"org/{size}-model"), ("seed", str(seed))) for size, seed in found)
    shown = short_labels(names, width)
    assert len(set(shown)) == len(names)
    assert max(map(len, shown)) <= width


def test_members_and_other_runs_are_shortened_apart() -> None:
    """Runs beside a sweep's members must not cost these their keys and values."""
    schedules = ("cosine_with_warmup_500", "cosine_with_warmup_5000")
    members = tuple(
        (("lr", lr), ("schedule", schedule), ("seed", seed))
        for lr in ("0.01", "0.2")
        for schedule in schedules
        for seed in ("0", "1")
    )
    runs = tuple((("", f"sweep-lr-schedule lr={lr} › train[lr=0.1]"),) for lr in ("1e-3", "3e-4"))
    shown = short_labels((*members, *runs), 40)
    assert shown[:2] == ("lr=0.01,schedule=500,seed=0", "lr=0.01,schedule=500,seed=1")
    assert len(set(shown)) == len(shown)


def test_runs_names_stay_whole_before_their_parameters() -> None:
    first = (("", "nan-grad"), ("nan", "40"), ("what", "train/grad_norm"))
    second = (("", "nan-val"), ("nan", "50"), ("what", "val/loss"))
    assert short_labels((first, second), 24) == ("nan-grad nan=40", "nan-val nan=50")
    assert short_labels((first, second), 10) == ("nan-grad", "nan-val")
    same = (("", "nan-grad"), ("nan", "50"), ("what", "val/loss"))
    assert short_labels((first, same), 26) == ("nan-grad nan=40", "nan-grad nan=50")


def test_a_wrapped_line_begins_without_spaces() -> None:
    rows = packed((Segment("one leads"), Segment("   1 to 9 of 24", "dim")), 12, 2)
    assert list(map(plain, rows)) == ["one leads", "  1 to 9 of 24"]


def test_values_that_tell_nothing_more_go_before_keys() -> None:
    names = tuple(
        (("", f"resnet-{lr}"), ("lr", lr), ("seed", seed), ("hidden", f"{32 * int(seed)}"))
        for lr in ("0.1", "0.03")
        for seed in ("1", "2", "3")
    )
    shown = short_labels(names, 24)
    assert (shown[0], shown[-1]) == ("resnet-0.1 seed=1", "resnet-0.03 seed=3")
    assert len(set(shown)) == len(names)
    assert short_labels(names, 40)[0] == "resnet-0.1 lr=0.1 seed=1 hidden=32", "there is room"
