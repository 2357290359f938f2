"""Opens only regular files, in case one was replaced by a FIFO or a device.

Opening a FIFO would block, and reading `/dev/zero` would never end.
"""

from __future__ import annotations

import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from trainui import mounts
from trainui.errors import NotPlainFileError

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check(path: Path, mode: int) -> None:
    """Raise NotPlainFileError if a mode is not that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise NotPlainFileError(str(path), kind)


def open_plain(path: Path) -> BufferedReader:
    """Open a regular file without blocking; raise NotPlainFileError if it is something else."""
    mounts.check_link(str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        check(path, os.fstat(descriptor).st_mode)
    except NotPlainFileError:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def status(path: Path) -> os.stat_result:
    """Return a file's status; raise OSError also if its file system does not answer."""
    mounts.check_link(str(path))
    return path.stat()


def look(path: Path) -> os.stat_result | None:
    """Return a path's status; None if nothing is there, or if it cannot be seen."""
    try:
        return path.stat()
    except OSError:
        return None


def read_bytes(path: Path) -> bytes:
    """Return a regular file's bytes; raise NotPlainFileError if it is something else."""
    with open_plain(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return a regular file's text; raise NotPlainFileError if it is something else."""
    return read_bytes(path).decode("utf-8")


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a regular file; None if there is none, or if it is damaged."""
    try:
        content = json.loads(read_bytes(path))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
