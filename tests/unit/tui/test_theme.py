"""The themes: whole, and in colours that the terminals they are for show as they are."""

from __future__ import annotations

import pytest
from rich.color import Color
from textual.theme import Theme

from trainui.tui import styles, theme


@pytest.mark.parametrize("one", theme.OURS, ids=lambda one: str(one.name))
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


@pytest.mark.parametrize("one", theme.OURS, ids=lambda one: str(one.name))
def test_its_colours_are_the_terminals_own(one: Theme) -> None:
    """xterm's cube and greys; for 16 colours those of the PC, `brown` among them."""
    levels = BASIC if one is theme.BASIC else CUBE
    for color in colours(one):
        triplet = Color.parse(color).triplet
        assert triplet is not None
        assert set(triplet) <= set(levels) or tuple(triplet) in GREYS, color


def test_themes_come_one_after_another() -> None:
    seen = [theme.DEFAULT]
    while (following := theme.after(seen[-1])) not in seen:
        seen.append(following)
    assert seen == [one.name for one in theme.OURS]
    assert theme.after("nord") == theme.DEFAULT


@pytest.mark.parametrize(
    ("wished", "colors", "chosen"),
    [
        (None, "truecolor", theme.DEFAULT),
        (None, "256", theme.DEFAULT),
        (None, "standard", "trainui-16"),
        ("trainui-light", "standard", "trainui-light"),
        (None, None, theme.DEFAULT),
    ],
)
def test_a_terminal_of_16_colours_has_a_theme_of_its_own(
    wished: str | None, colors: str | None, chosen: str
) -> None:
    assert theme.fitting(wished, colors) == chosen


def test_a_choice_counts_as_long_as_nothing_else_would_be_shown_without_it() -> None:
    kept = {"chosen": "trainui-light", "instead_of": theme.DEFAULT}
    assert theme.chosen(kept, theme.DEFAULT) == "trainui-light"
    assert theme.chosen(kept, theme.BASIC.name) == theme.BASIC.name
    assert theme.chosen({}, "nord") == "nord"
    assert theme.chosen({"chosen": 7, "instead_of": "nord"}, "nord") == "nord"
