"""The activity of a stage: its last output and checkpoint, its progress, its headline metric."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.artifacts import checkpoints
from trainui.domain.headline_metric import headline
from trainui.domain.metric_direction import ComparedMetric
from trainui.domain.notifications import MARKED, NAN
from trainui.domain.records import AttemptRecord, Event, SeriesSummary, StageRecord
from trainui.domain.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.points import curves
from trainui.store.read import event_feed, headlines
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE
from trainui.text import harmless
from trainui.tui.data.stage_values import BestSteps
from trainui.tui.render.numbers import exact_step, number
from trainui.tui.run.details.log_progress import LogProgress, log_progress, most_steps, written_at

SEARCH_PERIOD = 5.0
"""Seconds between two searches for a running stage's checkpoints, and for its NaN values."""

MOST_ALERTS = 50
"""The newest alerts that are read."""

MOST_SHOWN = 3
"""The newest alerts that are shown."""

MOST_NONFINITE = 3
"""The most metrics with NaN or infinite values that are named."""


@dataclass(frozen=True, slots=True)
class StageActivity:
    """The activity of one attempt of a stage."""

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
    """The metrics with NaN or infinite values, and since when, as text."""
    alerts: str = ""
    """The newest other alerts of the attempt, as text."""


class ActivityReader:
    """Reads the activity of the selected stage, with a cache."""

    def __init__(self) -> None:
        self._steps = BestSteps()
        self._metric: tuple[Hashable, str] | None = None
        """The stage's id, the version of its points, if it runs and the earlier attempt, and its
        headline metric."""
        self._searched: tuple[Hashable, float] | None = None
        """When checkpoints were searched, of which stage and attempt; of an ended one also the
        version of its points."""
        self._checkpoint: tuple[str, int | None] = "", None
        self._nonfinite, self._alerts = "", ""
        self._last_step = 0
        self._progress: tuple[object, LogProgress | None] = None, None
        """The state of the logs, and the progress that their ends show."""

    def read(
        self,
        connection: Connection,
        stage: StageRecord,
        attempts: Sequence[AttemptRecord],
        *,
        earlier: bool = False,
    ) -> StageActivity:
        """Read the activity of the last attempt; of an `earlier` one, metrics by its own points."""
        if not attempts or attempts[-1].started_at is None:
            return StageActivity()
        own = stage.attempt if earlier else None
        logs = [Path(attempts[-1].directory) / name for name in (STDOUT_FILE, STDERR_FILE)]
        version = headlines.versions(connection, [stage.id]).get(stage.id)
        key = (stage.id, stage.attempt, own, None if stage.status == Status.RUNNING else version)
        known, now = self._searched, time.monotonic()
        if known is None or known[0] != key or now - known[1] > SEARCH_PERIOD:
            self._searched = (key, now)
            self._checkpoint = _newest_checkpoint(stage, attempts, earlier=earlier)
            series = curves.summaries(connection, [stage.id], attempt=own)
            found = event_feed.stage_alerts(connection, stage, MARKED, most=MOST_ALERTS)
            found = [one for one in found if own in (None, one[0].attempt)]
            self._nonfinite = _nonfinite_text(series, _first_steps(found))
            self._alerts = _alerts_text(stage, found)
            self._last_step = int(max((one.last_step or 0 for one in series), default=0))
        return StageActivity(
            max(filter(None, map(written_at, logs)), default=None),
            *self._checkpoint,
            self._progress_of(logs) if stage.status == Status.RUNNING else None,
            self._headline(connection, stage, version, own),
            self._nonfinite,
            self._alerts,
        )

    def _progress_of(self, logs: Sequence[Path]) -> LogProgress | None:
        """Return the log's progress; else the last step of those that its beginning announces."""
        state = [(log, _size(log), written_at(log)) for log in logs], self._last_step
        if self._progress[0] != state:
            found = log_progress(logs)
            total = most_steps(logs) if found is None and self._last_step else 0
            if total and self._last_step <= total:
                found = LogProgress("step", self._last_step, total)
            self._progress = state, found
        return self._progress[1]

    def _headline(
        self, connection: Connection, stage: StageRecord, version: int | None, own: int | None
    ) -> str:
        key = (stage.id, version, stage.status == Status.RUNNING, own)
        if self._metric is None or self._metric[0] != key:
            name = (
                headline(headlines.names_of(connection, stage.id), stage.definition.search)
                if version is not None
                else None
            )
            metric = ComparedMetric.of(name, stage.definition.search) if name is not None else None
            self._metric = key, "" if metric is None else self._text(connection, stage, metric, own)
        return self._metric[1]

    def _text(
        self, connection: Connection, stage: StageRecord, metric: ComparedMetric, own: int | None
    ) -> str:
        """Return e.g. `val/loss  best 0.0011 at step 17,760, last 0.0123 (lower is better)`."""
        found = curves.summaries(connection, [stage.id], metric.name, attempt=own)
        if not found:
            return ""
        series = found[0]
        last = f"last {number(series.last)}"
        best = series.min if metric.lower else series.max
        if metric.lower is None or best is None:
            return f"{harmless(metric.name)}  {last}"
        step = self._steps.read(connection, stage, metric, best) if own is None else None
        where = "" if step is None else f" at step {exact_step(step)}"
        words = f"{last} ({'lower' if metric.lower else 'higher'} is better)"
        return f"{harmless(metric.name)}  best {number(best)}{where}, {words}"


