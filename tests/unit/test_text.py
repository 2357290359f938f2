"""What a name or a log holds is shown, and never acted on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trainui import text
from trainui.model.states import Status


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;aGk=\x1b\\after", "after"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1b]0;never ended", ""),
        ("\x1b(Bset", "set"),
        ("bell\x07", "bell␇"),
        ("two\nlines", "two␊lines"),
        ("a\tb", "a\tb"),
        ("lone \x1b", "lone ␛"),
        ("del\x7f", "del␡"),
        ("\u202egpj.exe", "�gpj.exe"),
        ("\udcff", "�"),
    ],
)
def test_a_terminal_shows_and_does_not_obey(raw: str, shown: str) -> None:
    assert text.harmless(raw) == shown


@given(st.text(st.characters(), max_size=60))
def test_nothing_that_a_terminal_obeys_is_ever_left(raw: str) -> None:
    shown = text.harmless(raw)
    assert not any((ord(c) < 32 and c != "\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode()


def test_a_progress_bar_is_shown_as_it_was_left() -> None:
    assert text.as_overwritten("10%\r50%\r100%\r") == "100%"
    assert text.as_overwritten("") == ""


def test_columns_are_aligned_also_where_characters_are_wide() -> None:
    assert text.table([["a", "1"], ["日本", "22"]], right=[1]) == ["a      1", "日本  22"]


def test_every_state_has_a_symbol_of_one_cell() -> None:
    assert {text.width(text.SYMBOLS[status]) for status in Status} == {1}
    assert len(set(text.SYMBOLS.values())) == len(Status)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("❤\ufe0f 1\ufe0f\u20e3", "❤ 1"),
        ("👍\U0001f3fd", "👍"),
        ("\U0001f1e9\U0001f1ea", "DE"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("実験 🧪", "実験 🧪"),
    ],
)
def test_text_that_terminals_treat_differently_is_split(raw: str, shown: str) -> None:
    assert text.harmless(raw) == shown
    assert cell_len(shown) == sum(map(cell_len, shown)) == text.width(shown)
