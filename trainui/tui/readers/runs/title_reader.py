"""Reads which metrics the list of runs has columns for, in the reader thread.

The columns follow from the newest runs that match the filter, in view or not, so that scrolling
changes none of them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from trainui.domain.headline_metric import headline
from trainui.domain.metric_direction import ComparedMetric
from trainui.store.db.protocol import Connection
from trainui.store.read import headlines
from trainui.store.read.run_list import RunLine
from trainui.tui.data.metric_values import metric_title
from trainui.tui.data.snapshot import ListedMetrics
from trainui.tui.readers.runs.headline_reader import MOST_KEPT

PERIOD = 5.0
"""Seconds after which an unfinished run's metric, or the lack of one, is read again."""


BUDGET = 0.1
"""Seconds that one read takes: of 200 sweeps with thousands of members it would take a second."""


class _KnownTitle(NamedTuple):
    run: RunLine
    read_at: float
    metric: ComparedMetric | None
    member: int
    """Width of the longest name of its sweep's members."""


class TitleReader:
    """Reads the headline metric's name of listed runs, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownTitle] = {}
        self.unfinished = False
        """True if the last read left out runs, which the next one will read."""

    def read(self, connection: Connection, runs: Sequence[RunLine]) -> ListedMetrics:
        """Return the titles of these runs' metrics."""
        if len(self._known) > max(MOST_KEPT, 2 * len(runs)):
            self._known.clear()
        found: list[_KnownTitle] = []
        begun = time.monotonic()
        for run in runs:
            if time.monotonic() - begun > BUDGET:
                break
            found.append(self._of(connection, run, begun))
        self.unfinished = len(found) < len(runs)
        metrics = [(metric_title(one.metric), one.metric) for one in found if one.metric]
        titles = Counter(title for title, _ in metrics)
        ((main, count),) = titles.most_common(1) or [("", 0)]
        main = main if 2 * count > titles.total() else ""
        return ListedMetrics(dict(metrics), main, max((one.member for one in found), default=0))

    def _of(self, connection: Connection, run: RunLine, now: float) -> _KnownTitle:
        known = self._known.get(run.id)
        if known is None or not _is_valid(known, run, now):
            stage = headlines.headline_stage(connection, run.id)
            name = None if stage is None else headline(stage.names, stage.search)
            metric = ComparedMetric.of(name, stage.search) if stage and name is not None else None
            member = 0
            if stage is not None:  # the best member, which is shown, may be any of them
                member = headlines.longest_member(connection, run.id, stage.name)
            self._known[run.id] = known = _KnownTitle(run, now, metric, member)
        return known


def _is_valid(known: _KnownTitle, run: RunLine, now: float) -> bool:
    is_final = known.metric is not None and run.completed_at is not None
    is_recent = now - known.read_at < PERIOD
    return known.run.completed_at == run.completed_at and (is_final or is_recent)
