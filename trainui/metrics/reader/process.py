"""Starts and wakes the metrics reader's process, for the worker."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from trainui import paths, wakeup

Reader = subprocess.Popen[bytes]


def wake_socket(mount: str = "") -> Path:
    """Return the path of the socket that wakes the reader, or that of a remote file system."""
    of_mount = f"-{hashlib.sha256(os.fsencode(mount)).hexdigest()[:12]}" if mount else ""
    return paths.short_socket_path(paths.home().worker / f"metrics{of_mount}.sock")


def wake() -> None:
    """Wake the reader: an attempt has started, or its process has ended."""
    wakeup.wake(wake_socket())


def start(log: Path, module: str = "trainui.metrics.reader", *arguments: str) -> Reader:
    """Start a reader that ends when this process ends, even if this process is killed.

    Its output is appended to the log. Its stdin is a pipe that nobody writes to: closing it, or
    dying, ends the reader.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
