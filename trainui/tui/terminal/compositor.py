"""A compositor that renders only the regions that have changed."""

from __future__ import annotations

from itertools import repeat

from textual._compositor import Compositor
from textual.geometry import Region

from trainui.tui.terminal.cell_diff import Pieces


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
