"""What the names of styles look like: the one place that turns them into a theme's colours.

Component classes of Textual would do the same, but are looked up for each widget at each change of
its styles, which costs more than all the rest of a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.color import Color

from trainui.domain.states import Status

CURVES = 6
"""How many colours curves have."""


class StyleWords(NamedTuple):
    """A style in words."""

    color: str | None = None
    """A variable of the theme."""
    background: str | None = None
    bold: bool = False
    reverse: bool = False


STYLES: Mapping[str, StyleWords] = {
    "dim": StyleWords("dim"),
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
    "state-skipped": StyleWords("state-idle"),
}
"""Everything that a span's style may be."""


def style(name: str, variables: Mapping[str, str]) -> Style:
    """Return a style in the colours of a theme.

    Args:
        name: a key of `STYLES`.
        variables: the theme's.
    """
    look = STYLES[name]
    return Style(
        color=Color.parse(variables[look.color]).rich_color if look.color else None,
        bgcolor=Color.parse(variables[look.background]).rich_color if look.background else None,
        bold=look.bold or None,
        reverse=look.reverse or None,
    )
