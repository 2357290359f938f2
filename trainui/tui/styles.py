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


class StyleWords(NamedTuple):
    """A style by the names of theme variables."""

    color: str | None = None
    """A theme variable."""
    background: str | None = None
    bold: bool = False
    reverse: bool = False


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
    "state-pending": StyleWords("state-idle"),
    "state-ended": StyleWords("state-idle"),
    "state-skipped": StyleWords("state-idle"),
    "state-pruned": StyleWords("state-idle"),
}
"""All styles that a segment may have, by name."""


def style(name: str, variables: Mapping[str, str]) -> Style:
    """Return a named style in the colours of a theme's variables.

    Where the cursor's row has the page's background, it is in reverse video, or without the focus
    underlined.
    """
    look = STYLES[name]
    ground = Color.parse(variables[look.background]) if look.background else None
    is_plain = ground == Color.parse(variables["background"])
    return Style(
        color=Color.parse(variables[look.color]).rich_color if look.color else None,
        bgcolor=ground.rich_color if ground and not is_plain else None,
        bold=look.bold or None,
        underline=(is_plain and look.background == "row-blurred") or None,
        reverse=look.reverse or (is_plain and look.background == "row") or None,
    )
