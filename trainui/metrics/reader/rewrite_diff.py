"""Compare a file that was rewritten with what is stored of it.

Many trainings rewrite their whole history for each record, or when a column is added. While the
records equal the stored ones, only new ones are added; from the first difference on, the file is
treated as another history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from trainui.metrics.formats.decoder import Decoded
from trainui.store.points.chunks import Points


class RewriteDiff:
    """Compares the records of a file, read from its start, with the stored ones."""

    def __init__(self, rows: int, known: Mapping[str, Points]) -> None:
        """Start with the number of stored records, and their points."""
        self._rows = rows
        self._known = known
        self._met = dict.fromkeys(known, 0)
        self.new: list[dict[str, Points]] = []
        """The points not stored yet; their ordinals are record numbers in the file."""
        self.diverged = False
        """True if the file differs from the stored history from some record on."""

    def compare(self, decoded: Decoded, first_row: int) -> None:
        """Compare the next records; points that are already stored are dropped."""
        end = self._rows - first_row
        known = {name: found for name, found in decoded.series.items() if name in self._known}
        differing = [self._first_difference(name, found, end) for name, found in known.items()]
        first = min((record for record in differing if record is not None), default=None)
        if first is not None:
            self.diverged, end = True, first
        new = {}
        for name, found in decoded.series.items():
            stored = _before(found, end) if name in known else 0
            if stored < len(found):
                fresh = found[stored:]
                new[name] = replace(fresh, ordinals=fresh.ordinals + first_row)
            if name in known:
                self._met[name] += stored
        self.new.append(new)

    def _first_difference(self, name: str, found: Points, end: int) -> int | None:
        """Return the first record before `end` that differs from the stored one."""
        found = found[: _before(found, end)]
        at = self._met[name]
        stored = self._known[name][at : at + len(found)]
        shared = found[: len(stored)]
        same = (shared.steps == stored.steps) & (
            (shared.values == stored.values) | (np.isnan(shared.values) & np.isnan(stored.values))
        )
        if not same.all():
            return int(found.ordinals[np.argmin(same)])
        return int(found.ordinals[len(stored)]) if len(stored) < len(found) else None

    def is_over(self, rows: int) -> bool:
        """Return True if the file, read up to this number of records, covers the stored ones."""
        return self.diverged or rows >= self._rows


def _before(found: Points, record: int) -> int:
    """Return the number of points that belong to records before this one."""
    return int(np.searchsorted(found.ordinals, record))
