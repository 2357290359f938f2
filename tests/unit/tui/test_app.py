"""The screen in ASCII: nothing moves, nothing is lost that has a sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from trainui.text import SYMBOLS, TROUBLE
from trainui.tui.app import AsciiFilter, is_wanted, plain
from trainui.tui.app_interface import Preferences
from trainui.tui.curves.plot import MARKS
from trainui.tui.numbers import progress_bar
from trainui.tui.styles import CURVES

BRAILLE = [chr(0x2800 + bits) for bits in range(256)]
BOX = [chr(code) for code in range(0x2500, 0x2580)]


@pytest.mark.parametrize("character", [*SYMBOLS.values(), *BRAILLE, *BOX, "é", "漢", "🚀", "│"])
def test_every_character_becomes_ascii_of_its_width(character: str) -> None:
    found = plain(character)
    assert found.isascii()
    assert found.isprintable()
    assert cell_len(found) == cell_len(character)


def test_states_stay_apart() -> None:
    signs = {*SYMBOLS.values(), *(symbol for symbol, _ in TROUBLE.values())}
    assert len({plain(symbol) for symbol in signs}) == len(signs) == len(SYMBOLS) + 2


def test_lines_of_a_plot_stay_apart() -> None:
    assert len({plain(mark) for mark in MARKS}) == len(set(MARKS)) == CURVES
    assert not {plain(mark) for mark in MARKS} & {plain("×"), "!", "|"}, "of NaN, alerts, cursor"


def test_a_bar_shows_its_share_without_colours() -> None:
    full, empty = progress_bar(3, 4, 8)
    assert "".join(map(plain, full + empty)) == "======--"


def test_a_curve_is_where_it_was() -> None:
    assert [plain(dots) for dots in "⠉⣀⣿ "] == ["'", ".", "#", " "]


def test_letters_keep_their_base() -> None:
    assert "".join(map(plain, "Modèle größer")) == "Modele gro?er"


def test_styles_stay() -> None:
    bold = Style(bold=True)
    (found,) = AsciiFilter().apply([Segment("✓ done", bold)], Color.parse("black"))
    assert found == Segment("+ done", bold)


@pytest.mark.parametrize(
    ("setting", "environ", "wanted"),
    [
        (True, {"LANG": "de_DE.UTF-8"}, True),
        (False, {"TERM": "linux"}, False),
        (None, {"LANG": "C"}, True),
        (None, {"LANG": "C.UTF-8"}, False),
        (None, {"LC_ALL": "de_DE.ISO-8859-1", "LANG": "de_DE.UTF-8"}, True),
        (None, {"TERM": "linux", "LANG": "de_DE.UTF-8"}, True),
        (None, {"TERM": "xterm-256color"}, False),
    ],
)
def test_the_terminal_and_the_locale_decide_unless_the_setting_does(
    setting: bool | None, environ: dict[str, str], wanted: bool
) -> None:
    assert is_wanted(setting, environ) is wanted


def test_two_screens_overwrite_nothing_of_each_others_preferences(tmp_path: Path) -> None:
    file = tmp_path / "screen.json"
    first, second = Preferences(file, lambda: None), Preferences(file, lambda: None)
    first.keep("theme", {"chosen": "trainui-light"})
    first.save()
    second.keep("details", True)
    second.save()
    found = Preferences(file, lambda: None)
    assert found.get("theme", dict) == {"chosen": "trainui-light"}
    assert found.get("details", bool) is True
