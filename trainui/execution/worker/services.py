"""The worker's services besides Celery tasks: attempt monitor, planner, metrics, notifications.

Two of them only warn: of code that changed after its run was submitted (git is called in a separate
thread, so nothing waits for it), and of a GPU that fails while a stage uses it. Such a stage is not
stopped: its process notices the failure itself, and its end is recorded as usual.
"""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from trainui import paths, system, wakeup
from trainui import settings as settings_module
from trainui.clock import SECOND
from trainui.errors import SchemaRefusedError, StoreLockedError, TrainuiError, UnfitEnvironmentError
from trainui.execution import gpus, planner, processes
from trainui.execution.attempt import executors
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.daemon import health
from trainui.execution.daemon.metrics_process import MetricsProcess
from trainui.execution.external import ExternalThread, RemoteProcesses
from trainui.execution.planner import Planner, here, host
from trainui.execution.processes import RespawnedProcess, ServiceThread, log_failure
from trainui.execution.stall import NEVER, StallAlerts, StallDetector
from trainui.execution.worker.celery_app import QueueRecord, QueueWatch, TaskSender
from trainui.execution.worker.member_threads import EvaluationThread, SearchThread
from trainui.execution.worker.notifications import DigestSender, Notifier
from trainui.model.records import AttemptRecord, HostRecord, StageRecord, WaitReason
from trainui.model.states import Status
from trainui.resume import code_version
from trainui.settings import Settings
from trainui.store import hosts
from trainui.store.db import engine, home_identity, postgres, sqlite_file, statements
from trainui.store.db.engine import Database, open_store
from trainui.store.db.statements import Connection
from trainui.store.hosts import LogRequest
from trainui.store.read import views
from trainui.store.runs import attempts, runs, stages
from trainui.store.runs.attempts import StartedAttempt
from trainui.supervisor.process import ForkServer
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE, TIMES_FILE

logger = logging.getLogger(__name__)

ANNOUNCE_EVERY = 10.0
"""Seconds between two heartbeats."""

LOOKED_AT = 500
"""Number of queued stages checked for an unavailable host in one pass."""

SHOWN_FILES = (STDOUT_FILE, STDERR_FILE, TIMES_FILE)
"""Files of an attempt that may be requested."""

RELAY_EVERY = 2.0
"""Seconds between two polls if no notification arrives."""

DRIFT_EVERY = 1.0
"""Least seconds between two checks of the code."""

DRIFT_SHARE = 20
"""A pause is this many times as long as the check before it: git is slow on large repositories."""

IDS_BACK = 500
"""How far below the newest started attempt's id others are expected to start still: ids are given
when slots are granted, and far fewer attempts are granted at once."""

STOP_WITHIN = 2.0
"""Seconds for each thread to end; the worker as a whole exits within five."""

LEAST_PAUSE = 0.05
"""Seconds to wait after a failed service call."""

GUARD_EVERY = 1.0
"""Seconds between two checks that the guard runs."""

SCHEMA_EVERY = 2.0
"""Seconds between two checks that no other installation has upgraded the store."""

STAGES_EVERY = 5.0
"""Seconds between two checks of running stages: their GPUs, and whether they are stalled. A check
costs a few milliseconds while GPUs are in use; a silence shorter than a minute does not matter."""

ALIVE_EVERY = 10.0
"""Seconds between two notes that the worker is alive, made while a run is active."""


# What this host does for others that share its database: a heartbeat, and parts of its logs.
#
# Nothing is assumed about a host without a heartbeat: its stages stay `running`, with a warning.
# Only that host's own worker records how they ended. Only the logs of recorded attempts can be
# requested, by their fixed names.


