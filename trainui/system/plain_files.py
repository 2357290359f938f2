"""Reads files and directories that anybody may have written, within bounds.

Only regular files are opened: opening a FIFO would block, and reading `/dev/zero` would never end.

trainui's own processes raise their soft limit of open files; users' processes get the original one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import stat
from collections.abc import Iterator
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

from trainui.errors import NotPlainFileError
from trainui.system import storage

MOST_ENTRIES = 20_000
"""The most entries listed below a directory, which takes some 0.1 s on a local disk."""

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_open_files_before: int | None = None
"""The original soft limit of this process, set once it is raised."""


def check(path: Path, mode: int) -> None:
    """Raise NotPlainFileError if a mode is not that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise NotPlainFileError(str(path), kind)


def open_plain(path: Path) -> BufferedReader:
    """Open a regular file without blocking; raise NotPlainFileError if it is something else."""
    storage.check_link(str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        check(path, os.fstat(descriptor).st_mode)
    except NotPlainFileError:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


class TooLongError(Exception):
    """A file has more bytes, or instructions, than are read of it."""


class BoundedFile:
    """The part of a file's interface that `zipfile` and `pickletools` use, with a limit of bytes.

    Reading more raises TooLongError. The end is where it was when the file was opened, and no
    memory is allocated for a length that the file merely states.
    """

    def __init__(self, file: BufferedReader, most: int) -> None:
        self.left = most
        """The bytes that may still be read."""
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, length: int = -1) -> bytes:
        """Return `length` bytes, or fewer at the end of the file; all if it is negative."""
        if 0 <= length <= min(self.left, 2**16):
            self.left -= length
            return self._file.read(length)
        rest = max(self.size - self.tell(), 0)
        wanted = rest if length < 0 else length
        if self.left < wanted <= rest:
            raise TooLongError
        data = self._file.read(min(wanted, rest, self.left))
        self.left -= len(data)
        return data

    def readline(self) -> bytes:
        """Return the bytes up to the next line feed."""
        line = self._file.readline(self.left + 1)
        if len(line) > self.left:
            raise TooLongError
        self.left -= len(line)
        return line


def files_below(directory: Path, most: int, *, strict: bool = False) -> Iterator[Path]:
    """Yield at most `most` files below a directory, as `entries_below` finds them."""
    entries = islice(entries_below(directory, strict=strict), MOST_ENTRIES)
    return islice((Path(one.path) for one in entries if not _is_directory(one)), most)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """Return True for a directory or a link to one; a link to itself is none."""
    if entry.is_symlink():
        return Path(entry.path).is_dir()
    return entry.is_dir()


def entries_below(directory: Path, *, strict: bool = False) -> Iterator[os.DirEntry[str]]:
    """Yield all that is below a directory, of any depth; links to directories are not followed.

    A directory that cannot be listed raises OSError with `strict`; otherwise it counts as empty.
    """
    frontier = [str(directory)]
    while frontier:
        try:
            with os.scandir(frontier.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        frontier.append(entry.path)
                    yield entry
        except OSError:
            if strict:
                raise


def status(path: Path) -> os.stat_result:
    """Return a file's status; raise OSError also if its file system does not answer."""
    storage.check_link(str(path))
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
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def raise_open_files() -> None:
    """Raise this process's soft limit of open files to the hard limit."""
    global _open_files_before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not hasattr(resource, "prlimit") or soft == hard:
        return  # the old limit could not be restored for children
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _open_files_before = soft


def restore_open_files(pid: int) -> None:
    """Give a child that has started no process yet the original limit.

    Programs that use `select` rely on a low one.
    """
    if _open_files_before is None:
        return
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(_open_files_before, hard), hard))


def open_files() -> int:
    """Return the number of files that this process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
