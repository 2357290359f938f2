"""What a page's widgets look like together, made anew only where something has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class PageCompositor(Compositor):
    """Textual's, which for a change makes every line of all widgets around it: from the first line
    that differs to the last, most of them of a page."""

    _changed: Collection[Region] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what is to be drawn of what has changed."""
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterator[tuple[Region, Region, list[Strip]]]:
        """Yield places and their lines, those in front first."""
        if not self._changed:
            yield from super()._get_renders(crop)
            return
        open_yet = self._changed
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            changed = [one.intersection(seen) for one in open_yet if one.overlaps(seen)]
            if changed:
                rows = Region.from_union(changed)
                place = Region(seen.x, rows.y, seen.width, rows.height)
                yield place, place, widget.render_lines(place.translate(-region.offset))
                open_yet = [one for one in open_yet if not seen.contains_region(one)]
