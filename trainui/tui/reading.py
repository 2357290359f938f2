"""Reads from the store and from files what the screen wants to show: the work of the feed.

Everything here runs in the feed's thread, on a connection of its own.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from trainui.domain.records import AttemptRecord, SeriesSummary, StageRecord
from trainui.domain.states import Status
from trainui.store import curves, run_lines, views
from trainui.store.run_lines import RunLine
from trainui.text import harmless
from trainui.tui.log_tail import LogReader, size_of
from trainui.tui.snapshots import CurveData, LogTail, RunPage, StageDetail, Stream, Wanted

FIRST_RUNS = 200
"""Runs that the first frame shows; more than any terminal has lines."""

MOST_CURVES = 60
"""Metrics of a stage that are plotted."""


class RunList:
    """The list of runs, kept up to date by reading only those to which something happened."""

    def __init__(self) -> None:
        self._lines: dict[str, RunLine] = {}
        self._event = -1
        self._count = -1
        self.runs: tuple[RunLine, ...] = ()
        """Newest first."""
        self.loading = True
        """Only the first runs were read."""

    def first(self, connection: sqlite3.Connection) -> None:
        """Read as many runs as fill a screen."""
        self.runs = tuple(run_lines.run_lines(connection, limit=FIRST_RUNS))
        self.loading = len(self.runs) == FIRST_RUNS
        if not self.loading:
            self.reload(connection)

    def reload(self, connection: sqlite3.Connection) -> None:
        """Read all runs."""
        self._event = run_lines.last_event(connection)
        found = run_lines.run_lines(connection)
        self._lines = {line.id: line for line in found}
        self._count = len(found)
        self.runs = tuple(found)
        self.loading = False

    def update(self, connection: sqlite3.Connection) -> None:
        """Read the runs to which something happened since the last reading."""
        event = run_lines.last_event(connection)
        count = run_lines.count_runs(connection)
        if event == self._event and count == self._count:
            return
        changed = run_lines.changed_since(connection, self._event)
        fresh = run_lines.lines_of(connection, changed)
        if event < self._event or count != self._count + len(fresh.keys() - self._lines.keys()):
            self.reload(connection)
            return
        self._event, self._count = event, count
        added = [line for line in fresh.values() if line.id not in self._lines]
        self._lines.update(fresh)
        if added:
            newest_first = sorted(self._lines.values(), key=lambda run: (-run.created_at, run.id))
            self.runs = tuple(newest_first)
        else:
            self.runs = tuple(fresh.get(run.id, run) for run in self.runs)


class PageReader:
    """Reads a run's page, and of the selected stage its log and curves."""

    def __init__(self) -> None:
        self._log: LogReader | None = None
        self._plots: dict[tuple[str, str], tuple[tuple[object, ...], CurveData]] = {}

    def read(self, connection: sqlite3.Connection, wanted: Wanted) -> RunPage | None:
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
                    harmless(f"{found.key}: {found.problem}")
                    for found in curves.problems(connection, [selected.id])
                ),
            )
        return RunPage(run, stages, attempts, detail)

    def leave(self) -> None:
        """Follow no log any more."""
        self._log = None

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
        self, connection: sqlite3.Connection, stage: StageRecord, wanted: Wanted
    ) -> tuple[CurveData, ...] | None:
        if "numpy" not in sys.modules and not _has_series(connection, stage.id):
            return ()
        found = curves.summaries(connection, [stage.id])[:MOST_CURVES]
        return tuple(
            self._plot(connection, stage.id, series, wanted.plot_width) for series in found
        )

    def _plot(
        self, connection: sqlite3.Connection, owner: str, series: SeriesSummary, width: int
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


def _has_series(connection: sqlite3.Connection, owner: str) -> bool:
    found = connection.execute("SELECT 1 FROM series WHERE owner = ? LIMIT 1", (owner,))
    return found.fetchone() is not None