class HostHeartbeat:
    """Sends this host's heartbeat, if the database is shared."""

    def __init__(self, store: Database, settings: Settings) -> None:
        self._store = store
        self._here = planner.here(settings)
        self._settings = settings
        self._announced_at = -ANNOUNCE_EVERY
        self.is_ours = True
        """True if this worker is the registered worker of its host."""

    def poll(self) -> None:
        """Send a heartbeat if one is due, and warn about stages on silent hosts.

        Raises:
            UnfitEnvironmentError: the worker of another home is registered for this host.
        """
        now = time.monotonic()
        if self._here is None or now - self._announced_at < ANNOUNCE_EVERY:
            return
        places: list[dict[str, Any]] = [
            *({"kind": "cpu", "index": number} for number in range(self._settings.cpus)),
            *map(_gpu_place, gpus.usable_gpus(self._settings).gpus),
        ]
        with self._store.write() as connection:
            other = hosts.announce(
                connection,
                self._here.host,
                home=home_identity.id_of(paths.home()),
                place=self._here.place,
                slots=places,
                queues=self._here.queues,
            )
            if other is None:
                _warn_of_silent_hosts(connection, self._here.host)
        self._announced_at, self.is_ours = now, other is None
        if not self.is_ours:
            raise UnfitEnvironmentError(
                f"the worker of another home is already registered for the host {self._here.host}; "
                "set TRAINUI_HOST to another name here"
            )


def _warn_of_silent_hosts(connection: Connection, here: str) -> None:
    """Warn about stages on silent hosts, and clear such warnings on the stages of this host."""
    known = hosts.known(connection)
    for stage in views.running_on(connection, here):
        if stage.reason_host not in (None, here):
            stages.warn(connection, stage.id, None)
    for other in known.values():
        if other.name != here and other.seconds >= hosts.SILENT_AFTER:
            for stage in views.running_on(connection, other.name):
                (*_, attempt) = views.attempts_of_stage(connection, stage.id)
                silent = executors.unseen_words(attempt, executors.silence_of(other))
                stages.warn(connection, stage.id, silent, host=here)
    waiting = attempts.queued(connection, limit=LOOKED_AT)
    reasons = {
        stage.id: WaitReason(words)
        for stage in waiting
        if stage.definition.host and (words := _unavailable_host(connection, stage, known))
    }
    stages.set_reasons(connection, reasons)


def _unavailable_host(
    connection: Connection, stage: StageRecord, known: Mapping[str, HostRecord]
) -> str | None:
    """Return why a stage cannot run on the host that it asks for; None if it can."""
    wanted = str(stage.definition.host)
    host = known.get(wanted)
    if host is None or host.seconds >= hosts.SILENT_AFTER:
        return f"asks for the host {wanted}, which has no active worker"
    submitted_on, place = runs.place_of(connection, stage.run_id)
    if wanted != submitted_on and (place is None or place != host.place):
        return (
            f"asks for the host {wanted}, which has another directory of runs than {submitted_on}: "
            "set runs_dir to a directory on a file system that both share"
        )
    return None


def _gpu_place(gpu: gpus.Gpu) -> dict[str, Any]:
    """Return the slot of a GPU as JSON, with the state that other hosts show."""
    place = {
        "kind": "gpu",
        "index": gpu.index,
        "name": gpu.name,
        "memory": gpu.memory_total,
        "used": gpu.memory_used,
        "utilisation": gpu.utilisation,
        "temperature": gpu.temperature,
        "power": None if gpu.power is None else round(gpu.power),
        "user": gpus.stranger_on(gpu),
        "problem": gpu.problem,
    }
    return {name: value for name, value in place.items() if value is not None}


