"""The process that reads metrics: started by the worker, again when it dies, ended with it.

One that hangs is killed: what is stored and how far it is read never differ.
"""

from __future__ import annotations

import logging
import subprocess
import time

from trainui import paths, wakeup
from trainui.execution.daemon import spawn
from trainui.execution.daemon.respawn import RespawnedProcess
from trainui.metrics.reader import process

GRACE = 1.5
"""Seconds that it gets to store what it has read."""

ASK_EVERY = 5.0
"""Seconds between two questions whether it listens."""

HANGS_FOR = 60.0
"""Seconds without an answer after which there will be none: for a locked database it waits 30."""

logger = logging.getLogger(__name__)


class MetricsProcess:
    """Keeps the metrics reader alive. It ends with this process, however that ends."""

    def __init__(self) -> None:
        self._kept = RespawnedProcess("metrics reader", self._spawn, self._is_alive)
        self._knock = wakeup.WorkerProbe(process.bell())
        self._heard_at = self._asked_at = time.monotonic()

    def look(self) -> None:
        """Start it where it is gone, or hangs."""
        now = time.monotonic()
        self._kept.tend(now)
        if now - self._asked_at >= ASK_EVERY:
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._asked_at = now
        reader = self._kept.process
        if self._knock.is_heard() or reader is None:
            self._heard_at = now
        elif now - self._heard_at >= HANGS_FOR:
            logger.warning("the metrics reader has not answered for %.0f s: killed", HANGS_FOR)
            reader.kill()
            _let_go(reader)
            self._heard_at = now

    def stop(self) -> None:
        """End it."""
        reader = self._kept.process
        if reader is not None:
            spawn.end(reader.pid, lambda: reader.poll() is not None, grace=GRACE)
            _let_go(reader)
        self._knock.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return process.start(paths.home().worker_log)

    def _is_alive(self) -> bool:
        return self._kept.process is not None


def _let_go(reader: subprocess.Popen[bytes]) -> None:
    """Close the pipe by which a reader sees that we live."""
    if reader.stdin is not None:
        reader.stdin.close()
