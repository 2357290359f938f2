"""Follows the external runs in a thread, so that their files delay nothing else.

Records their ends, as their trackers recorded them or their processes show. A run that seems to
have ended is reopened when its files grow, and a study gets a stage for each new trial. An adopted
process is identified by its pid, its start time in clock ticks and the boot, so that neither a
reused pid nor a change of the clock confuses it with another.

Those on a remote file system are read and watched by a separate process, one for each, whose
argument is the mountpoint (`python -m trainui.execution.external MOUNT`). A process that accesses a
network file system whose server does not answer is blocked until it does, and cannot be killed. So
no other process accesses one.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import clock, paths, settings, system, wakeup
from trainui.execution import stall
from trainui.execution.daemon.metrics_process import MetricsProcess
from trainui.execution.processes import ServiceThread
from trainui.metrics.discovery import file_writers
from trainui.metrics.tail import UnreadableFileError
from trainui.model.definition import MetricSource
from trainui.model.states import Status
from trainui.plugin import Tracker, registry
from trainui.store.db.engine import Database
from trainui.store.points import write_points
from trainui.store.points.point_sources import SourceProblems
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import RESTING, WatchedStage
from trainui.store.runs.metrics_progress import AttemptToRead
from trainui.supervisor import supervise

if TYPE_CHECKING:
    from trainui.metrics.discovery.trainings import Job, Training

logger = logging.getLogger("trainui.execution.external")  # this module also runs as __main__

CANCEL_GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as the default of a stage."""

CANCEL_RECORD = "cancelled.json"
"""The record of a cancellation, in the attempt's directory."""

PERIOD = 5.0
"""Seconds between two checks of all external runs; adopted processes are checked in each pass."""

RESTING_PERIOD = 30.0
"""Seconds between two checks of the runs whose end no tracker has recorded."""

SETTLED = 5.0
"""Seconds without a change after which a new directory counts as complete, e.g. a job's."""

LATELY = 3600
"""Seconds for which a study or a multirun that has ended may begin another job."""

POLL_EVERY = 1.0
"""Seconds between two checks of what is due while the store does not change."""

SEARCH_EVERY = 5.0
"""Seconds between two searches for such runs while the store does not change."""

LEAST_PAUSE = 1.0
"""The least seconds between two searches, and between two polls of the processes."""


def is_adopted_alive(stage: WatchedStage) -> bool:
    """Return True if the adopted process still runs, and no other has got its pid."""
    external = stage.external
    is_this_boot = external.get("boot") == supervise.boot_id()
    return is_this_boot and _is_running(stage.pid or 0, external.get("ticks", -1))


class Cancellation:
    """The cancellation of one adopted process and all below it.

    It is on record, because a restarted worker cannot find children whose parent has ended.
    """

    def __init__(self, stage: WatchedStage) -> None:
        """Continue the cancellation that is on record; else begin: send SIGTERM."""
        self._file = Path(stage.attempt_directory, CANCEL_RECORD)
        record = system.read_object(self._file)
        if record is not None:
            self._asked_at = float(record["asked_at"])
            self._members = {(pid, ticks) for pid, ticks in record["members"]}
            if record["boot"] != supervise.boot_id():
                self._members = set()
            return
        self._asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        leader = (
            {(stage.pid or 0, int(stage.external["ticks"]))} if is_adopted_alive(stage) else set()
        )
        self._members = leader | _below(leader)
        self._write()  # first, so that none gets the signal twice
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    @property
    def is_over(self) -> bool:
        """True if none of the processes runs any more."""
        return not any(_is_running(*member) for member in self._members)

    def poll(self) -> None:
        """Find new children, and send SIGKILL if the grace period is over."""
        if more := _below(self._members) - self._members:
            self._members |= more
            self._write()
        if time.clock_gettime(time.CLOCK_BOOTTIME) - self._asked_at > CANCEL_GRACE:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for pid, ticks in self._members:
            supervise.send_signal(pid, ticks, number)

    def _write(self) -> None:
        members = sorted(self._members)
        value = {"boot": supervise.boot_id(), "asked_at": self._asked_at, "members": members}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            paths.write_private(self._file, json.dumps(value))
        except OSError as error:  # a full disk must not prevent a cancellation
            logger.warning("%s: %s; a restarted worker may miss children", self._file, error)


