"""Reads the last values of metrics that the list is filtered or sorted by, within a time budget."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from trainui.store.db import protocol
from trainui.store.points import curves
from trainui.store.read import headlines
from trainui.store.read.run_list import RunLine

BUDGET = 0.2
"""Seconds for one read; the rest is read next time."""


class MetricReader:
    """Reads a metric's last value of every run; again only after a point was stored."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[tuple[str, int], float | None]] = {}
        """By metric and run id: the stage with the version of its points, and the value."""
        self.unfinished = False
        """True if the time budget ended before all values were read."""

    def read(
        self, connection: protocol.Connection, names: Collection[str], runs: Collection[RunLine]
    ) -> Mapping[str, Mapping[str, float]]:
        """Return the values by metric and run id."""
        give_up_at = time.monotonic() + BUDGET
        self.unfinished = False
        return {name: self._read(connection, name, runs, give_up_at) for name in sorted(names)}

    def _read(
        self,
        connection: protocol.Connection,
        name: str,
        runs: Collection[RunLine],
        give_up_at: float,
    ) -> dict[str, float]:
        owners = headlines.owners_of(connection, name)
        found = {}
        for run in runs:
            if (owner := owners.get(run.id)) is None:
                continue
            known = self._known.get((name, run.id))
            if known is None or known[0] != owner:
                if time.monotonic() > give_up_at:
                    self.unfinished = True
                else:
                    known = (owner, _last(connection, owner[0], name))
                    self._known[name, run.id] = known
            if known is not None and known[1] is not None:
                found[run.id] = known[1]
        return found


def _last(connection: protocol.Connection, owner: str, name: str) -> float | None:
    found = curves.summaries(connection, [owner], name)
    return found[0].last if found else None
