"""Records the ends of external runs: by their tracker's word, else by their processes."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from trainui.domain.states import Status
from trainui.metrics.discovery import process_files
from trainui.metrics.files.tail import UnreadableFileError
from trainui.store.db.engine import Store
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import RunningStage

if TYPE_CHECKING:
    from trainui.metrics.discovery.trainings import Training

PERIOD = 5.0
"""Seconds between two checks of all external runs; adopted processes are checked at each look."""

GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as the default of a stage."""


class ExternalWatch:
    """Watches the external runs of a host that had not ended."""

    def __init__(self, store: Store, host: str) -> None:
        self._store = store
        self._host = host
        self._due = 0.0
        self._adopted: list[RunningStage] = []
        self._cancelled: dict[int, tuple[float, list[psutil.Process]]] = {}
        """By attempt: when its processes got SIGTERM, and which they were."""
        self._found: dict[str, tuple[Any, list[Training]]] = {}
        """By path: the state of its files, and the trainings that they are of."""

    def look(self) -> None:
        """Check what is due, and record the ends."""
        ended = [(one, _end_of(one)) for one in self._adopted if self._is_over(one)]
        if ended or time.monotonic() >= self._due:
            self._due = time.monotonic() + PERIOD
            with self._store.read() as connection:
                running = external_runs.running(connection, self._host)
            self._adopted = [one for one in running if one.pid is not None]
            self._end_cancelled()
            ended = self._ended(running)
        if ended:
            with self._store.write() as connection:
                for stage, status in ended:
                    external_runs.end(connection, stage, status)

    def _end_cancelled(self) -> None:
        """Signal the processes of cancelled stages: SIGTERM once, SIGKILL after the grace."""
        now = time.monotonic()
        for stage in self._adopted:
            if stage.cancel_requested_at is None:
                continue
            if stage.attempt_id not in self._cancelled:
                self._cancelled[stage.attempt_id] = now, _family(stage)
                self._signal(stage, signal.SIGTERM)
            elif now - self._cancelled[stage.attempt_id][0] > GRACE:
                self._signal(stage, signal.SIGKILL)

    def _signal(self, stage: RunningStage, number: signal.Signals) -> None:
        for process in self._cancelled[stage.attempt_id][1]:
            with suppress(psutil.Error):
                process.send_signal(number)  # never to another process that has got its pid

    def _is_over(self, stage: RunningStage) -> bool:
        """Return True if an adopted process has ended; a cancelled one with all below it."""
        _, family = self._cancelled.get(stage.attempt_id, (0.0, []))
        return not _is_alive(stage) and not any(map(_runs, family))

    def _ended(self, running: list[RunningStage]) -> list[tuple[RunningStage, Status]]:
        found = [(one, _end_of(one)) for one in running if one.pid and self._is_over(one)]
        if others := [one for one in running if one.pid is None]:
            written = process_files.written()
            states = ((stage, self._state(stage, written)) for stage in others)
            found += [(stage, status) for stage, status in states if status != Status.RUNNING]
        paths = {stage.external["path"] for stage in running}
        self._found = {path: known for path, known in self._found.items() if path in paths}
        return found

    def _state(self, stage: RunningStage, written: frozenset[str]) -> Status:
        """Return the state of a stage as its tracker and its processes show it now."""
        from trainui.metrics.discovery import trainings  # imports NumPy: not at the worker's start

        try:
            found = self._trainings(stage.external["path"])
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

    def _trainings(self, path: str) -> list[Training]:
        """Return the trainings at a path, which is read again only if files have changed there."""
        from trainui.metrics.discovery import trainings

        now = _files(Path(path))
        known = self._found.get(path)
        if known is None or known[0] != now:
            known = self._found[path] = now, trainings.below(Path(path))
        return known[1]


def _end_of(stage: RunningStage) -> Status:
    return Status.ENDED if stage.cancel_requested_at is None else Status.CANCELLED


def _family(stage: RunningStage) -> list[psutil.Process]:
    """Return the adopted process and all below it; empty if it has ended."""
    try:
        process = psutil.Process(stage.pid or 0)
        return [process, *process.children(recursive=True)] if _is_alive(stage) else []
    except psutil.Error:
        return []


def _files(path: Path) -> list[tuple[str, int, int]]:
    """Return the names, times and sizes of the files in a directory, or of a file and those beside.

    Raises:
        OSError: the path does not exist, or cannot be read.
    """
    path.stat()
    directory = path if path.is_dir() else path.parent
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if path is directory or entry.name.startswith(path.name):
                status = entry.stat(follow_symlinks=False)
                found.append((entry.name, status.st_mtime_ns, status.st_size))
    return sorted(found)


def _is_alive(stage: RunningStage) -> bool:
    """Return True if the adopted process still runs, and no other has got its pid."""
    try:
        process = psutil.Process(stage.pid or 0)
        same = abs(process.create_time() - stage.external["started"]) < 1.0
        return same and _runs(process)
    except psutil.Error:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
