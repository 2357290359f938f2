"""Records the ends of external runs: by their tracker's word, else by their processes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

from trainui.domain.states import Status
from trainui.metrics.discovery import process_files
from trainui.metrics.files.tail import UnreadableFileError
from trainui.store.db.engine import Store
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import RunningStage

PERIOD, PROCESS_PERIOD = 5.0, 0.5
"""Seconds between two checks: of all external runs, and of adopted processes."""


GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as the default of a stage."""


class ExternalWatch:
    """Watches the external runs of a host that had not ended."""

    def __init__(self, store: Store, host: str) -> None:
        self._store = store
        self._host = host
        self._due = 0.0
        self._adopted: list[RunningStage] = []
        self._signalled: dict[int, float] = {}
        """When the processes of a cancelled attempt got their first signal."""

    def look(self) -> None:
        """Check what is due, and record the ends."""
        ended = [(one, _end_of(one)) for one in self._adopted if not _is_alive(one)]
        if ended or time.monotonic() >= self._due:
            self._due = time.monotonic() + PERIOD
            with self._store.read() as connection:
                running = external_runs.running(connection, self._host)
            self._adopted = [one for one in running if one.pid is not None]
            self._end_cancelled()
            ended = _ended(running)
        if ended:
            with self._store.write() as connection:
                for stage, status in ended:
                    external_runs.end(connection, stage, status)

    def _end_cancelled(self) -> None:
        """Signal the processes of cancelled stages: TERM, and KILL after the grace period."""
        asked = [one for one in self._adopted if one.cancel_requested_at is not None]
        for stage in asked:
            since = self._signalled.setdefault(stage.attempt_id, time.monotonic())
            late = time.monotonic() - since > GRACE
            for process in _family(stage):
                with suppress(psutil.Error):
                    process.kill() if late else process.terminate()

    @property
    def period(self) -> float:
        """Seconds until the next check is due."""
        return PROCESS_PERIOD if self._adopted else PERIOD


def _ended(running: list[RunningStage]) -> list[tuple[RunningStage, Status]]:
    found = [(one, _end_of(one)) for one in running if one.pid is not None and not _is_alive(one)]
    if others := [one for one in running if one.pid is None]:
        written = process_files.written()
        states = ((stage, _state(stage, written)) for stage in others)
        found += [(stage, status) for stage, status in states if status != Status.RUNNING]
    return found


def _end_of(stage: RunningStage) -> Status:
    return Status.ENDED if stage.cancel_requested_at is None else Status.CANCELLED


def _family(stage: RunningStage) -> list[psutil.Process]:
    """Return the adopted process and all below it; empty if it has ended."""
    try:
        process = psutil.Process(stage.pid or 0)
        return [process, *process.children(recursive=True)] if _is_alive(stage) else []
    except psutil.Error:
        return []


def _state(stage: RunningStage, written: frozenset[str]) -> Status:
    """Return the state of a stage as its tracker and its processes show it now."""
    from trainui.metrics.discovery import trainings  # imports NumPy: not at the worker's start

    try:
        found = trainings.below(Path(stage.external["path"]))
    except OSError:
        return Status.ENDED  # it was deleted, or cannot be read any more
    except UnreadableFileError:
        return Status.RUNNING  # a database, perhaps in the middle of a write
    jobs = [
        job
        for one in found
        for job in one.jobs
        if str(job.directory) == stage.directory
        and one.run == (stage.external.get("run") or "")
        and (len(one.jobs) == 1 or not one.run or job.name == stage.name)
    ]
    return Status(trainings.state(jobs[0], written)) if jobs else Status.ENDED


def _is_alive(stage: RunningStage) -> bool:
    """Return True if the adopted process still runs, and no other has got its pid."""
    try:
        process = psutil.Process(stage.pid or 0)
        same = abs(process.create_time() - stage.external["started"]) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
