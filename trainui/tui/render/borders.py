"""What stands around lines: their padding, and a frame with a title in each edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual.geometry import Spacing

from trainui.tui.render.styled_text import Row, Segment, cut, width_of

LEAST_EDGE = 6
"""Cells of an edge that a title leaves: corners, and beside it pieces of line and blanks."""

Line = TypeVar("Line")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Border(Generic[Line]):
    """Lines above and below, and what stands at both sides of each line between."""

    above: tuple[Line, ...]
    below: tuple[Line, ...]
    left: Line
    right: Line

    def made(self, make: Callable[[Line], Made]) -> Border[Made]:
        """Return the same, made of something else."""
        return Border(
            tuple(map(make, self.above)),
            tuple(map(make, self.below)),
            make(self.left),
            make(self.right),
        )


def padding(width: int, room: Spacing) -> Border[Row]:
    """Return blanks around lines, all of them `width` cells wide."""
    blank = (Segment(" " * width),)
    left, right = (Segment(" " * room.left),), (Segment(" " * room.right),)
    return Border((blank,) * room.top, (blank,) * room.bottom, left, right)


def frame(width: int, room: Spacing, title: str, subtitle: str, *, lit: bool) -> Border[Row]:
    """Return a frame around lines and their padding.

    Args:
        width: cells of all.
        room: the padding.
        title: in the upper edge, at its left; harmless.
        subtitle: in the lower edge, at its right; harmless.
        lit: whether it stands out.
    """
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


def _label(title: str, style: str, width: int) -> Row:
    shown = cut((Segment(title, style),), width - LEAST_EDGE) if title else ()
    return (Segment(" "), *shown, Segment(" ")) if shown else ()
