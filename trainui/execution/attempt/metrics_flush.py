"""Waits until the metrics of an ended attempt are completely read.

The end is recorded only afterwards, so that a stage's curves are complete when it has ended. The
wait is bounded: a stuck reader must not block the pipeline.
"""

from __future__ import annotations

import threading
import time
from enum import Enum, auto
from pathlib import Path

from trainui import paths
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.execution.daemon import metrics_process
from trainui.metrics.reader import process
from trainui.model.records import AttemptRecord
from trainui.store.db.engine import Store
from trainui.store.points import point_sources as point_sources
from trainui.store.runs import attempts, runs, stages

PATIENCE = 30.0
"""Seconds without progress until the wait is given up."""

ABSENT_PATIENCE = 15.0
"""Seconds for which the reader may be absent: one that hangs is replaced earlier."""

UNLOCKED = 5.0
"""Seconds of these in which the store must be writable: a lock is not the reader's fault."""

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two polls, growing: usually the reader is done at once, and dependants wait."""


class FlushResult(Enum):
    """The result of the wait."""

    COMPLETE = auto()
    """All metrics are read."""
    NOTHING = auto()
    """It wrote no metrics, so there was no wait; that is not recorded yet."""
    GIVEN_UP = auto()
    """There was no progress for too long; an event was recorded."""
    LEFT = auto()
    """This worker is stopping; the next one waits again."""


def wait_until_read(
    store: Store, context: AttemptContext, stopping: threading.Event, *, patience: float = PATIENCE
) -> FlushResult:
    """Wait until all metrics of an attempt are in the store.

    The wait is given up after `patience` seconds without progress, if the reader is absent for
    longer than it takes to replace it, or when this worker is stopping.

    Raises:
        StoreError: the store cannot be used; call again.
    """
    from trainui.metrics.discovery import stage_sources

    attempt, definition = context.attempt, context.stage.definition
    place = stage_sources.SearchDirectories(
        Path(attempt.directory), Path(context.stage.directory), Path(definition.workdir)
    )
    if stage_sources.is_silent(place, definition):
        return FlushResult.NOTHING
    process.wake()
    pause, read, since = FIRST_PAUSE, -1, time.monotonic()
    writable_at: float | None = None
    while True:
        with store.read() as connection:
            if attempts.get(connection, attempt.id).metrics_complete:
                return FlushResult.COMPLETE
            found = point_sources.sources(connection, attempt.stage_id)
        absent = metrics_process.absence(paths.home())
        if (now_read := sum(source.offset for source in found)) != read:
            read, since, writable_at = now_read, time.monotonic(), None
        elif absent is not None and absent[0] > ABSENT_PATIENCE:
            _report(store, attempt, f"the reader {absent[1]}; they are read once it is back")
            return FlushResult.GIVEN_UP
        elif time.monotonic() - since > patience:
            if writable_at is None:
                store.await_writable()
                writable_at = time.monotonic()
            elif time.monotonic() - writable_at > min(UNLOCKED, patience):
                _report(store, attempt, f"the reader made no progress for {patience:g} s")
                return FlushResult.GIVEN_UP
        if stopping.wait(pause):
            return FlushResult.LEFT
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _report(store: Store, attempt: AttemptRecord, why: str) -> None:
    text = f"its metrics may be incomplete: {why}"
    with store.write() as connection:
        stage = stages.get(connection, attempt.stage_id)
        words = f"{stage.name}: {text}"
        runs.record_stage_event(connection, stage, "metrics", words, attempt=attempt.number)
