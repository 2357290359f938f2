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


class Look(NamedTuple):
    """A style in words."""

    color: str | None = None
    """A variable of the theme."""
    background: str | None = None
    bold: bool = False
    reverse: bool = False


STYLES: Mapping[str, Look] = {
    "dim": Look("dim"),
    "strong": Look(bold=True),
    "title": Look("primary", bold=True),
    "accent": Look("primary"),
    "good": Look("success"),
    "warn": Look("warning"),
    "bad": Look("error"),
    "key": Look("accent", bold=True),
    "match": Look(reverse=True),
    "tab-on": Look("primary", "row", bold=True),
    "frame": Look("border-blurred"),
    "frame-lit": Look("border"),
    "title-lit": Look("primary", bold=True),
    "line": Look("line"),
    "line-on": Look("primary"),
    "cursor": Look(background="row"),
    "cursor-blurred": Look(background="row-blurred"),
    **{f"curve-{number}": Look(f"curve-{number}") for number in range(1, CURVES + 1)},
    **{f"state-{status}": Look(f"state-{status}") for status in Status},
    "state-pending": Look("state-idle"),
    "state-skipped": Look("state-idle"),
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
