"""What is sent to the terminal for a partial update: the cells that changed, and no more.

Textual sends each changed line from the start of its widget on. Over a slow connection that is most
of what a live page costs.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, CompositorUpdate


class ChangedCells(CompositorUpdate):
    """An update of the same cells, cropped at the left, too."""

    def __init__(self, update: ChopsUpdate) -> None:
        self._update = update

    def render_segments(self, console: Console) -> str:
        """Return what the terminal is sent."""
        return "".join(self._sequences(console))

    def _sequences(self, console: Console) -> Iterator[str]:
        for y, start, end in self._update.spans:
            pieces = zip(self._update.chop_ends[y], self._update.chops[y].items(), strict=False)
            for piece_end, (x, strip) in pieces:
                first, last = max(x, start), min(piece_end, end)
                if strip is not None and first < last:
                    yield Control.move_to(first, y).segment.text
                    yield strip.crop(first - x, last - x).render(console)