def _is_running(pid: int, ticks: int) -> bool:
    process = supervise.read_process(pid)
    return process is not None and not process.dead and process.ticks == ticks


def _below(members: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the processes that descend from members that run."""
    living = [one for one in supervise.list_processes() if not one.dead]
    roots = {one.pid for one in living if (one.pid, one.ticks) in members}
    return {(one.pid, one.ticks) for one in supervise.descendants(roots, living, {})}


def follow_files(store: Database, stage: WatchedStage) -> None:
    """Add the files that an adopted process or one below it has open, if they are new.

    A log that is read because there were no such files is dropped for the first one, unless it had
    metrics: they would be mixed.
    """
    opened = file_writers.written_by(stall.process_family(stage.pid or 0))
    if not (files := {path for path in opened if _is_usual(path)}):
        return
    with store.read() as connection:
        known = external_runs.sources(connection, stage.stage_id)
        new = sorted(files - {one.path for one in known})
        is_read = bool(write_points.names_by_source(connection, stage.stage_id, 1))
    others = [one for one in known if _is_usual(one.path or "")]
    if not new or (known and not others and is_read):
        return
    with store.write() as connection:
        found = (*others, *(MetricSource(path=path) for path in new))
        external_runs.set_sources(connection, stage.stage_id, found)
    wakeup.wake()


def _is_usual(path: str) -> bool:
    """Return True for a file with metrics for programs, by its name."""
    from trainui.metrics.discovery import default_sources  # imports NumPy

    return path.startswith("/") and default_sources.is_for_programs(Path(path))


class ExternalWatch:
    """Watches the unfinished external runs of a host."""

    def __init__(self, store: Database, host: str, mount: str = "") -> None:
        """Watch the runs on one remote file system, or with an empty `mount` those on local ones.

        Other remote file systems are not accessed: they may not answer.
        """
        self._store = store
        self._host = host
        self._mount = mount
        self._due = self._resting_due = 0.0
        self._adopted: list[WatchedStage] = []
        self._cancelled: dict[int, Cancellation] = {}
        """By attempt."""
        self._found: dict[str, tuple[Any, list[Training]]] = {}
        """By path: the state of its files, and the trainings that they are of."""
        self._unsettled = set[str]()
        """Paths of those whose files had just changed: they are read again at the next check."""
        self._changes: dict[int, int] = {}
        """By attempt that has ended: when its files had changed last at the last check."""
        self._changes_since_end: dict[str, int] = {}
        """By study or multirun that has ended: when its files had changed last."""
        self._unconfirmed: set[int] = set()
        """Attempts whose end was seen once, while their runs may begin another job."""
        self._jobs: dict[str, int] = {}
        """By run: how many jobs its training had when they were last compared with its stages."""

    def poll(self, *, changed: bool = True) -> None:
        """Check what is due, and record the ends; `changed` is False if the store is as before."""
        is_due = time.monotonic() >= self._due
        running = self._adopted
        if is_due or changed:
            with self._store.read() as connection:
                running = self._here(external_runs.running(connection, self._host))
        self._adopted = [one for one in running if one.pid is not None]
        self._cancel()
        ended = [(one, self._end_of(one)) for one in self._adopted if self._is_over(one)]
        if is_due:
            self._due = time.monotonic() + PERIOD
            self._found = {at: one for at, one in self._found.items() if at not in self._unsettled}
            self._unsettled.clear()
            ended += self._ended([one for one in running if one.pid is None])
            self._check_resting()
            for stage in self._adopted:
                if stage.external["kind"] == "process":  # else its directory is read
                    follow_files(self._store, stage)
        if ended:
            with self._store.write() as connection:
                for stage, status in ended:
                    path = stage.external["path"]
                    is_deleted = stage.pid is None and not Path(path).exists()
                    reason = f"{path} no longer exists; what was read of it is kept"
                    external_runs.end(connection, stage, status, reason if is_deleted else None)

    def _here(self, stages: Iterable[WatchedStage]) -> list[WatchedStage]:
        return [one for one in stages if one.remote_mount == self._mount]

    def _cancel(self) -> None:
        """Begin or continue the cancellations that were requested."""
        known, self._cancelled = self._cancelled, {}
        for one in self._adopted:
            if one.cancel_requested_at is not None:
                cancellation = known.get(one.attempt_id) or Cancellation(one)
                self._cancelled[one.attempt_id] = cancellation
                cancellation.poll()

    def _is_over(self, stage: WatchedStage) -> bool:
        """Return True if an adopted process has ended; a cancelled one with all below it."""
        cancellation = self._cancelled.get(stage.attempt_id)
        return not is_adopted_alive(stage) and (cancellation is None or cancellation.is_over)

    def _end_of(self, stage: WatchedStage) -> Status:
        """Return how an adopted process ended, as its tracker recorded if it was found by files."""
        if stage.cancel_requested_at is not None:
            return Status.CANCELLED
        is_found = stage.external["kind"] != "process"
        if not is_found or system.remote_mount(stage.directory, str(stage.external["path"])):
            return Status.ENDED
        status = self._state(stage, frozenset())
        return status if status in (Status.COMPLETED, Status.FAILED) else Status.ENDED

    def _ended(self, running: list[WatchedStage]) -> list[tuple[WatchedStage, Status]]:
        """Return the ends of stages that are known by their files."""
        written = file_writers.written() if running else frozenset()
        states = [(stage, self._state(stage, written)) for stage in running]
        later = self._changed_since_end()
        if later and not running:
            written = file_writers.written()
        grown = self._add_jobs([*running, *later], written)
        paths = {stage.external["path"] for stage in running}
        self._found = {path: known for path, known in self._found.items() if path in paths}
        ended = [(stage, status) for stage, status in states if status != Status.RUNNING]
        return self._confirmed(running, ended, grown)

    def _changed_since_end(self) -> list[WatchedStage]:
        """Return the studies and multiruns whose jobs had all ended, and that may have new ones.

        Between two trials none is running.
        """
        since = clock.now() - LATELY * clock.SECOND
        with self._store.read() as connection:
            stages = self._here(external_runs.may_begin_jobs(connection, self._host, since))
        before = self._changes_since_end
        self._changes_since_end = {stage.run_id: _changed_at(stage) for stage in stages}
        changed = [
            stage
            for stage in stages
            if before.get(stage.run_id) != self._changes_since_end[stage.run_id]
            or not _is_settled(before[stage.run_id])
        ]
        for stage in changed:
            with suppress(OSError, UnreadableFileError):
                self._trainings(stage.external["path"])
        return changed

    def _confirmed(
        self,
        running: Sequence[WatchedStage],
        ended: Sequence[tuple[WatchedStage, Status]],
        grown: set[str],
    ) -> list[tuple[WatchedStage, Status]]:
        """Return the ends, without those of studies and multiruns that may start another job soon.

        So a run does not end between two jobs: the end of its last job is recorded when a second
        check finds it. `grown` are the runs that have new jobs.
        """
        ends = {stage.attempt_id for stage, _status in ended}
        going = grown | {one.run_id for one in running if one.attempt_id not in ends}
        studies = {one.name for one in registry.records(Tracker) if one.has_jobs and one.database}
        unconfirmed = {
            one.attempt_id
            for one, _status in ended
            if one.run_id not in going
            and (one.external["kind"] in studies or self._jobs.get(one.run_id, 0) > 1)
        }
        first, self._unconfirmed = unconfirmed - self._unconfirmed, unconfirmed
        return [(one, status) for one, status in ended if one.attempt_id not in first]

    def _add_jobs(self, running: list[WatchedStage], written: frozenset[str]) -> set[str]:
        """Store the jobs that the trainings of some stages have begun since; return their runs."""
        if not running:
            return set()  # without the imports, NumPy among them
        from trainui.execution import external_stages

        runs = {(one.external["path"], one.external.get("run") or ""): one for one in running}
        grown = set[str]()
        for (path, run), stage in runs.items():
            for training in self._found.get(path, (None, []))[1]:
                known = self._jobs.get(stage.run_id)
                if training.run != run or len(training.jobs) == known or len(training.jobs) < 2:
                    continue
                states = external_stages.job_states([training], written)
                with self._store.write() as connection:
                    if external_stages.add_new_jobs(connection, stage.run_id, training, states):
                        grown.add(stage.run_id)
                        wakeup.wake()
                self._jobs[stage.run_id] = len(training.jobs)
        return grown

    def _check_resting(self) -> None:
        """Reopen the stages whose files have grown since their end; read those of other machines.

        A process of another machine is not seen to write them, e.g. on a network file system.
        """
        if time.monotonic() < self._resting_due:
            return
        self._resting_due = time.monotonic() + RESTING_PERIOD
        since = clock.now() - RESTING * clock.SECOND
        with self._store.read() as connection:
            resting = self._here(external_runs.resting(connection, self._host, since))
        before = self._changes
        self._changes = {stage.attempt_id: _changed_at(stage) for stage in resting}
        grown = [
            one
            for one in resting
            if _new_after(one) < self._changes[one.attempt_id] != before.get(one.attempt_id)
        ]
        written = file_writers.written() if grown else frozenset()
        for stage in grown:
            if self._state(stage, written) == Status.RUNNING:
                with self._store.write() as connection:
                    external_runs.reopen(connection, stage)
                wakeup.wake()
            elif (last := self._last_change(stage)) > _new_after(stage):  # by another machine
                with self._store.write() as connection:
                    external_runs.read_again(connection, stage, last)
                wakeup.wake()

    def _state(self, stage: WatchedStage, written: frozenset[str]) -> Status:
        """Return the state of a stage as its tracker and its processes show it now."""
        from trainui.metrics.discovery import trainings  # imports NumPy: not at the worker's start

        try:
            job = self._job(stage)
        except OSError:
            return Status.ENDED  # it was deleted, or cannot be read any more
        except UnreadableFileError:
            return Status.RUNNING  # a database, perhaps in the middle of a write
        return Status(trainings.state(job, written)) if job is not None else Status.ENDED

    def _last_change(self, stage: WatchedStage) -> int:
        """Return when a training wrote last, in microseconds since 1970; 0: unknown."""
        from trainui.metrics.discovery import trainings

        try:
            job = self._job(stage)
        except (OSError, UnreadableFileError):
            return 0
        return round(trainings.last_change(job) * clock.SECOND) if job is not None else 0

    def _job(self, stage: WatchedStage) -> Job | None:
        jobs = (
            job
            for one in self._trainings(stage.external["path"])
            for job in one.jobs
            if str(job.directory) == stage.directory
            and one.run == (stage.external.get("run") or "")
            and (len(one.jobs) == 1 or not one.run or job.name == stage.name)
        )
        return next(jobs, None)

    def _trainings(self, path: str) -> list[Training]:
        """Return the trainings at a path, which is read again only if files have changed there.

        One that has changed just now may change in its directories too, which is not seen.
        """
        from trainui.metrics.discovery import trainings

        now, place = _files(Path(path)), Path(path)
        known = self._found.get(path)
        if known is None or known[0] != now:
            known = self._found[path] = now, trainings.below(place)
            if place.is_dir() and not _is_settled(_newest(now)):
                self._unsettled.add(path)  # what changes in its directories is not seen
        return known[1]


def _new_after(stage: WatchedStage) -> int:
    """Return when a stage ended, and a second more: what was written last is not new."""
    return (stage.ended_at or 0) + clock.SECOND


def _changed_at(stage: WatchedStage) -> int:
    """Return when the files of a stage changed last, in microseconds since 1970; 0: unknown."""
    try:
        return _newest(_files(Path(stage.external["path"])))
    except OSError:
        return 0


def _newest(files: Iterable[tuple[str, int, int]]) -> int:
    """Return when any of some files changed last, in microseconds since 1970."""
    return max((modified for _name, modified, _size in files), default=0) // 1000


def _is_settled(changed: int) -> bool:
    return changed < clock.now() - SETTLED * clock.SECOND


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


class ExternalThread:
    """The external runs of this worker's host."""

    def __init__(
        self,
        store: Database,
        host: str,
        stopping: threading.Event,
        mount: str = "",
        may_look: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start nothing yet.

        `mount` is that of `ExternalWatch`; `may_look` returns False while the host is another
        worker's.
        """
        self._watch = ExternalWatch(store, host, mount)
        self._may_look = may_look
        self._has_changed = threading.Event()
        """Set if the store has changed since the last check, or that failed."""
        self._thread = ServiceThread("external runs", self._check, stopping)
        self.stop = self._thread.stop

    def poll(self, *, changed: bool) -> None:
        """Start the thread if it does not run, and wake it if the store has `changed`."""
        if changed:
            self._has_changed.set()
            self._thread.wake()
        self._thread.start()

    def _check(self) -> float:
        if self._may_look():
            if changed := self._has_changed.is_set():  # else a change of this moment would be lost
                self._has_changed.clear()  # before the check, which may miss a later change
            try:
                self._watch.poll(changed=changed)
            except Exception:
                self._has_changed.set()
                raise
        return POLL_EVERY


class RemoteProcesses:
    """The processes of this worker's host."""

    def __init__(self, store: Database, host: str) -> None:
        """Start nothing yet."""
        self._store = store
        self._host = host
        self._due = self._search_due = 0.0
        self._has_changed = True
        """True if the store has changed since the last search."""
        self._unread: dict[str, list[AttemptToRead]] = {}
        """By mountpoint, the attempts to read that the last search found."""
        self._processes: dict[str, MetricsProcess] = {}
        self._ending: list[MetricsProcess] = []
        self._reported: dict[int, str | None] = {}
        """By attempt: the problem that is stored."""

    def poll(self, *, changed: bool) -> None:
        """Start the processes that are needed, and end the others; nothing is waited for."""
        self._has_changed = self._has_changed or changed
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + LEAST_PAUSE
        if self._has_changed or now >= self._search_due:
            before, found = self._unread, dict[str, list[AttemptToRead]]()
            if system.has_remote():
                since = clock.now() - RESTING * clock.SECOND
                with self._store.read() as connection:
                    found = external_runs.remote_mounts(connection, self._host, since)
            self._unread = found
            self._has_changed, self._search_due = False, now + SEARCH_EVERY
            for mount in before.keys() - self._unread.keys():  # e.g. unmounted
                self._report(mount, before[mount], is_silent=False)
        for mount in self._processes.keys() - self._unread.keys():
            self._ending.append(self._processes.pop(mount))
            self._ending[-1].close()
        self._ending = [one for one in self._ending if not one.has_ended()]
        for mount, attempts in self._unread.items():
            if (process := self._processes.get(mount)) is None:
                process = self._processes[mount] = MetricsProcess(mount)
            process.poll()
            self._report(mount, attempts, is_silent=process.is_silent())

    def stop(self) -> None:
        """End all processes."""
        for process in (*self._processes.values(), *self._ending):
            process.kill()

    def _report(self, mount: str, attempts: list[AttemptToRead], *, is_silent: bool) -> None:
        """Record that a file system does not answer, or answers again."""
        problem = None
        if is_silent and not system.does_answer(mount, wait=False):
            problem = system.silence_message(mount)
        for attempt in attempts:
            if self._reported.get(attempt.attempt_id, "") != problem:
                SourceProblems(self._store, attempt).set(mount, problem)
                self._reported[attempt.attempt_id] = problem


def _watch(store: Database, stopping: threading.Event) -> None:
    ExternalThread(store, settings.host(), stopping, sys.argv[1]).poll(changed=False)


if __name__ == "__main__":
    from trainui.metrics.reader.__main__ import main  # imports NumPy: not in the worker

    main(sys.argv[1], _watch)
