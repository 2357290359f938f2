"""The guard: a watchdog that starts the broker and the worker and respawns them while wanted.

It uses only the standard library, and every wait in it has a timeout, so it outlives the processes
that it watches. The delays between respawns are in `processes`. After an upgrade it executes the
new code in its place.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from trainui import installation, paths, wakeup
from trainui import settings as settings_module
from trainui.errors import CopiedHomeError
from trainui.execution import broker, processes
from trainui.execution.daemon import health
from trainui.execution.daemon.health import EXIT_HELD, EXIT_REFUSED, Heartbeat
from trainui.execution.processes import ChildProcess, RespawnedProcess
from trainui.paths import Home
from trainui.settings import Settings
from trainui.store.db import home_identity, sqlite_file

logger = logging.getLogger("trainui.execution.daemon.guard")  # this module also runs as __main__

POLL_EVERY = 2.0
"""Seconds between two checks of the desired state and of processes that are not our children."""

WORKER_GRACE = 6.0
"""Seconds until SIGKILL; a worker exits within 5 s of SIGTERM."""


class Guard:
    """Keeps the broker and the worker of one home alive."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        lock: processes.Lock,
        worker: processes.InheritedChild | None = None,
    ) -> None:
        """Create the guard.

        `worker` is one that was started along with this process.
        """
        self._home = home
        self._lock = lock
        self._broker = self._respawned(
            "broker",
            # all that it imports is loaded here
            lambda: processes.fork(broker.main, home.guard_log, lock),
            lambda: broker.is_alive(home, settings),
        )
        self._worker = self._respawned(
            "worker",
            lambda: processes.spawn(processes.WORKER_ARGV, home.guard_log),
            lambda: processes.is_held(home.worker_lock),
        )
        self._is_outdated = False
        """True if the worker was started from another trainui than this process."""
        if worker is not None:
            self._worker.process = worker
            logger.info("started the worker, pid %d, along with this process", worker.pid)
        self._heartbeats = self._make_heartbeats(settings)
        self._got_term = False
        self._withdrawn_at = processes.worker_withdrawn_at(home)
        self._wakeup = self._listen()

    def _respawned(
        self, name: str, spawn: Callable[[], ChildProcess], is_alive: Callable[[], bool]
    ) -> RespawnedProcess:
        def note_end(pid: int, code: int) -> None:
            if code != EXIT_HELD:
                health.note_end(self._home, name, pid, code)
            if code == EXIT_REFUSED:  # as often as it is started
                logger.error("the worker cannot use this database: leaving")
                wanted_at = processes.worker_wanted_at(self._home)
                processes.withdraw_worker_as_seen(self._home, wanted_at)

        return RespawnedProcess(name, spawn, is_alive, on_end=note_end)

    def _make_heartbeats(self, settings: Settings) -> tuple[Heartbeat, Heartbeat]:
        """Make the polls of the broker and the worker, which end one that hangs."""
        home = self._home
        probe = wakeup.WorkerProbe(home.wake_socket)
        return (
            Heartbeat(
                home,
                health.BROKER_CHECK,
                lambda: broker.answers(home, settings),
                lambda: broker.end_hanging(home, settings),
            ),
            # A starting worker may be upgrading a large database and have no wake-up socket yet.
            Heartbeat(
                home,
                health.WORKER_CHECK,
                lambda: probe.is_heard() is not False,
                lambda: end_worker(home, self._worker.process),
            ),
        )

    def serve(self) -> None:
        """Keep the worker and the broker alive while they are wanted, then stop them."""
        while not self._lock.is_lost() and self._is_wanted():
            now = time.monotonic()
            try:
                self._poll(now)
            except OSError as error:  # transient, e.g. disk full or no process left to fork
                logger.warning("will retry: %s", error)
            self._sleep(now)
        if not self._lock.is_lost():
            logger.info("no longer wanted: stopping the worker and the broker")
            end_worker(self._home, self._worker.process)
            starter = self._broker.process
            if starter is not None:  # the broker is still starting
                processes.end(starter.pid, lambda: starter.poll() is not None, grace=1.0)
        if self._lock.is_lost():  # nothing is wanted in a home that is being deleted, too
            self._leave_lost_home()
            return
        if not broker.stop(self._home):
            logger.error("the broker does not exit")
        remove_sockets(self._home)

    def _poll(self, now: float) -> None:
        self._broker.poll(now)
        worker = self._worker.process
        self._worker.poll(now)  # in parallel: the broker is up before Celery is imported
        if self._worker.process not in (worker, None):
            self._is_outdated = installation.is_upgraded()
        self._yield_to_newer()
        if self._broker.is_settled():
            for one in self._heartbeats:
                one.poll(now)

    def _yield_to_newer(self) -> None:
        """Execute the guard of a trainui that was installed meanwhile, once a worker of it runs.

        A worker runs only of a complete installation. `exec` releases our lock; the new code takes
        it.
        """
        worker = self._worker.process
        if not self._is_outdated or worker is None or not self._worker.is_alive():
            return
        if self._broker.process is None:  # a child of which the new code would not know
            logger.info("another version of trainui was installed: executing its guard")
            argv = [*processes.GUARD_ARGV, str(worker.pid)]
            os.execv(argv[0], argv)

    def _leave_lost_home(self) -> None:
        """End our own processes; the home at this path now may have others."""
        logger.warning("%s was removed or replaced: stopping", self._lock.path)
        if (worker := self._worker.process) is not None:
            processes.end(worker.pid, lambda: worker.poll() is not None, grace=WORKER_GRACE)
        broker.end_lost(self._home)

    def _is_wanted(self) -> bool:
        """Return True if the worker is wanted; SIGTERM is a request to stop it."""
        if self._got_term:
            self._got_term = False
            if processes.worker_withdrawn_at(self._home) == self._withdrawn_at:
                processes.withdraw_worker(self._home)  # the request is not on disk yet
            self._withdrawn_at = processes.worker_withdrawn_at(self._home)
        return processes.is_worker_wanted(self._home)

    def _sleep(self, now: float) -> None:
        """Sleep until a signal arrives, a child exits, or the next start or check is due."""
        waits = [
            respawned.due - now for respawned in (self._broker, self._worker) if respawned.due > now
        ]
        select.select([self._wakeup], [], [], min([POLL_EVERY, *waits]))
        while True:
            try:
                os.read(self._wakeup, 512)
            except BlockingIOError:
                return

    def _listen(self) -> int:
        """Install signal handlers; return a pipe that becomes readable on each signal."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # The last three only wake the loop. Not SIG_IGN, because child processes would inherit it.
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return reader

    def _on_signal(self, number: int, _frame: Any) -> None:
        self._got_term = self._got_term or number == signal.SIGTERM


def remove_sockets(home: Home) -> None:
    """Remove a stopped home's sockets, unless a worker is wanted or starting again."""
    if processes.is_worker_wanted(home) or processes.is_held(broker.lock_path(home)):
        return
    lock = processes.acquire_lock(home.worker_lock)
    if lock is not None:  # one that starts now is started again by its guard
        with lock:
            paths.remove_sockets(home)


