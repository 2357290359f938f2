"""Starts and wakes the metrics reader's process, for the worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainui import paths, wakeup


def bell() -> Path:
    """Return the path of the socket that wakes the reader."""
    return paths.short_socket_path(paths.home().worker / "metrics.sock")


def wake() -> None:
    """Wake the reader: an attempt has started, or its process has ended."""
    wakeup.ring(bell())


def start(log: Path) -> subprocess.Popen[bytes]:
    """Start a reader that ends when this process ends, even if this process is killed.

    Its output is appended to the log. Its stdin is a pipe that nobody writes to: closing it, or
    dying, ends the reader.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "trainui.metrics.reader"],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
