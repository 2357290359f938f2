"""What a waiting user reads: why nothing of a run starts or ends, and what a stop has left.

Why no stage proceeds; that a disk is full; and, on ctrl+c in a command that changes a run, what was
already done.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from trainui import formatting, paths, settings, system
from trainui.cli import options, printing
from trainui.errors import StoppedError, StoreError
from trainui.model.states import Status
from trainui.store.db import engine, home_identity, sqlite_file

if TYPE_CHECKING:
    from trainui.model.records import StageRecord
    from trainui.store.read import event_feed
    from trainui.store.read.run_list import RunLine

_SEE = "see `trainui worker status`"


def reason(stages: Sequence[StageRecord]) -> str:
    """Return why no stage starts or no end is recorded; empty if one runs or is about to start.

    Lost stages are marked as such. In a home that is a copy, it says so.
    """
    if words := copied():
        return words
    states = {stage.status for stage in stages}
    if Status.RUNNING in states:
        lost = next((stage for stage in stages if stage.lost_at is not None), None)
        return unmonitored() if lost is None else f"{lost.name} is running?  {lost.reason}"
    if words := _stands(states):
        return words
    waiting = [stage for stage in stages if stage.status == Status.QUEUED]
    first = next((stage for stage in waiting if stage.reason not in (None, "starting")), None)
    return "" if first is None else f"{first.name} waits: {first.reason}"


def of_runs(runs: Sequence[RunLine]) -> str:
    """Return why listed runs do not proceed; empty if nothing is wrong."""
    if words := copied():
        return words
    if lost := [(run.name, run.lost.words) for run in runs if run.lost is not None]:
        return f"{formatting.first([name for name, _ in lost])} is running?  {lost[0][1]}"
    return _stands({run.status for run in runs})


def _stands(states: Collection[Status]) -> str:
    if Status.RUNNING in states and (words := unmonitored()):
        return words
    trouble = worker_trouble() if Status.QUEUED in states else ""
    if not trouble and Status.QUEUED in states:
        return paused()
    return f"nothing new starts: {trouble}; {_SEE}" if trouble else ""


def paused() -> str:
    """Return that the queue is paused, and what to do; empty if it is not, or cannot be read."""
    from trainui.store.read import views

    if engine.is_none_yet():
        return ""
    try:
        with options.view() as connection:
            is_paused = views.flag(connection, "paused") is not None
    except StoreError:
        return ""
    how = "`trainui worker unpause` lets the queue start stages again"
    return f"nothing new starts: the queue is paused; {how}" if is_paused else ""


def reader_absence() -> str:
    """Return why no metrics are read; empty if they are, or if no worker runs."""
    from trainui.execution.daemon import metrics_process

    return metrics_process.absence_words(paths.home())


def copied() -> str:
    """Return which home this one was copied from, and what to do; empty if it is no copy."""
    found = home_identity.standing_of(sqlite_file.store_file(), paths.home())
    return found.advice if found.words else ""


def unmonitored() -> str:
    """Return why the end of a running stage is not recorded; empty if a worker lives."""
    from trainui.execution import processes

    if sqlite_file.store_file() is None or processes.is_held(paths.home().worker_lock):
        return ""  # with a server, another host may run the stage
    trouble = worker_trouble()
    return f"running stages are not monitored: {trouble}; {_SEE}" if trouble else ""


def worker_trouble() -> str:
    """Return what prevents this host's worker from starting stages; empty if nothing does."""
    from trainui.execution import processes
    from trainui.execution.daemon import health

    home, database = paths.home(), sqlite_file.store_file()
    if database is None and not processes.is_worker_wanted(home):
        return ""  # another host may run the stage
    return health.brief(home, database).words


class DiskWatch:
    """Warns once when a disk is low, and again when it is full."""

    def __init__(self) -> None:
        self._reported: set[tuple[object, bool]] = set()

    def check(self) -> None:
        """Print new warnings on stderr."""
        for room in system.disk_spaces(paths.home().root, settings.runs_dir(settings.load())):
            state = (room.path, room.is_full)
            if room.is_low and state not in self._reported:
                self._reported.add(state)
                for words in system.disk_warnings([room]):
                    printing.note(f"! {words}")


CANCELLED = {"cancel", "cancelled"}
"""Kinds of the events that record a cancellation."""

REVIVED = {"pending"}
"""Kind of the event that records a resume or a rerun."""

_NEED_WORKER = {"cancel", *REVIVED}


@contextmanager
def report_on_stop(what: str) -> Iterator[None]:
    """Report `what` if the user stops the block; raise StoppedError then."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort) as error:  # the latter at a question
        raise StoppedError(f"stopped; {what}") from error


@contextmanager
def report_changes_on_stop(
    runs: Collection[str], kinds: Collection[str], what: str
) -> Iterator[None]:
    """If the user stops the block, report what was already stored, and have it carried out.

    `kinds` are the kinds of events that record the change; `what`, e.g. "resumed", is printed
    before the stages' names.

    Raises:
        StoppedError: the user pressed ctrl+c, and some of the change is stored.
        KeyboardInterrupt: nothing is stored.
    """
    last = 0
    if engine.exists():
        from trainui.store.read import event_feed

        with options.view() as connection:
            last = event_feed.last(connection)
    try:
        yield
        sys.stdout.flush()  # fails here if stdout is a closed pipe
    except KeyboardInterrupt as error:
        from trainui.execution.daemon import lifecycle
        from trainui.store.read import event_feed

        with options.view() as connection:
            found = event_feed.entries(connection, after=last)
        found = [one for one in found if one.run_id in runs and one.event.kind in kinds]
        if not found:
            raise
        if not _NEED_WORKER.isdisjoint(one.event.kind for one in found):
            lifecycle.ensure_started()
        raise StoppedError(_words(found, what)) from error


def _words(found: Collection[event_feed.FeedEntry], what: str) -> str:
    stages: dict[str, dict[str, None]] = {}
    for one in found:
        stages.setdefault(one.run_id, {})[one.event.stage or ""] = None
    return "\n".join(
        f"stopped, but {what}: {', '.join(names)}; see `trainui show {run_id}`"
        for run_id, names in stages.items()
    )
