"""The metrics reader process: started, respawned and stopped by the worker.

If it hangs it is killed, and another one is started at once: one that a remote file system blocks
may not end before that answers. That is safe: points and read offsets are stored in one
transaction, in which no file is read, and a killed process runs no further instruction.
"""

from __future__ import annotations

import logging
import subprocess
import time
from contextlib import suppress

from trainui import mounts, paths, wakeup
from trainui.execution.processes import spawn
from trainui.execution.processes.respawn import RespawnedProcess
from trainui.metrics.reader import process

GRACE = 1.5
"""Seconds for the reader to store its points before SIGKILL."""

POLL_EVERY = 5.0
"""Seconds between two polls."""

HANGS_FOR = 60.0
"""Seconds without an answer after which it is killed; it waits 30 s for a locked database."""

KILL_WAIT = 0.5
"""Seconds to wait for the end of a reader that was killed."""

SILENT_FOR = 15.0
"""Seconds without an answer after which it is killed if a remote file system does not answer. The
reader of one is not killed, but the file system is probed."""

logger = logging.getLogger(__name__)


class MetricsProcess:
    """Keeps the metrics reader alive. The reader ends when this process ends, however that ends."""

    def __init__(self, mount: str = "") -> None:
        """Start nothing yet.

        Args:
            mount: the mountpoint of the remote file system whose external runs are read. Its
                reader is not killed: it waits until the file system answers.
        """
        self._mount = mount
        name = f"reader of {mount}" if mount else "metrics reader"
        self._respawned = RespawnedProcess(name, self._spawn, self._is_alive)
        self._reader: subprocess.Popen[bytes] | None = None
        self._killed: list[subprocess.Popen[bytes]] = []
        """Readers that were killed and may not have ended."""
        self._probe = wakeup.WorkerProbe(process.wake_socket(mount))
        self._answered_at = self._polled_at = time.monotonic()

    def poll(self) -> None:
        """Respawn the reader if it died, and poll it if a poll is due."""
        now = time.monotonic()
        self._killed = [one for one in self._killed if one.poll() is None]
        self._respawned.poll(now)
        if now - self._polled_at >= POLL_EVERY:
            self._check_answer(now)

    def is_silent(self) -> bool:
        """Return True if the reader has not answered for longer than it reads at once."""
        return time.monotonic() - self._answered_at > SILENT_FOR

    def close(self) -> None:
        """Let the reader end once it can, without waiting for it."""
        if self._reader is not None:
            _close_pipe(self._reader)
        self._probe.close()

    def has_ended(self) -> bool:
        """Return True if no reader runs, those that were killed included."""
        readers = [*self._killed, *filter(None, [self._reader])]
        return all(one.poll() is not None for one in readers)

    def kill(self) -> None:
        """Kill the reader, which may be blocked for good."""
        self.close()
        if self._reader is not None:
            self._reader.kill()
            with suppress(subprocess.TimeoutExpired):
                self._reader.wait(KILL_WAIT)

    def _check_answer(self, now: float) -> None:
        self._polled_at = now
        reader = self._reader
        if self._probe.is_heard() or reader is None or not self._is_alive():
            self._answered_at = now
            return
        if self._mount:
            return  # its reader waits until the file system answers
        is_any_silent = mounts.is_any_silent()  # asked at each poll: an answer takes a moment
        silent_for = now - self._answered_at
        if silent_for >= HANGS_FOR or (silent_for >= SILENT_FOR and is_any_silent):
            logger.warning("killed the metrics reader: no answer for %.0f s", silent_for)
            reader.kill()
            _close_pipe(reader)
            self._killed.append(reader)
            self._respawned.process = None  # a new one need not wait for its end
            self._answered_at = now

    def stop(self) -> None:
        """Stop the reader."""
        reader = self._reader
        if reader is not None:
            spawn.end(reader.pid, lambda: reader.poll() is not None, grace=GRACE)
            _close_pipe(reader)
        self._probe.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        module = ("trainui.execution.external", self._mount) if self._mount else ()
        self._reader = process.start(paths.home().worker_log, *module)
        return self._reader

    def _is_alive(self) -> bool:
        return self._respawned.process is not None


def _close_pipe(reader: subprocess.Popen[bytes]) -> None:
    """Close the pipe whose end-of-file makes the reader exit."""
    if reader.stdin is not None:
        reader.stdin.close()
