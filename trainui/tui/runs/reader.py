"""Reads the data of the list of runs, in the reader thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from trainui.domain.states import Status
from trainui.store.db import protocol
from trainui.tui.data.snapshot import ListQuery, Snapshot
from trainui.tui.runs.cache import RunListCache

if TYPE_CHECKING:
    from trainui.tui.data.eta import Eta, EtaEstimator
    from trainui.tui.runs.headline_reader import HeadlineReader
    from trainui.tui.runs.metric_reader import MetricReader


class RunsPageReader:
    """Reads the runs, the first screenful first, and live data of the visible ones."""

    def __init__(self) -> None:
        self.unfinished = False
        """True if the last read left out slow parts, which the next one will read."""
        self._list = RunListCache()
        self._prophet: EtaEstimator | None = None
        self._live: HeadlineReader | None = None
        self._metrics: MetricReader | None = None

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
        endings = self._endings(connection)
        in_view = frozenset(query.rows)
        shown = [run for run in snapshot.runs if run.id in in_view] if in_view else []
        goals = self._prophet.goals if self._prophet is not None else {}
        live = self._live_reader().read(connection, shown, goals) if shown else {}
        metrics: Mapping[str, Mapping[str, float]] = {}
        if query.metrics:
            reader_of_metrics = self._metric_reader()
            metrics = reader_of_metrics.read(connection, query.metrics, snapshot.runs)
            self.unfinished = reader_of_metrics.unfinished
        return replace(snapshot, endings=endings, live=live, metrics=metrics)

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
