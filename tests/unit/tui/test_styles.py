"""The themes: whole, and in colours that the terminals they are for show as they are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from rich.color import Color
from textual.color import Color as Shade
from textual.color import rgb_to_lab
from textual.theme import BUILTIN_THEMES, Theme

from trainui.tui import styles


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
