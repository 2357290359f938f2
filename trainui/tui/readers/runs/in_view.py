"""Reads the data of the runs in view; imported after the first frame, which does without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainui.domain.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed, run_list
from trainui.store.read.run_list import RunDetails
from trainui.tui.data.cache import Cache
from trainui.tui.data.query import ListQuery
from trainui.tui.data.snapshot import Snapshot
from trainui.tui.readers.eta_estimator import EtaEstimator
from trainui.tui.readers.runs.headline_reader import HeadlineReader
from trainui.tui.readers.runs.metric_reader import MetricReader
from trainui.tui.readers.runs.sweep_reader import SweepReader
from trainui.tui.readers.runs.title_reader import TitleReader

PERIOD = 5.0
"""Seconds after which the second lines are read again: reasons to wait change without an event."""


class InViewReader:
    """Adds sweeps, estimated ends, live data, metrics and second lines to a snapshot."""

    def __init__(self) -> None:
        self._etas = EtaEstimator()
        self._live = HeadlineReader()
        self._metrics = MetricReader()
        self._sweeps = SweepReader()
        self._titles = TitleReader()
        self._second_lines = Cache[Mapping[str, RunDetails]](period=PERIOD)
        """For the runs in view and the newest event."""

    @property
    def unfinished(self) -> bool:
        """True if the last read left out slow parts, which the next one will read."""
        return self._sweeps.unfinished or self._metrics.unfinished or self._titles.unfinished

    def read(self, connection: Connection, query: ListQuery, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of all runs with the data that is read of visible runs only."""
        runs = self._sweeps.read(connection, snapshot.runs)
        by_id = {run.id: run for run in runs}
        running = [run.id for run in runs if run.status == Status.RUNNING and run.lost is None]
        endings = self._etas.of_list(connection, running) if running else {}
        shown = [by_id[run_id] for run_id in query.rows if run_id in by_id]
        gpus: dict[str, list[int]] = {}
        for (_, index), use in sorted(snapshot.gpu_uses.items(), key=lambda used: used[0][1]):
            gpus.setdefault(use.run_id, []).append(index)
        newest = [by_id[run_id] for run_id in query.listed if run_id in by_id]
        longest = max((len(",".join(map(str, found))) for found in gpus.values()), default=0)
        return snapshot._replace(
            runs=runs,
            endings=endings,
            live=self._live.read(connection, shown, self._etas.goals, gpus) if shown else {},
            metrics=self._metrics.read(connection, query.metrics, runs),
            listed=self._titles.read(connection, newest)._replace(gpus=longest),
            details=self._details(connection, query.rows) if query.details else {},
        )

    def _details(self, connection: Connection, rows: Sequence[str]) -> Mapping[str, RunDetails]:
        state = (rows, event_feed.last(connection))
        return self._second_lines.read(state, lambda: run_list.details_of(connection, rows))
