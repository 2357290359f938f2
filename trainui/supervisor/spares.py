"""Launchers that are started before they are needed.

Most of what a launch takes is the start of an interpreter; a spare one has that behind it, and
waits for the name of an attempt's directory on its stdin. It ends with whoever started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from trainui.supervisor import supervise


class Spares:
    """A few launchers that wait."""

    def __init__(
        self, count: int, *, python: str = sys.executable, without: Collection[str] = ()
    ) -> None:
        """Start none yet.

        Args:
            count: how many are to wait.
            python: their interpreter.
            without: an attempt's variables, which they get empty: they are none of its processes.
        """
        self._count = count
        self._python = python
        self._without = frozenset(without)
        self._waiting: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def take(self) -> subprocess.Popen[bytes] | None:
        """Return one that waits, which is then the caller's; None where there is none."""
        with self._lock:
            while self._waiting:
                launcher = self._waiting.pop()
                if launcher.poll() is None:
                    return launcher
                launcher.communicate()
        return None

    def refill(self) -> None:
        """Start as many as are missing."""
        with self._lock:
            while len(self._waiting) < self._count:
                self._waiting.append(start(self._python, without=self._without))

    def close(self) -> None:
        """End those that wait."""
        with self._lock:
            for launcher in self._waiting:
                with suppress(OSError):
                    launcher.communicate()  # the end of its stdin ends it
            self._waiting.clear()


def start(python: str, *, without: Collection[str]) -> subprocess.Popen[bytes]:
    """Start a launcher that waits for a directory on its stdin.

    Args:
        python: its interpreter.
        without: an attempt's variables, which it gets empty: it is none of its processes.

    Raises:
        OSError: the interpreter cannot be started.
    """
    return subprocess.Popen(
        [python, "-I", "-S", "-X", "utf8", Path(supervise.__file__)],
        env={**os.environ, **dict.fromkeys(without, "")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
