"""Borders around lines: padding, and a frame with a title and a subtitle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual.geometry import Spacing

from trainui.tui.render.styled_text import Row, Segment, cut, width_of

LEAST_EDGE = 6
"""Characters of an edge that a title cannot use: corners, line and blanks beside it."""

Line = TypeVar("Line")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Border(Generic[Line]):
    """Lines above and below, and the cells at both sides of each line in between."""

    above: tuple[Line, ...]
    below: tuple[Line, ...]
    left: Line
    right: Line

    def made(self, make: Callable[[Line], Made]) -> Border[Made]:
        """Convert each line with `make`."""
        return Border(
            tuple(map(make, self.above)),
            tuple(map(make, self.below)),
            make(self.left),
            make(self.right),
        )


def padding(width: int, room: Spacing) -> Border[Row]:
    """Return a border of blanks; with the lines it is `width` characters wide."""
    blank = (Segment(" " * width),)
    left, right = (Segment(" " * room.left),), (Segment(" " * room.right),)
    return Border((blank,) * room.top, (blank,) * room.bottom, left, right)


def frame(width: int, room: Spacing, title: str, subtitle: str | Row, *, lit: bool) -> Border[Row]:
    """Return a frame, `lit` or not, with padding inside; the titles must be safe to print."""
    style = "frame-lit" if lit else "frame"
    head = _label(title, "title-lit" if lit else "dim", width)
    foot = _label(subtitle, "dim", width)
    side, inner = Segment("│", style), padding(width - 2, room)
    top = (Segment("╭─", style), *head, Segment("─" * (width - 3 - width_of(head)) + "╮", style))
    bottom = (Segment("╰" + "─" * (width - 3 - width_of(foot)), style), *foot, Segment("─╯", style))
    return Border(
        (top, *((side, *row, side) for row in inner.above)),
        (*((side, *row, side) for row in inner.below), bottom),
        (side, *inner.left),
        (*inner.right, side),
    )


def _label(title: str | Row, style: str, width: int) -> Row:
    row = (Segment(title, style),) if isinstance(title, str) else title
    shown = cut(row, width - LEAST_EDGE) if title else ()
    return (Segment(" "), *shown, Segment(" ")) if shown else ()
