"""Processes that read and watch the external runs on remote file systems, one for each.

A process that looks at a network file system whose server does not answer is blocked for as long as
that lasts, and cannot be killed. So no other process looks at one.
"""

from __future__ import annotations

import time

from trainui import clock, mounts
from trainui.execution.external.external_watch import RESTING
from trainui.execution.worker.metrics_process import MetricsProcess
from trainui.metrics.reader.source_problems import SourceProblems
from trainui.store.db.engine import Store
from trainui.store.runs import watched_stages
from trainui.store.runs.metrics_progress import AttemptToRead

PERIOD = 1.0
"""Seconds between two searches for such runs."""


class RemoteProcesses:
    """The processes of this worker's host."""

    def __init__(self, store: Store, host: str) -> None:
        """Start nothing yet."""
        self._store = store
        self._host = host
        self._due = 0.0
        self._processes: dict[str, MetricsProcess] = {}
        self._reported: dict[int, str | None] = {}
        """By attempt: the problem that is stored."""

    def look(self) -> None:
        """Start the processes that are needed, and end the others; nothing is waited for."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PERIOD
        unread = self._unread()
        for mount in self._processes.keys() - unread.keys():
            self._processes.pop(mount).close()
        for mount, attempts in unread.items():
            process = self._processes.setdefault(mount, MetricsProcess(mount))
            process.look()
            self._report(mount, attempts, is_silent=process.is_silent())

    def stop(self) -> None:
        """End all processes."""
        for process in self._processes.values():
            process.close()

    def _unread(self) -> dict[str, list[AttemptToRead]]:
        if not mounts.has_remote():
            return {}
        since = clock.now() - RESTING * clock.SECOND
        with self._store.read() as connection:
            return watched_stages.remote_mounts(connection, self._host, since)

    def _report(self, mount: str, attempts: list[AttemptToRead], *, is_silent: bool) -> None:
        """Record that a file system does not answer, or answers again."""
        problem = None
        if is_silent and not mounts.does_answer(mount, wait=False):
            problem = f"{mount} does not answer; what was written there is read when it does"
        for attempt in attempts:
            if self._reported.get(attempt.attempt_id, "") != problem:
                SourceProblems(self._store, attempt).set(mount, problem)
                self._reported[attempt.attempt_id] = problem
