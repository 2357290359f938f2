"""Reads the values of metrics that the list is filtered or sorted by, within a time budget."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence

from trainui.store.db import protocol
from trainui.store.read import headlines
from trainui.store.read.headlines import MetricOwner
from trainui.store.read.run_list import RunLine
from trainui.tui.data.stage_values import StageValues

BUDGET = 0.2
"""Seconds for one read; the rest is read next time."""


class MetricReader:
    """Reads a metric's value of every run, the one that the list shows."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._known: dict[tuple[str, str], tuple[Sequence[MetricOwner], float | None]] = {}
        """By metric and run id: the stages with the versions of their points, and the value."""
        self.unfinished = False
        """True if the time budget ended before all values were read."""

    def read(
        self, connection: protocol.Connection, names: Collection[str], runs: Collection[RunLine]
    ) -> Mapping[str, Mapping[str, float]]:
        """Return the values by metric and run id; NaN if the metric has NaN or infinities."""
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
        stages = headlines.compared_stages(connection, name)
        found = {}
        for run in runs:
            if (owners := stages.get(run.id)) is None:
                continue
            known = self._known.get((name, run.id))
            if known is None or known[0] != owners:
                if time.monotonic() > give_up_at:
                    self.unfinished = True
                else:
                    known = (owners, self._value(connection, owners, name))
                    self._known[name, run.id] = known
            if known is not None and known[1] is not None:
                found[run.id] = known[1]
        return found

    def _value(
        self, connection: protocol.Connection, owners: Sequence[MetricOwner], name: str
    ) -> float | None:
        best = self._values.best(connection, owners, name)
        if best is None:
            return None
        return math.nan if best[1].is_broken else best[1].value
