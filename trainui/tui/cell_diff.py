"""A cell diff: renders only the regions that changed, and sends only the cells that differ.

Textual renders whole lines of all widgets around a change, sends each changed line from its
widget's left edge on, and the whole widget if its border changes. On a slow connection that is
most of a page's bytes and of the delay after a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby, repeat
from operator import eq, itemgetter
from typing import cast

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

NEAR = 10
"""Runs of changed cells this close are merged: a cursor movement costs as many bytes."""

_each_takes_a_cell = re.compile("[\\0-~\u2500-\u25fc\u2800-\u28ff]*").fullmatch
"""Matches text of ASCII, box drawing and braille only: one cell a character (fast path)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Matches the characters that a terminal obeys: C0, DEL and C1."""

Cell = tuple[str, Style | None]
"""A cell's text and style; the text is empty in the second cell of a wide character."""

UNKNOWN: Cell = ("\0", None)
"""A cell with unknown content."""


class Drawn(CompositorUpdate):
    """An update that is already encoded as escape sequences."""

    def __init__(self, sequences: str) -> None:
        self._sequences = sequences

    def render_segments(self, console: Console) -> str:  # noqa: ARG002 (of the base class)
        """Return the escape sequences."""
        return self._sequences


class Pieces(CompositorUpdate, list[tuple[int, int, Strip]]):
    """An update as pieces of lines: the line, the first cell, and the content."""


Update = ChopsUpdate | LayoutUpdate | Pieces


