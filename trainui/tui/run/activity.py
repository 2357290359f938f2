"""The activity of a stage: its last output and checkpoint, its progress, its headline metric."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainui.artifacts import checkpoints
from trainui.domain.metric_direction import lower_is_better
from trainui.domain.records import AttemptRecord, SeriesSummary, StageRecord
from trainui.domain.states import Status
from trainui.execution.attempt.logs import end_lines
from trainui.store.db import protocol
from trainui.store.points import curves
from trainui.store.read import headlines
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.text import harmless
from trainui.tui.render.numbers import number
from trainui.tui.runs.headline_reader import headline

SEARCH_PERIOD = 5.0
"""Seconds between two searches for a running stage's checkpoints."""

PROGRESS_BYTES = 4096
"""The end of a log in which its progress is searched for."""

MOST_NONFINITE = 3
"""The most metrics with NaN or infinite values that are named."""

_PROGRESS = re.compile(
    r"\b(epoch|step|iter(?:ation)?|round|update)s?\b\W{0,3}(\d+)\s*(?:/|of)\s*(\d+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class LogProgress:
    """The progress that a log's last lines show, e.g. `epoch 27/30`."""

    unit: str
    done: int
    total: int

    @property
    def part(self) -> float:
        """The part that is done; the current unit counts as half."""
        return min(max(self.done - 0.5, 0.0) / self.total, 1.0)


@dataclass(frozen=True, slots=True)
class StageActivity:
    """The activity of a stage's last attempt."""

    output_at: int | None = None
    """When stdout or stderr was last written, in microseconds; None: nothing was written."""
    checkpoint: str = ""
    """The name of the newest checkpoint; empty: none."""
    checkpoint_at: int | None = None
    progress: LogProgress | None = None
    """None: the log shows none, or the stage is not running."""
    metric: str = ""
    """The headline metric with its best and last values, as text."""
    nonfinite: str = ""
    """The metrics with NaN or infinite values, as text."""


class ActivityReader:
    """Reads the activity of the selected stage, with a cache."""

    def __init__(self) -> None:
        self._metrics: tuple[tuple[str, int | None], tuple[str, str]] | None = None
        """The stage's id and the version of its points, and what they show."""
        self._checkpoint: tuple[tuple[str, int, Status], float, tuple[str, int | None]] | None = (
            None
        )
        """The stage's id, attempt and state, when it was searched, and the newest checkpoint."""

    def read(
        self,
        connection: protocol.Connection,
        stage: StageRecord,
        attempts: Sequence[AttemptRecord],
    ) -> StageActivity:
        """Read the activity of a stage's last attempt."""
        if not attempts or attempts[-1].started_at is None:
            return StageActivity()
        logs = [Path(attempts[-1].directory) / name for name in (STDOUT_FILE, STDERR_FILE)]
        metric, nonfinite = self._metrics_of(connection, stage)
        return StageActivity(
            max(filter(None, map(_written_at, logs)), default=None),
            *self._checkpoint_of(stage, attempts),
            log_progress(logs) if stage.status == Status.RUNNING else None,
            metric,
            nonfinite,
        )

    def _checkpoint_of(
        self, stage: StageRecord, attempts: Sequence[AttemptRecord]
    ) -> tuple[str, int | None]:
        if stage.definition.checkpoint is None:
            return "", None
        key, now = (stage.id, stage.attempt, stage.status), time.monotonic()
        known = self._checkpoint
        if known is None or known[0] != key or now - known[1] > SEARCH_PERIOD:
            directories = [one.directory for one in attempts]
            where = checkpoints.search(stage.definition, stage.directory, directories)
            newest = next(iter(where.found), None)
            found = ("", None) if newest is None else (harmless(newest.name), _modified_at(newest))
            self._checkpoint = known = (key, now, found)
        return known[2]

    def _metrics_of(self, connection: protocol.Connection, stage: StageRecord) -> tuple[str, str]:
        key = (stage.id, headlines.versions(connection, [stage.id]).get(stage.id))
        if self._metrics is None or self._metrics[0] != key:
            series = [] if key[1] is None else curves.summaries(connection, [stage.id])
            self._metrics = (key, (_headline_text(series), _nonfinite_text(series)))
        return self._metrics[1]


def log_progress(logs: Sequence[Path]) -> LogProgress | None:
    """Return the progress in the last lines of logs; the newest one if both show some."""
    for log in sorted(logs, key=lambda one: _written_at(one) or 0, reverse=True):
        for line in reversed(end_lines(log, PROGRESS_BYTES)):
            for unit, done, total in reversed(_PROGRESS.findall(line)):
                if int(total) > 0 and int(done) <= int(total):
                    return LogProgress(unit.lower(), int(done), int(total))
    return None


def _headline_text(series: Sequence[SeriesSummary]) -> str:
    """Return e.g. `val/loss  best 0.0011 (lowest), last 0.0123`; empty without metrics."""
    by_name = {one.name: one for one in series}
    name = headline(list(by_name))
    if name is None:
        return ""
    found, lower = by_name[name], lower_is_better(name)
    last = f"last {number(found.last)}"
    if lower is None:
        return f"{harmless(name)}  {last}"
    best = f"best {number(found.min if lower else found.max)} ({'lowest' if lower else 'highest'})"
    return f"{harmless(name)}  {best}, {last}"


def _nonfinite_text(series: Sequence[SeriesSummary]) -> str:
    """Return e.g. `NaN or infinite: loss (850 of 2,000 points)`; empty if all are finite."""
    bad = [one for one in series if one.nonfinite]
    named = [
        f"{harmless(one.name)} ({one.nonfinite:,} of {one.count:,} points)"
        for one in bad[:MOST_NONFINITE]
    ]
    more = [f"{len(bad) - MOST_NONFINITE} more metrics"] if len(bad) > MOST_NONFINITE else []
    return f"NaN or infinite: {', '.join([*named, *more])}" if bad else ""


def _written_at(log: Path) -> int | None:
    """Return when a log was last written; None if it is empty or missing."""
    try:
        status = log.stat()
    except OSError:
        return None
    return status.st_mtime_ns // 1000 if status.st_size else None


def _modified_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return None