class LogRelay:
    """Answers log requests to this host, in a separate thread."""

    def __init__(self, store: Database, settings: Settings, stopping: threading.Event) -> None:
        self._store = store
        self._url = settings.database_url
        self._host = settings_module.host(settings)
        self._stopping = stopping

    @property
    def is_needed(self) -> bool:
        """True if the database is shared with other hosts."""
        return self._url is not None

    def poll(self) -> None:
        """Answer all open requests."""
        with self._store.read() as connection:
            due = hosts.unanswered(connection, self._host)
        for one in due:
            words, data = answer_request(one)
            with self._store.write() as connection:
                hosts.answer(connection, one.id, words, data)

    def serve(self) -> None:
        """Answer requests until the worker stops or the connection fails."""
        assert self._url is not None
        with (
            postgres.explained(self._url),
            closing(postgres.connect(self._url, autocommit=True)) as connection,
        ):
            hosts.listen(connection)
            while not self._stopping.is_set():
                self.poll()
                for _ in connection.notifies(timeout=RELAY_EVERY, stop_after=1):
                    pass


def answer_request(asked: LogRequest) -> tuple[dict[str, Any], bytes]:
    """Return the answer to a request: metadata and bytes."""
    if not asked.name:
        return {"files": _file_sizes(Path(asked.directory))}, b""
    if asked.name not in SHOWN_FILES:
        return {"problem": "may not be requested"}, b""
    try:
        with system.open_plain(Path(asked.directory, asked.name)) as file:
            return {}, os.pread(file.fileno(), asked.length, asked.start)
    except OSError as error:
        return {"problem": str(error)}, b""


def _file_sizes(directory: Path) -> dict[str, tuple[int, int, int]]:
    found = {name: system.look(directory / name) for name in SHOWN_FILES}
    return {name: (one.st_dev, one.st_ino, one.st_size) for name, one in found.items() if one}


STOPPING = threading.Event()
"""Set when the worker begins to stop. Stages keep running; the next worker takes them over."""

fork_server = ForkServer()

running: WorkerServices | None = None
"""The services of this process; None if they are not started, or stopped."""


class CodeDriftWatch:
    """Checks the code of each attempt once, when it starts."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._checked: set[int] = set()
        self._floor: int | None = None

    def check(self) -> float:
        """Check the code of started attempts; return the seconds until the next check."""
        began = time.monotonic()
        self.poll()
        return max(DRIFT_EVERY, DRIFT_SHARE * (time.monotonic() - began))

    def poll(self) -> None:
        """Check the code of the attempts that started since the last check.

        The first check finds where to begin, before a short stage has ended.
        """
        with self._store.read() as connection:
            if self._floor is None:
                self._floor = attempts.first_running(connection) - 1
            found = attempts.started(connection, after=self._floor)
        fresh = [one for one in found if one.attempt_id not in self._checked]
        for directory in dict.fromkeys(one.run_directory for one in fresh):
            self._check_run([one for one in fresh if one.run_directory == directory])
        self._checked = {one.attempt_id for one in found}
        if found:  # attempts that were granted earlier have started, or never will
            self._floor = max(self._floor, found[-1].attempt_id - IDS_BACK)

    def _check_run(self, started: Sequence[StartedAttempt]) -> None:
        """Check the code of one run, for its attempts that started."""
        run = started[0]
        state = code_version.recorded(Path(run.run_directory))
        if not state.get("root") or state.get("snapshot"):
            return
        files = code_version.changed_files(state, apart_from=run.file)
        times = {name: _file_changed_at(Path(state["root"], name)) for name in files}
        for one in started:
            names = [name for name in files if times[name] <= one.started_at]
            if names:
                words = code_version.changed_since_submission(names)
                logger.info("%s of run %s: %s", one.stage, one.run_id, words)
                with self._store.write() as connection:
                    attempts.record(connection, one, words)


def _file_changed_at(path: Path) -> int:
    """Return when a file was changed, in microseconds; 0 if it was deleted."""
    try:
        return int(path.lstat().st_mtime * SECOND)
    except OSError:
        return 0


class GpuHealthMonitor:
    """Checks the GPUs of all attempts running on this host."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._reported: set[tuple[int, str]] = set()

    def poll(self) -> None:
        """Check the GPUs in use."""
        with self._store.read() as connection:
            running = attempts.in_state(connection, Status.RUNNING, begun=True)
        on_gpus = [one for one in running if one.gpus and one.host == host()]
        if on_gpus:
            problems = {gpu.index: gpu.problem for gpu in gpus.query().gpus if gpu.problem}
            for attempt in on_gpus:
                self._report(attempt, problems)

    def _report(self, attempt: AttemptRecord, problems: Mapping[int, str]) -> None:
        for index in attempt.gpus:
            if index not in problems:
                continue
            words = f"GPU {index} {problems[index]}"
            if (attempt.id, words) not in self._reported:
                with self._store.write() as connection:
                    stages.warn(connection, attempt.stage_id, words)
                self._reported.add((attempt.id, words))
                logger.warning("%s: %s", attempt.directory, words)