def end_worker(home: Home, child: ChildProcess | None = None) -> None:
    """Stop the worker of a home, no matter which process started it.

    `child` is the worker that we started; it may not have acquired its lock yet.
    """
    pid = processes.lock_holder(home.worker_lock) or (child.pid if child is not None else None)
    if pid is None:
        return

    def is_gone() -> bool:
        ended = child is None or child.poll() is not None
        return ended and not processes.is_held(home.worker_lock)

    if not processes.end(pid, is_gone, grace=WORKER_GRACE):
        logger.error("the worker (pid %d) does not exit", pid)


def main() -> int:
    """Run the guard of the home that the environment names, unless one is running already.

    The argument is the pid of a worker that was started along with it.
    """
    os.umask(0o077)
    processes.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s guard: %(message)s")
    home, settings = paths.home(), settings_module.load()
    worker = processes.InheritedChild(int(sys.argv[1])) if len(sys.argv) > 1 else None
    if words := home_identity.standing_of(sqlite_file.store_file(), home).words:
        logger.error("%s", words)
        return CopiedHomeError.exit_code
    for directory in (home.root, home.worker):
        paths.make_private(directory)
    if os.path.samestat(os.fstat(2), os.stat(os.devnull)):  # noqa: PTH116
        processes.redirect_output(home.guard_log)  # revived by a stage's supervisor
    while processes.is_worker_wanted(home):  # again after release: a start may have just been asked
        lock = processes.acquire_lock(home.guard_lock)
        if lock is None:
            return 0  # another guard does the work
        with lock:
            Guard(home, settings, lock, worker).serve()
            if lock.is_lost():
                return 0  # a home in its place has a guard of its own, and a log that is seen
        worker = None
    return 0


if __name__ == "__main__":
    sys.exit(main())
