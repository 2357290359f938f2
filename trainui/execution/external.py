"""Follows the external runs in a thread, so that their files delay nothing else.

Those on a remote file system are read and watched by a separate process, one for each, whose
argument is the mountpoint (`python -m trainui.execution.external MOUNT`). A process that accesses a
network file system whose server does not answer is blocked until it does, and cannot be killed. So
no other process accesses one.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from trainui import clock, settings
from trainui.execution.daemon.metrics_process import MetricsProcess
from trainui.execution.external_watch import RESTING, ExternalWatch
from trainui.execution.service_thread import ServiceThread
from trainui.metrics.reader.source_problems import SourceProblems
from trainui.store.db.engine import Database
from trainui.store.runs import external_runs
from trainui.store.runs.metrics_progress import AttemptToRead
from trainui.system import mounts

POLL_EVERY = 1.0
"""Seconds between two checks of what is due while the store does not change."""

SEARCH_EVERY = 5.0
"""Seconds between two searches for such runs while the store does not change."""

LEAST_PAUSE = 1.0
"""The least seconds between two searches, and between two polls of the processes."""


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
            if mounts.has_remote():
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
        if is_silent and not mounts.does_answer(mount, wait=False):
            problem = mounts.silence(mount)
        for attempt in attempts:
            if self._reported.get(attempt.attempt_id, "") != problem:
                SourceProblems(self._store, attempt).set(mount, problem)
                self._reported[attempt.attempt_id] = problem


def _watch(store: Database, stopping: threading.Event) -> None:
    ExternalThread(store, settings.host(), stopping, sys.argv[1]).poll(changed=False)


if __name__ == "__main__":
    from trainui.metrics.reader import process_loop  # imports NumPy: not in the worker

    process_loop.main(sys.argv[1], _watch)
