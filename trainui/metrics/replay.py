"""A rewritten file compared with what was stored of it: what is the same is not stored again.

Many trainings write their whole history anew for each record, or when a column comes. The rule
that lives here: as long as the records are those that are stored, only what is new counts; from
the first one that differs on, it is another history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from trainui.metrics.formats.table import Decoded, merge
from trainui.store.chunks import Points


class Replay:
    """Compares the records of a file, read from its start, with the stored ones."""

    def __init__(self, rows: int, known: Mapping[str, Points]) -> None:
        """Begin with the number of records that are stored, and their points."""
        self._rows = rows
        self._known = known
        self._met = dict.fromkeys(known, 0)
        self._new: list[dict[str, Points]] = []
        self.diverged = False
        """The file holds another history from some record on."""

    def compare(self, decoded: Decoded, first_row: int) -> None:
        """Take the next records; points that are stored already are dropped."""
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
        self._new.append(new)

    def _first_difference(self, name: str, found: Points, end: int) -> int | None:
        """Return the first record before `end` whose point is not the stored one."""
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
        """Tell whether the file, read up to a number of records, has caught up with the store."""
        return self.diverged or rows >= self._rows

    def new_points(self) -> dict[str, Points]:
        """Return what is not stored yet, ordinals being the numbers of records in the file."""
        return merge(self._new) if self._new else {}


def _before(found: Points, record: int) -> int:
    """Return how many points belong to records before one."""
    return int(np.searchsorted(found.ordinals, record))
