"""Waiting until the metrics of an attempt that has ended are read to their end.

Only then is the end recorded, so that whoever waited for a stage finds its curves complete. The
wait is bounded: a reader that gets nowhere must not keep a pipeline from going on.
"""

from __future__ import annotations

import threading
import time
from enum import Enum, auto
from pathlib import Path

from trainui.domain.records import AttemptRecord
from trainui.execution.attempt.context import AttemptContext
from trainui.metrics.reader import process
from trainui.store.db.engine import Store
from trainui.store.points import sources as point_sources
from trainui.store.runs import attempts, events, stages

PATIENCE = 30.0
"""Seconds for which nothing may be read."""

UNLOCKED = 5.0
"""Seconds of these in which the store can be written: a locked one is no fault of the reader."""

FIRST_LOOK, LONGEST_LOOK = 0.002, 0.1
"""Seconds between two looks: mostly the reader is done at once, and a successor waits."""


class FlushResult(Enum):
    """What came of the wait."""

    COMPLETE = auto()
    """All is read."""
    NOTHING = auto()
    """It left nothing to read, so nobody was waited for; that is not on record yet."""
    GIVEN_UP = auto()
    """Nothing was read for long; there is an event that says so."""
    LEFT = auto()
    """This worker is about to leave: the next one waits anew."""


def wait_until_read(
    store: Store, subject: AttemptContext, stopping: threading.Event, *, patience: float = PATIENCE
) -> FlushResult:
    """Wait until all metrics of an attempt are in the store.

    Args:
        store: where the reader puts them.
        subject: the attempt, whose process has ended.
        stopping: set when this worker is about to leave.
        patience: seconds for which nothing may be read.

    Raises:
        StoreError: the store cannot be used; the wait is to begin again.
    """
    from trainui.metrics.discovery import (
        sources,  # loads NumPy, which no stage's start has to wait for
    )

    attempt, definition = subject.attempt, subject.stage.definition
    place = sources.SearchDirectories(
        Path(attempt.directory), Path(subject.stage.directory), Path(definition.workdir)
    )
    if sources.is_silent(place, definition):
        return FlushResult.NOTHING
    process.wake()
    pause, read, since = FIRST_LOOK, -1, time.monotonic()
    writable_at: float | None = None
    while True:
        with store.read() as connection:
            if attempts.get(connection, attempt.id).metrics_complete:
                return FlushResult.COMPLETE
            found = point_sources.sources(connection, attempt.stage_id)
        if (now_read := sum(source.offset for source in found)) != read:
            read, since, writable_at = now_read, time.monotonic(), None
        elif time.monotonic() - since > patience:
            if writable_at is None:
                store.await_turn()
                writable_at = time.monotonic()
            elif time.monotonic() - writable_at > min(UNLOCKED, patience):
                _tell(store, attempt, patience)
                return FlushResult.GIVEN_UP
        if stopping.wait(pause):
            return FlushResult.LEFT
        pause = min(pause * 1.5, LONGEST_LOOK)


def _tell(store: Store, attempt: AttemptRecord, patience: float) -> None:
    text = f"its metrics may be incomplete: the reader got no further for {patience:g} s"
    with store.write() as connection:
        stage = stages.get(connection, attempt.stage_id)
        events.record(
            connection,
            stage.run_id,
            "metrics",
            f"{stage.name}: {text}",
            stage=stage.name,
            attempt=attempt.number,
        )
