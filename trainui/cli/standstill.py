"""Explains to a waiting user why no stage of a run starts or ends; warns that a disk is full."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from trainui import formatting, paths, settings, system
from trainui.cli import printing
from trainui.model.states import Status
from trainui.store.db import home_identity, sqlite_file

if TYPE_CHECKING:
    from trainui.model.records import StageRecord
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
    return f"nothing new starts: {trouble}; {_SEE}" if trouble else ""


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
        for room in system.spaces(paths.home().root, settings.runs_dir(settings.load())):
            state = (room.path, room.is_full)
            if room.is_low and state not in self._reported:
                self._reported.add(state)
                for words in system.warnings([room]):
                    printing.note(f"! {words}")
