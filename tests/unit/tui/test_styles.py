"""The themes, in colours that terminals show as they are; ASCII, in which no sign is lost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Shade
from textual.color import rgb_to_lab
from textual.theme import BUILTIN_THEMES, Theme

from trainui.text import SYMBOLS, TROUBLE
from trainui.tui import styles
from trainui.tui.curves.plot import MARKS
from trainui.tui.numbers import progress_bar
from trainui.tui.styles import AsciiFilter, in_ascii, wants_ascii


@pytest.mark.parametrize("one", styles.OURS, ids=lambda one: str(one.name))
def test_every_style_has_its_colours(one: Theme) -> None:
    variables = {**one.to_color_system().generate(), **one.variables}
    for name in styles.STYLES:
        styles.style(name, variables)


def colours(one: Theme) -> set[str]:
    named = (one.primary, one.secondary, one.accent, one.warning, one.error, one.success)
    around = (one.foreground, one.background, one.surface, one.panel)
    return {color for color in (*named, *around, *one.variables.values()) if color}


CUBE = (0, 0x5F, 0x87, 0xAF, 0xD7, 0xFF)
GREYS = tuple((grey,) * 3 for grey in range(8, 248, 10))
BASIC = (0, 0x55, 0xAA, 0xFF)


@pytest.mark.parametrize("one", styles.OURS, ids=lambda one: str(one.name))
def test_its_colours_are_the_terminals_own(one: Theme) -> None:
    """xterm's cube and greys; for 16 colours those of the PC."""
    levels = BASIC if one is styles.BASIC else CUBE
    for color in colours(one):
        triplet = Color.parse(color).triplet
        assert triplet is not None
        assert set(triplet) <= set(levels) or tuple(triplet) in GREYS, color


READABLE, ON_CURSOR = 4.5, 4.4
"""The least contrast of text (WCAG 2, AA), and that of the reds under the cursor."""

TOLD_APART = 20.0
"""The least distance of two states' colours in CIELAB."""


def contrast(one: str, other: str) -> float:
    return styles.contrast(Shade.parse(one), Shade.parse(other))


def test_the_contrast_of_colours_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("one", styles.OURS, ids=lambda one: str(one.name))
def test_text_is_readable_on_each_background(one: Theme) -> None:
    variables = {**one.to_color_system().generate(), **styles.defaults(one), **one.variables}
    texts = {
        name: look.color for name, look in styles.STYLES.items() if name not in styles.ORNAMENTS
    }
    found = {
        (name, ground): round(contrast(variables[color], variables[ground]), 1)
        for name, color in {**texts, "plain": "foreground", "placeholder": "text-disabled"}.items()
        for ground in ("background", "surface", "row", "row-blurred")
        if color and (ground == "background" or not name.startswith("curve-"))
    }
    least = {"row": ON_CURSOR, "row-blurred": ON_CURSOR}
    low = {key: ratio for key, ratio in found.items() if ratio < least.get(key[1], READABLE)}
    assert not low


@pytest.mark.parametrize("one", BUILTIN_THEMES.values(), ids=lambda one: str(one.name))
def test_text_is_readable_in_each_theme_of_textual(one: Theme) -> None:
    variables = {**styles.defaults(one), **one.to_color_system().generate(), **one.variables}
    page = Shade.parse(variables["background"])
    for name in styles.STYLES.keys() - styles.ORNAMENTS if page.ansi is None else ():
        color = styles.style(name, variables).color
        if color is not None:
            assert styles.contrast(Shade.from_rich_color(color), page) >= READABLE, name


@pytest.mark.parametrize("one", styles.OURS[:-1], ids=lambda one: str(one.name))
def test_the_most_important_states_have_different_colours(one: Theme) -> None:
    states = ("running", "completed", "failed", "queued", "idle")
    labs = {name: rgb_to_lab(Shade.parse(one.variables[f"state-{name}"])) for name in states}
    for first, second in itertools.combinations(states, 2):
        pairs = zip(labs[first], labs[second], strict=True)
        assert sum((a - b) ** 2 for a, b in pairs) ** 0.5 > TOLD_APART, (first, second)