class ShownCells:
    """The content of the terminal, as sent so far."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Cell]] = {}

    def forget(self) -> None:
        """Mark everything unknown, after a resize or when another program has drawn."""
        self._lines.clear()

    def reduced(
        self, renderable: RenderableType | None, console: Console, *, always: bool
    ) -> RenderableType | None:
        """Return an update reduced to the cells that change, or None if there are none.

        Anything but an update is returned as it is. `always`: return an update with no cells also,
        since the cursor has moved.
        """
        if not isinstance(renderable, Update):
            return renderable
        changes = self.changes(renderable, console)
        return cast("RenderableType", Drawn(changes)) if changes or always else None

    def changes(self, update: Update, console: Console) -> str:
        """Return the escape sequences for an update, and record it as shown."""
        pen = _Pen(console._color_system or ColorSystem.TRUECOLOR)
        made: dict[int, list[Cell]] = {}
        for y, x, strip in _pieces(update):
            line = made.get(id(strip))  # the sides of a border repeat the same strip
            if line is None:
                line = made[id(strip)] = cells(strip)
            for first, last in self._take(y, x, line):
                pen.draw(x + first, y, line[first:last])
        return pen.lifted()

    def _take(self, y: int, x: int, after: list[Cell]) -> list[tuple[int, int]]:
        """Record cells as shown; returns the runs that differ from before."""
        line = self._lines.setdefault(y, [])
        end = x + len(after)
        if len(line) < end:
            line += [UNKNOWN] * (end - len(line))
        before = line[x:end]
        if before == after:
            return []
        line[x:end] = after
        if len(after) == 1:  # e.g. the sides of a border
            return [(0, 1)]
        return changed_runs(before, after)


class _Pen:
    """Encodes pieces of lines; emits cursor movements and styles only when they change."""

    def __init__(self, colors: ColorSystem) -> None:
        self._colors = colors
        self._sequences: list[str] = []
        self._at = (-1, -1)
        self._style = ""

    def draw(self, x: int, y: int, piece: Sequence[Cell]) -> None:
        """Append a piece of a line."""
        if self._at != (x, y):
            self._sequences.append(f"\x1b[{y + 1};{x + 1}H")
        self._at = (x + len(piece), y)
        for style, alike in groupby(piece, itemgetter(1)):
            text = "".join(map(itemgetter(0), alike))
            self._take(style._make_ansi_codes(self._colors) if style is not None else "")
            self._sequences.append(_CONTROL.sub("?", text))  # whatever a page has left unchecked

    def _take(self, style: str) -> None:
        if style != self._style:
            self._sequences.append(f"\x1b[0;{style}m" if style else "\x1b[0m")
            self._style = style

    def lifted(self) -> str:
        """Return all escape sequences, ending with the style reset."""
        self._take("")
        return "".join(self._sequences)


def _pieces(update: Update) -> Iterator[tuple[int, int, Strip]]:
    """Yield the pieces of lines of an update: line, first cell, strip."""
    if isinstance(update, Pieces):
        yield from update
        return
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, start, end in update.spans:
        pieces = zip(update.chop_ends[y], update.chops[y].items(), strict=False)
        for piece_end, (x, piece) in pieces:
            first, last = max(x, start), min(piece_end, end)
            if piece is not None and first < last:
                yield y, first, piece.crop(first - x, last - x)


def cells(strip: Strip) -> list[Cell]:
    """Return the cells of a line."""
    found: list[Cell] = []
    for text, style, _ in strip:
        if _each_takes_a_cell(text):
            found += [(one, style) for one in text]
            continue
        texts = _texts(text)
        if not cell_len(text[0]):  # zero width: belongs to the previous cell
            if found:
                found[-1] = (found[-1][0] + texts[0], found[-1][1])
            texts = texts[1:]
        found += [(one, style) for one in texts]
    return found


@lru_cache(maxsize=4096)
def _texts(text: str) -> tuple[str, ...]:
    """Return the content of each cell of a text."""
    found: list[str] = []
    for character in text:
        width = cell_len(character)
        if width or not found:
            found += [character, ""][: width or 1]
        else:
            found[-1] += character
    return tuple(found)


def changed_runs(before: Sequence[Cell], after: Sequence[Cell]) -> list[tuple[int, int]]:
    """Return the runs of cells in which two equally long lines differ; their ends are exclusive.

    In a line with composed characters, on whose width terminals disagree, the run extends to the
    end of the line. A wide character is never split.
    """
    runs: list[tuple[int, int]] = []
    different = [at for at, is_same in enumerate(map(eq, before, after)) if not is_same]
    for at in different:
        if runs and at - runs[-1][1] <= NEAR:
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
    if runs and max(map(len, map(itemgetter(0), chain(before, after)))) > 1:
        runs = [(runs[0][0], len(after))]
    texts = [*map(itemgetter(0), after), "end"]
    return [
        (first - (first > 0 and not texts[first]), last + (not texts[last])) for first, last in runs
    ]


class PageCompositor(Compositor):
    """Textual's compositor with cheaper partial updates.

    Textual's own renders whole lines of all widgets around a change.
    """

    def render_partial_update(self) -> Pieces | None:  # type: ignore[override]
        """Return the update for the changed regions."""
        changed = [region.intersection(self.size.region) for region in self._dirty_regions]
        self._dirty_regions.clear()
        pieces = Pieces()
        for widget, (region, clip) in self.visible_widgets.items():  # front to back
            seen = region.intersection(clip)
            covered = [place for one in changed if (place := one.intersection(seen))]
            if covered:
                changed = [part for one in changed for part in _outside(one, seen)]
            for place in covered:
                lines = widget.render_lines(place.translate(-region.offset))
                pieces += zip(place.line_range, repeat(place.x), lines)
        return pieces


def _outside(region: Region, other: Region) -> list[Region]:
    """Return the parts of a region outside another one."""
    if not region.overlaps(other):
        return [region]
    left, top, right, bottom = region.corners
    within = region.intersection(other)
    parts = (
        Region.from_corners(left, top, right, within.y),
        Region.from_corners(left, within.y, within.x, within.bottom),
        Region.from_corners(within.right, within.y, right, within.bottom),
        Region.from_corners(left, within.bottom, right, bottom),
    )
    return [part for part in parts if part]
