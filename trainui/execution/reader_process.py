"""The process that reads metrics: started by the worker, again when it dies, ended with it."""

from __future__ import annotations

import subprocess
import time

from trainui import paths
from trainui.execution import detached
from trainui.execution.kept import Kept
from trainui.metrics import process

GRACE = 1.5
"""Seconds that it gets to store what it has read."""


class ReaderProcess:
    """Keeps the metrics reader alive. It ends with this process, however that ends."""

    def __init__(self) -> None:
        self._kept = Kept("metrics reader", self._spawn, self._is_alive)

    def look(self) -> None:
        """Start it where it is gone."""
        self._kept.tend(time.monotonic())

    def stop(self) -> None:
        """End it."""
        reader = self._kept.process
        if reader is not None:
            detached.end(reader.pid, lambda: reader.poll() is not None, grace=GRACE)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return process.start(paths.home().worker_log)

    def _is_alive(self) -> bool:
        return self._kept.process is not None
