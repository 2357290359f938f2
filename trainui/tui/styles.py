"""Named text styles, and their mapping to a theme's colours.

Textual's component classes would do the same, but are resolved for each widget whenever its styles
change, which takes longer than the rest of a page together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.color import Color

from trainui.domain.states import Status

CURVES = 6
"""The number of curve colours."""

MIDDLE, READABLE = 0.18, 4.5
"""The luminance of a background on which black and white are equally readable, and the least
contrast of text on the page: https://www.w3.org/TR/WCAG22/#contrast-minimum."""

ORNAMENTS = frozenset(("faint", "frame", "frame-lit", "line", "line-on"))
"""Styles of borders, axes and what is behind a curve, in which no text is written."""


class StyleWords(NamedTuple):
    """A style by the names of theme variables."""

    color: str | None = None
    """A theme variable."""
    background: str | None = None
    bold: bool = False
    reverse: bool = False


IDLE = (Status.PENDING, Status.ENDED, Status.SKIPPED, Status.PRUNED)

STYLES: Mapping[str, StyleWords] = {
    "dim": StyleWords("dim"),
    "faint": StyleWords("faint"),
    "strong": StyleWords(bold=True),
    "title": StyleWords("primary", bold=True),
    "accent": StyleWords("primary"),
    "good": StyleWords("success"),
    "warn": StyleWords("warning"),
    "bad": StyleWords("error"),
    "key": StyleWords("accent", bold=True),
    "match": StyleWords(reverse=True),
    "tab-on": StyleWords("primary", "row", bold=True),
    "frame": StyleWords("border-blurred"),
    "frame-lit": StyleWords("border"),
    "title-lit": StyleWords("primary", bold=True),
    "line": StyleWords("line"),
    "line-on": StyleWords("primary"),
    "cursor": StyleWords(background="row"),
    "cursor-blurred": StyleWords(background="row-blurred"),
    **{f"curve-{number}": StyleWords(f"curve-{number}") for number in range(1, CURVES + 1)},
    **{f"state-{status}": StyleWords(f"state-{status}") for status in Status},
    **{f"state-{idle}": StyleWords("state-idle") for idle in IDLE},
}
"""All styles that a segment may have, by name."""


def style(name: str, variables: Mapping[str, str]) -> Style:
    """Return a named style in the colours of a theme's variables.

    Where the cursor's row has the page's background, it is in reverse video, or without the focus
    underlined.
    """
    look, page = STYLES[name], Color.parse(variables["background"])
    ground = Color.parse(variables[look.background]) if look.background else None
    color = Color.parse(variables[look.color]) if look.color else None
    if color is not None and name not in ORNAMENTS:
        color = readable(color, page)
    is_plain = ground == page
    return Style(
        color=color.rich_color if color else None,
        bgcolor=ground.rich_color if ground and not is_plain else None,
        bold=look.bold or None,
        underline=(is_plain and look.background == "row-blurred") or None,
        reverse=look.reverse or (is_plain and look.background == "row") or None,
    )


def readable(color: Color, background: Color) -> Color:
    """Return a colour that can be read: blended with black or white if its contrast is low.

    The own themes need none of this; some colours of Textual's are for surfaces, and not for text.
    """
    if color.ansi is not None or background.ansi is not None:
        return color
    goal = Color(0, 0, 0) if luminance(background) > MIDDLE else Color(255, 255, 255)
    mixed = (color.blend(goal, step / 10) for step in range(11))
    return next((one for one in mixed if contrast(one, background) >= READABLE), goal)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    """Return the luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
