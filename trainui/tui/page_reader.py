"""Reads what a run's page shows: the work of the feed, in its thread."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from trainui.domain.records import AttemptRecord, SeriesSummary, StageRecord
from trainui.domain.states import Status
from trainui.store import curves, driver, views
from trainui.text import harmless
from trainui.tui.endings_ahead import Prophet
from trainui.tui.log_tail import LogReader, size_of
from trainui.tui.snapshots import CurveData, LogTail, RunPage, StageDetail, Stream, Wanted

MOST_CURVES = 60
"""Metrics of a stage that are plotted."""


class PageReader:
    """Reads a run's page, and of the selected stage its log and curves."""

    def __init__(self) -> None:
        self._log: LogReader | None = None
        self._prophet = Prophet()
        self._plots: dict[tuple[str, str], tuple[tuple[object, ...], CurveData]] = {}

    def read(self, connection: driver.Connection, wanted: Wanted) -> RunPage | None:
        """Read a page; None where the run is gone."""
        assert wanted.run_id is not None
        run = views.run(connection, wanted.run_id)
        if run is None:
            return None
        stages = tuple(views.stages(connection, wanted.run_id))
        attempts = views.attempts(connection, wanted.run_id)
        selected = next((stage for stage in stages if stage.name == wanted.stage), None)
        detail = None
        if selected is not None:
            tried = attempts.get(selected.id, [])
            detail = StageDetail(
                stage=selected.name,
                log=self._read_log(selected, tried, wanted) if wanted.log else None,
                curves=self._read_curves(connection, selected, wanted) if wanted.curves else None,
                problems=tuple(
                    harmless(found.problem) for found in curves.problems(connection, [selected.id])
                ),
            )
        ahead = self._prophet.look(connection, run, stages)
        return RunPage(run, stages, attempts, detail, ahead)

    def log_has_changed(self) -> bool:
        """Whether the log that was read last has grown or shrunk since."""
        return self._log is not None and size_of(self._log.path) != self._log.size

    def _read_log(
        self, stage: StageRecord, attempts: Sequence[AttemptRecord], wanted: Wanted
    ) -> LogTail | None:
        if not attempts:
            self._log = None
            return None
        directory = Path(attempts[-1].directory)
        stream = wanted.stream or _talkative(directory, stage.status)
        path = directory / f"{stream}.log"
        if self._log is None or self._log.path != path:
            self._log = LogReader(path)
        lines = self._log.read()
        other = "stderr" if stream == "stdout" else "stdout"
        return LogTail(
            path=str(path),
            stream=stream,
            lines=lines,
            size=self._log.size,
            other_size=size_of(directory / f"{other}.log"),
            cut=self._log.cut,
        )

    def _read_curves(
        self, connection: driver.Connection, stage: StageRecord, wanted: Wanted
    ) -> tuple[CurveData, ...] | None:
        if "numpy" not in sys.modules and not _has_series(connection, stage.id):
            return ()
        found = curves.summaries(connection, [stage.id])[:MOST_CURVES]
        return tuple(
            self._plot(connection, stage.id, series, wanted.plot_width) for series in found
        )

    def _plot(
        self, connection: driver.Connection, owner: str, series: SeriesSummary, width: int
    ) -> CurveData:
        """Read a series in columns, unless nothing of it has changed."""
        key = (owner, series.name)
        state = (series.count, series.superseded, series.last_step, width)
        known = self._plots.get(key)
        if known is not None and known[0] == state:
            return known[1]
        columns = curves.columns(connection, owner, series.name, width)
        data = CurveData(
            name=harmless(series.name),
            count=series.count,
            last=series.last,
            minimum=series.min,
            maximum=series.max,
            first_step=series.first_step,
            last_step=series.last_step,
            nonfinite=series.nonfinite,
            lows=tuple(columns.minimum.tolist()),
            highs=tuple(columns.maximum.tolist()),
        )
        if len(self._plots) > 4 * MOST_CURVES:
            self._plots.clear()
        self._plots[key] = (state, data)
        return data


def _talkative(directory: Path, status: Status) -> Stream:
    """Return the stream that tells more: of a failed stage that with the error."""
    first: Stream = "stderr" if status == Status.FAILED else "stdout"
    second: Stream = "stdout" if first == "stderr" else "stderr"
    if not size_of(directory / f"{first}.log") and size_of(directory / f"{second}.log"):
        return second
    return first


def _has_series(connection: driver.Connection, owner: str) -> bool:
    found = connection.execute("SELECT 1 FROM series WHERE owner = ? LIMIT 1", (owner,))
    return found.fetchone() is not None