class ChangeDetector:
    """Compares the database's data version with that of the last check."""

    def __init__(self) -> None:
        self._connection: statements.Connection | None = None
        self._version: int | str | None = None

    def seen(self) -> bool:
        """Return True if the store may have changed since the last call."""
        try:
            if self._connection is None:
                self._connection = engine.connect_to_read()
            version = engine.data_version(self._connection)
        except (TrainuiError, sqlite3.Error):
            self.close()
            return True
        changed, self._version = version != self._version, version
        return changed

    def is_outdated(self) -> bool:
        """Return True if another trainui has changed the schema; False if it cannot be read."""
        try:
            self._connection = self._connection or engine.connect_to_read()
            engine.check_schema(self._connection)
        except SchemaRefusedError:
            return True
        except (TrainuiError, sqlite3.Error):  # the next `seen` opens it again, or reports a change
            self.close()
        return False

    def close(self) -> None:
        """Close the connection; the next check reports a change."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = None


def _is_store_locked() -> bool:
    """Return True if the reader may wait for a lock; False for a server, which limits the wait."""
    file = sqlite_file.store_file()
    return file is not None and sqlite_file.is_locked(file)


class WorkerServices:
    """The services of one worker and their threads."""

    def __init__(self, app: Any) -> None:
        store, settings = open_store(), settings_module.load()
        self._stopping = stopping = STOPPING
        self._wakeup = wakeup.WakeupSocket(paths.home().wake_socket)
        self._changes = ChangeDetector()
        record = QueueRecord()
        self._sender = TaskSender(app, record)
        queue = QueueWatch(app, record)
        self._queue = ServiceThread("queue", queue.step, stopping, at_end=queue.close)
        self._searches = SearchThread(store, stopping, here(settings))
        self._evaluations = EvaluationThread(store, stopping, here(settings))
        self._planner = Planner(
            store, self._sender.post, settings, self._searches.want, lambda n: self.monitor.offer(n)
        )
        self._notifier = Notifier(store, settings)
        self._digest = DigestSender(store, settings, self._notifier, stopping)
        self._reader = MetricsProcess(is_locked=_is_store_locked)
        self._home = home = paths.home()
        self._guard = RespawnedProcess(
            "guard",
            lambda: processes.spawn(processes.GUARD_ARGV, home.guard_log),
            lambda: processes.is_held(home.guard_lock),
        )
        self._stalls = StallDetector(store, stall_after=settings.stall_after or NEVER)
        self._stall_alerts = StallAlerts(store)
        self._gpus = GpuHealthMonitor(store)
        self._external = ExternalThread(
            store, settings_module.host(settings), stopping, may_look=lambda: self._host.is_ours
        )
        self._remote = RemoteProcesses(store, settings_module.host(settings))
        self._code = ServiceThread("code", CodeDriftWatch(store).check, stopping)
        self._host = HostHeartbeat(store, settings)
        self._logs = LogRelay(store, settings, stopping)
        self._relay = ServiceThread("logs", self._logs.serve, stopping)
        self.monitor = AttemptMonitor(store, stopping, here(settings), fork_server)
        self._active_at = time.monotonic()
        self._is_locked = False
        """True if the last service call found the store locked."""
        self.is_outdated = False
        """True if a newer trainui has upgraded the store, so that this worker must end."""
        self._due: dict[Callable[[], None], float] = {}
        """When services that are not called in each pass are due, by the monotonic clock."""
        self._thread = threading.Thread(target=self._serve, name="services", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._sender.start()
        self._queue.start()
        self._notifier.start()
        self._code.start()
        if self._logs.is_needed:
            self._relay.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop the threads; running attempts are not affected."""
        self._stopping.set()
        wakeup.wake(self._wakeup.path)
        self.monitor.release()
        self._thread.join(STOP_WITHIN)
        self._sender.stop(STOP_WITHIN)
        self._queue.stop(STOP_WITHIN)
        self._searches.stop(STOP_WITHIN)
        self._evaluations.stop(STOP_WITHIN)
        self._external.stop(STOP_WITHIN)
        self._remote.stop()
        self._digest.stop(STOP_WITHIN)
        self._reader.stop()
        self._wakeup.close()

    def idle_seconds(self) -> float:
        """Return the seconds since a run was last active; 0 until the digest of all is sent."""
        is_active = self._planner.is_active or self._digest.is_waiting
        return 0.0 if is_active else time.monotonic() - self._active_at

    def _serve(self) -> None:
        due = -math.inf
        said: frozenset[bytes] = frozenset()
        while not self._stopping.is_set():
            if said == {wakeup.ENDED} and time.monotonic() < due:
                self._run(lambda: self.monitor.poll(changed=False, ended=True))
            else:
                self._poll()
                due = time.monotonic() + self._planner.next_poll()
            said = self._wakeup.wait(max(0.0, due - time.monotonic()))
        self._changes.close()

    def _poll(self) -> None:
        changed = self._changes.seen()
        self._run_if_due(GUARD_EVERY, self._check_guard)
        self._run_if_due(SCHEMA_EVERY, self._check_schema)
        self._run(self._host.poll)
        if self._is_locked or not self._host.is_ours:
            return
        for step in (
            # ended attempts before the planner: they free slots and queue their dependants
            lambda: self.monitor.poll(changed=changed),
            lambda: self._planner.poll(changed=changed),
            lambda: self._searches.poll(changed=changed),
            lambda: self._evaluations.poll(changed=changed),
            self._reader.poll,  # its start competes with that of the first stage
            lambda: self._external.poll(changed=changed),
            lambda: self._remote.poll(changed=changed),
            lambda: self._notifier.poll(changed=changed),
            lambda: self._digest.poll(changed=changed),
        ):
            self._run(step)
            if self._is_locked:
                return  # the others would wait for the same lock, and this loop would seem to hang
        for rare in (self._gpus.poll, self._stalls.poll, self._stall_alerts.poll):
            self._run_if_due(STAGES_EVERY, rare)
            if self._is_locked:
                return
        if self._planner.is_active:
            self._active_at = time.monotonic()
            self._run_if_due(ALIVE_EVERY, self._note_life)

    def _check_guard(self) -> None:
        """Start the guard if it is not running although the worker is wanted."""
        if processes.is_worker_wanted(self._home):
            self._guard.poll(time.monotonic())

    def _note_life(self) -> None:
        health.touch_ready(self._home)

    def _check_schema(self) -> None:
        self.is_outdated = self._changes.is_outdated()

    def _run_if_due(self, every: float, step: Callable[[], None]) -> None:
        now = time.monotonic()
        if now >= self._due.get(step, now):
            self._due[step] = now + every
            self._run(step)

    def _run(self, step: Callable[[], None]) -> None:
        """Call one service; an error in it does not affect the others."""
        self._is_locked = False
        try:
            step()
        except Exception as error:
            self._is_locked = isinstance(error, StoreLockedError)
            log_failure("services", error)
            self._changes.close()  # so that the next pass sees a change
            self._stopping.wait(LEAST_PAUSE)