def test_themes_come_one_after_another() -> None:
    seen = [styles.DEFAULT]
    while (following := styles.after(seen[-1])) not in seen:
        seen.append(following)
    assert seen == [one.name for one in styles.OURS]
    assert styles.after("nord") == styles.DEFAULT


@pytest.mark.parametrize(
    ("wished", "colors", "environ", "chosen"),
    [
        (None, "truecolor", {}, styles.DEFAULT),
        (None, "256", {"TERM": "xterm-256color"}, styles.DEFAULT),
        (None, "standard", {"TERM": "xterm"}, "trainui-16"),
        ("trainui-light", "standard", {"NO_COLOR": "1"}, "trainui-light"),
        (None, None, {}, styles.DEFAULT),
        (None, "256", {"NO_COLOR": ""}, "trainui-monochrome"),
        (None, "standard", {"TERM": "vt220"}, "trainui-monochrome"),
    ],
)
def test_a_terminal_with_few_colours_has_its_own_theme(
    wished: str | None, colors: str | None, environ: Mapping[str, str], chosen: str
) -> None:
    assert styles.fitting(wished, colors, environ) == chosen


@pytest.mark.parametrize("one", [styles.BASIC, styles.MONOCHROME], ids=lambda one: str(one.name))
def test_the_cursors_row_is_visible_in_any_colours(one: Theme) -> None:
    cursor = styles.style("cursor", one.to_color_system().generate() | one.variables)
    assert (cursor.reverse, cursor.bgcolor) == (True, None)
    assert styles.style(
        "cursor-blurred", one.to_color_system().generate() | one.variables
    ).underline


def test_a_choice_counts_unless_it_leaves_nothing() -> None:
    kept = {"chosen": "trainui-light", "instead_of": styles.DEFAULT}
    assert styles.chosen(kept, styles.DEFAULT) == "trainui-light"
    assert styles.chosen(kept, styles.BASIC.name) == styles.BASIC.name
    assert styles.chosen({}, "nord") == "nord"
    assert styles.chosen({"chosen": 7, "instead_of": "nord"}, "nord") == "nord"


BRAILLE = [chr(0x2800 + bits) for bits in range(256)]
BOX = [chr(code) for code in range(0x2500, 0x2580)]


@pytest.mark.parametrize("character", [*SYMBOLS.values(), *BRAILLE, *BOX, "é", "漢", "🚀", "│"])
def test_every_character_becomes_ascii_of_its_width(character: str) -> None:
    found = in_ascii(character)
    assert found.isascii()
    assert found.isprintable()
    assert cell_len(found) == cell_len(character)


def test_states_stay_apart() -> None:
    signs = {*SYMBOLS.values(), *(symbol for symbol, _ in TROUBLE.values())}
    assert len({in_ascii(symbol) for symbol in signs}) == len(signs) == len(SYMBOLS) + 2


def test_lines_of_a_plot_stay_apart() -> None:
    assert len({in_ascii(mark) for mark in MARKS}) == len(set(MARKS)) == 2 * styles.CURVES
    assert not {in_ascii(mark) for mark in MARKS} & {in_ascii("×"), "!", "|"}, (
        "of NaN, alerts, cursor"
    )


def test_a_bar_shows_its_share_without_colours() -> None:
    full, empty = progress_bar(3, 4, 8)
    assert "".join(map(in_ascii, full + empty)) == "======--"


def test_a_curve_is_where_it_was() -> None:
    assert [in_ascii(dots) for dots in "⠉⣀⣿ "] == ["'", ".", "#", " "]


def test_letters_keep_their_base() -> None:
    assert "".join(map(in_ascii, "Modèle größer")) == "Modele gro?er"


def test_ascii_keeps_styles() -> None:
    bold = Style(bold=True)
    (found,) = AsciiFilter().apply([Segment("✓ done", bold)], Shade.parse("black"))
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
    assert wants_ascii(setting, environ) is wanted
