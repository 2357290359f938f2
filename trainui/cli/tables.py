"""Tables that fit the terminal: long names are cut in the middle, and reasons are wrapped.

Output that goes elsewhere, e.g. into a pipe, is never shortened.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence

from trainui import text
from trainui.cli import printing

LEAST = 12
"""Minimum width in characters of a column that may be cut."""

LEAST_WRAPPED = 20
"""Minimum width in characters of a wrapped column."""

_GAP = 2


def terminal_width() -> int | None:
    """Return the width of the terminal; None if stdout is none."""
    if not printing.is_terminal(sys.stdout):
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """Return True if a table is no wider than the terminal, or goes elsewhere."""
    width = terminal_width()
    return width is None or _sum(_natural(_cells(rows))) <= width


def fitted(
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    cut: Collection[str] = (),
    optional: Sequence[str] = (),
    wrapped: bool = False,
    distinct: bool = True,
) -> list[str]:
    """Return a table's lines, no wider than the terminal if possible.

    The first row has the columns' titles. Those in `right` are right-aligned. Of a table that is
    too wide, the columns in `cut` are shortened, with `distinct` only so far that different cells
    stay different; then those in `optional` are left out. With `wrapped`, the last column is
    wrapped.
    """
    cells, width = _cells(rows), terminal_width()
    if width is not None and _sum(_natural(cells)) > width:
        least = {
            title: _least(column, distinct=distinct)
            for title, *column in zip(*cells, strict=True)
            if title in cut
        }
        cells = _narrowed(cells, width, least, wrapped=wrapped, optional=optional)
    return text.table(cells, right=[at for at, title in enumerate(cells[0]) if title in right])


def _cells(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[text.harmless(cell).replace("\t", " ") for cell in row] for row in rows]


def _natural(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(text.width, column)) for column in zip(*cells, strict=True)]


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _narrowed(
    cells: list[list[str]],
    width: int,
    least: Mapping[str, int],
    *,
    wrapped: bool,
    optional: Sequence[str],
) -> list[list[str]]:
    widths = _shared(cells, width, least, wrapped=wrapped)
    if _sum(widths) > width and optional:
        at = cells[0].index(optional[0]) if optional[0] in cells[0] else len(cells[0])
        fewer = [[*row[:at], *row[at + 1 :]] for row in cells]
        return _narrowed(fewer, width, least, wrapped=wrapped, optional=optional[1:])
    lines: list[list[str]] = []
    for row in cells:
        *short, last = map(_shortened, row, [*widths[:-1], widths[-1] if not wrapped else None])
        pieces = textwrap.wrap(last, widths[-1]) if wrapped else [last]
        lines.append([*short, *(pieces[:1] or [""])])
        lines += [[*[""] * len(short), piece] for piece in pieces[1:]]
    return lines


def _least(column: Sequence[str], *, distinct: bool) -> int:
    """Return the minimum width of a column that may be cut, without its title."""
    if not distinct:
        return LEAST
    cells = set(column)
    longest = max(map(text.width, cells), default=0)
    enough = (
        width
        for width in range(LEAST, longest)
        if len({_shortened(cell, width) for cell in cells}) == len(cells)
    )
    return next(enough, max(longest, LEAST))


def _shared(
    cells: Sequence[Sequence[str]], width: int, minimum: Mapping[str, int], *, wrapped: bool
) -> list[int]:
    """Return the columns' widths: of those that may be narrower, the widest is so first."""
    widths = _natural(cells)
    titles = cells[0]
    least = {
        at: max(minimum[title], len(title)) for at, title in enumerate(titles) if title in minimum
    }
    if wrapped:
        room = width - _sum([*widths[:-1], 0])
        widths[-1] = min(widths[-1], max(room, LEAST_WRAPPED))
    while _sum(widths) > width:
        at = max(least, key=lambda at: widths[at] - least[at], default=None)
        if at is None or widths[at] <= least[at]:
            break
        widths[at] -= 1
    return widths


def _shortened(cell: str, width: int | None) -> str:
    """Return a cell cut in the middle."""
    if width is None or text.width(cell) <= width:
        return cell
    keep = (width - 1) // 2
    if cell.isascii():
        return f"{cell[: width - 1 - keep]}…{cell[-keep:]}"
    start, end = cell, ""
    while end == "" or text.width(cell[-len(end) - 1 :]) <= keep:
        end = cell[-len(end) - 1 :]
    while text.width(start) > width - 1 - text.width(end):
        start = start[:-1]
    return f"{start}…{end}"
