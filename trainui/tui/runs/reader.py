"""Reads the data of the list of runs, in the reader thread."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from trainui.domain.states import Status
from trainui.store.db import protocol
from trainui.store.read import event_feed, gpu_use, run_details
from trainui.tui.data.snapshot import ListQuery, Snapshot
from trainui.tui.runs.cache import RunListCache

if TYPE_CHECKING:
    from trainui.store.read.run_details import RunDetails
    from trainui.tui.data.eta import Eta, EtaEstimator
    from trainui.tui.runs.headline_reader import HeadlineReader
    from trainui.tui.runs.metric_reader import MetricReader
    from trainui.tui.runs.sweep_reader import SweepReader
    from trainui.tui.runs.title_reader import TitleReader

PERIOD = 5.0
"""Seconds after which the second lines are read again: reasons to wait change without an event."""


class RunsPageReader:
    """Reads the runs, the first screenful first, and live data of the visible ones."""

    def __init__(self) -> None:
        self.unfinished = False
        """True if the last read left out slow parts, which the next one will read."""
        self._list = RunListCache()
        self._prophet: EtaEstimator | None = None
        self._live: HeadlineReader | None = None
        self._metrics: MetricReader | None = None
        self._sweeps: SweepReader | None = None
        self._titles: TitleReader | None = None
        self._details_of: object = None
        """The runs and the newest event for which the second lines were read."""
        self._details_at = 0.0
        self._second_lines: Mapping[str, RunDetails] = {}

    def forget(self) -> None:
        """Read the whole list again next time."""
        self._list = RunListCache()

    def read(
        self, connection: protocol.Connection, query: ListQuery, snapshot: Snapshot
    ) -> Snapshot:
        """Return the snapshot with the runs in it."""
        if self._list.loading and self._list.runs:
            self._list.reload(connection)
        elif self._list.loading:
            self._list.first(connection)
        else:
            self._list.update(connection)
        self.unfinished = self._list.loading and bool(self._list.runs)
        snapshot = replace(snapshot, runs=self._list.runs, loading=self._list.loading)
        return self._with_what_is_in_view(connection, query, snapshot)

    def _with_what_is_in_view(
        self, connection: protocol.Connection, query: ListQuery, snapshot: Snapshot
    ) -> Snapshot:
        """Add the data that is read of visible runs only; not to the first snapshot."""
        if snapshot.loading or not snapshot.runs:
            return snapshot
        sweeps = self._sweep_reader()
        snapshot = replace(snapshot, runs=sweeps.read(connection, snapshot.runs))
        self.unfinished = self.unfinished or sweeps.unfinished
        endings = self._endings(connection)
        by_id = {run.id: run for run in snapshot.runs}
        shown = [by_id[run_id] for run_id in query.rows if run_id in by_id]
        goals = self._prophet.goals if self._prophet is not None else {}
        is_live = any(run.status == Status.RUNNING for run in snapshot.runs)
        gpus = gpu_use.by_run(connection) if is_live else {}
        live = self._live_reader().read(connection, shown, goals, gpus) if shown else {}
        metrics: Mapping[str, Mapping[str, float]] = {}
        if query.metrics:
            reader_of_metrics = self._metric_reader()
            metrics = reader_of_metrics.read(connection, query.metrics, snapshot.runs)
            self.unfinished = self.unfinished or reader_of_metrics.unfinished
        titles = self._title_reader()
        newest = [by_id[run_id] for run_id in query.listed if run_id in by_id]
        listed = titles.read(connection, newest)
        self.unfinished = self.unfinished or titles.unfinished
        longest = max((len(",".join(map(str, found))) for found in gpus.values()), default=0)
        return replace(
            snapshot,
            endings=endings,
            live=live,
            metrics=metrics,
            listed=listed._replace(gpus=longest),
            details=self._details(connection, query),
        )

    def _details(
        self, connection: protocol.Connection, query: ListQuery
    ) -> Mapping[str, RunDetails]:
        """Return the second lines of the runs in view; read again after an event or a while."""
        if not query.details:
            return {}
        state, now = (query.rows, event_feed.last(connection)), time.monotonic()
        if self._details_of != state or now - self._details_at > PERIOD:
            self._details_of, self._details_at = state, now
            self._second_lines = run_details.of_runs(connection, query.rows)
        return self._second_lines

    def _endings(self, connection: protocol.Connection) -> Mapping[str, Eta]:
        """Return the estimated ends of running runs; not for the first snapshot."""
        running = [run.id for run in self._list.runs if run.status == Status.RUNNING]
        if not running or self._list.loading:
            return {}
        if self._prophet is None:
            from trainui.tui.data.eta import EtaEstimator

            self._prophet = EtaEstimator()
        return self._prophet.of_list(connection, running)

    def _live_reader(self) -> HeadlineReader:
        if self._live is None:
            from trainui.tui.runs.headline_reader import HeadlineReader

            self._live = HeadlineReader()
        return self._live

    def _metric_reader(self) -> MetricReader:
        if self._metrics is None:
            from trainui.tui.runs.metric_reader import MetricReader

            self._metrics = MetricReader()
        return self._metrics

    def _sweep_reader(self) -> SweepReader:
        if self._sweeps is None:
            from trainui.tui.runs.sweep_reader import SweepReader

            self._sweeps = SweepReader()
        return self._sweeps

    def _title_reader(self) -> TitleReader:
        if self._titles is None:
            from trainui.tui.runs.title_reader import TitleReader

            self._titles = TitleReader()
        return self._titles