def _newest_checkpoint(
    stage: StageRecord, attempts: Sequence[AttemptRecord], *, earlier: bool
) -> tuple[str, int | None]:
    """Return the newest checkpoint and when it was written; of an earlier attempt, by its end."""
    if stage.definition.checkpoint is None:
        return "", None
    directories = [one.directory for one in attempts]
    where = checkpoints.search(stage.definition, stage.directory, directories)
    written = ((harmless(path.name), _modified_at(path)) for path in where.found)
    end = (attempts[-1].completed_at if earlier else None) or math.inf
    return next((one for one in written if (one[1] or 0) <= end), ("", None))


def _first_steps(found: Iterable[tuple[Event, Mapping[str, Any]]]) -> dict[str, int | float]:
    """Return the step of the first NaN or infinite value by metric, as far as it was recorded."""
    steps: dict[str, int | float] = {}
    for event, data in found:
        if _is_nan(event, data) and data.get("step") is not None:
            steps.setdefault(data.get("metric", ""), data["step"])
    return steps


def _is_nan(event: Event, data: Mapping[str, Any]) -> bool:
    return NAN in (event.kind, data.get("condition"))


def _alerts_text(stage: StageRecord, found: Iterable[tuple[Event, Mapping[str, Any]]]) -> str:
    """Return the newest alerts of the last attempt, one a line, and how many more there are."""
    words = [
        event.text.removeprefix(f"{stage.name}: ")
        for event, data in found
        if event.attempt == stage.attempt and not _is_nan(event, data)
    ]
    more = [f"{len(words) - MOST_SHOWN} earlier alerts"] if len(words) > MOST_SHOWN else []
    return "\n".join([*map(harmless, words[-MOST_SHOWN:]), *more])


def _nonfinite_text(series: Sequence[SeriesSummary], first_steps: Mapping[str, int | float]) -> str:
    """Return e.g. `NaN in loss since step 1,204: 850 of 2,000 points`; empty: all are finite."""
    bad = [one for one in series if one.nonfinite]
    named = []
    for one in bad[:MOST_NONFINITE]:
        step = first_steps.get(one.name)
        since = "" if step is None else f" since step {step:,}"
        counts = f"{one.nonfinite:,} of {one.count:,} points"
        named.append(f"NaN or infinite values in {harmless(one.name)}{since}: {counts}")
    more = [f"{len(bad) - MOST_NONFINITE} more metrics"] if len(bad) > MOST_NONFINITE else []
    return "; ".join([*named, *more])


def _size(log: Path) -> int:
    try:
        return plain_files.status(log).st_size
    except OSError:
        return 0


def _modified_at(path: Path) -> int | None:
    found = plain_files.look(path)
    return None if found is None else found.st_mtime_ns // 1000
