"""The metrics reader's process, as the worker starts it and wakes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainui import paths, wakeup


def bell() -> Path:
    """Return the socket at which the reader is woken."""
    return paths.short_socket_path(paths.home().worker / "metrics.sock")


def wake() -> None:
    """Tell the reader to look: an attempt has started, or its process has ended."""
    wakeup.ring(bell())


def start(log: Path) -> subprocess.Popen[bytes]:
    """Start a reader, which ends when this process does, however that happens.

    Its stdin is a pipe that nobody writes to: closing it, or dying, ends the reader.

    Args:
        log: what it has to say is appended there.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "trainui.metrics.reader"],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
