"""Offset reads of a growing file, and the cache of open files.

A file may be appended to, truncated, rewritten in place, replaced at its path, or deleted; only
this module distinguishes these cases. Size and inode are not enough, so hashes of some bytes at
the start and before the offset are stored too.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from trainui import system
from trainui.errors import TrainuiError, UnfitEnvironmentError
from trainui.store.points.point_sources import Identity

EDGE_BYTES = 128
"""Bytes hashed at the start and before the offset at each read: enough to distinguish two
histories, and few compared with what is read."""

MOST = 256
"""The most files kept open; also at most half of the process's descriptor limit."""


class UnreadableFileError(TrainuiError):
    """A file that exists and cannot be read; the message says why and what to do."""

    code = "unreadable"


class ShortageError(UnfitEnvironmentError):
    """The system is out of file descriptors or memory, so the state of a file is unknown."""

    code = "shortage"


_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def raise_shortage(error: OSError) -> None:
    """Raise ShortageError if no file descriptor or memory is left; otherwise return."""
    if error.errno in _SHORTAGES:
        raise ShortageError(
            f"{error.strerror}: metrics stay in their files and are read later; raise the hard "
            "limit of open files (`ulimit -Hn`), or stop programs that use many files or memory"
        ) from error


def check_descriptors() -> None:
    """Raise ShortageError if files cannot be opened; a search would take them for missing."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise_shortage(error)
        raise


class FileState(NamedTuple):
    """A file's state at one moment."""

    device: int
    inode: int
    size: int
    """In bytes."""
    modified: int
    """In nanoseconds since 1970."""

    def is_same_file(self, other: FileState | Identity) -> bool:
        """Return True if both are of the same file, whatever its content."""
        return (self.device, self.inode) == (other.device, other.inode)


class GrowingFile:
    """An open file; it stays the same file if another one replaces it at its path."""

    def __init__(self, path: Path) -> None:
        """Open a regular file for reading.

        Raises:
            FileNotFoundError: the file does not exist yet.
            UnreadableFileError: it is not a regular file, or may not be read.
            ShortageError: no file descriptor is left.
        """
        self.path = path
        self.is_closed = False
        self._descriptor = _open(path)

    def look(self) -> FileState:
        """Return the open file's current state."""
        return _look(os.fstat(self._descriptor))

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` bytes from an offset.

        Raises:
            UnreadableFileError: the disk or the file server does not answer.
        """
        parts: list[bytes] = []
        try:
            while size > 0 and (part := os.pread(self._descriptor, size, offset)):
                parts.append(part)
                size -= len(part)
                offset += len(part)
        except OSError as error:
            raise_shortage(error)
            raise UnreadableFileError(_explain(self.path, error)) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def identify(self, offset: int, before: Identity | None = None) -> Identity:
        """Return the data by which the file, read up to an offset, can be recognised later.

        `before` is the identity up to an earlier offset; the file `continues` it.
        """
        now = self.look()
        size = min(EDGE_BYTES, offset)
        head = before.head_hash if before and before.head_size == size else None
        return Identity(
            device=now.device,
            inode=now.inode,
            head_size=size,
            head_hash=head or _hash(self.read(0, size)),
            tail_size=size,
            tail_hash=_hash(self.read(offset - size, size)),
        )

    def continues(self, identity: Identity, offset: int) -> bool:
        """Return True if it still has the bytes read up to an offset, as far as the hashes show."""
        if self.look().size < offset:
            return False
        head = self.read(0, identity.head_size)
        tail = self.read(offset - identity.tail_size, identity.tail_size)
        return _hash(head) == identity.head_hash and _hash(tail) == identity.tail_hash

    def close(self) -> None:
        """Close the file; do nothing if it is closed."""
        if not self.is_closed:
            self.is_closed = True
            os.close(self._descriptor)


def look_at(path: Path) -> FileState | None:
    """Return the state of the file at a path; None if it cannot be read."""
    status = system.look(path)
    return _look(status) if status else None


def _open(path: Path) -> int:
    try:
        # Non-blocking, since opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise_shortage(error)
        raise UnreadableFileError(_explain(path, error)) from error
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    what = "a directory" if stat.S_ISDIR(kind) else "not a regular file"
    raise UnreadableFileError(f"{path} is {what}; name the metrics file itself")


def _explain(path: Path, error: OSError) -> str:
    return f"{path} cannot be read: {error.strerror}; check its permissions and its disk"


def _look(status: os.stat_result) -> FileState:
    return FileState(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class OpenFiles:
    """An LRU cache of open files: those that grew last stay open between reads."""

    def __init__(self, most: int | None = None) -> None:
        self._most = max(1, min(MOST, system.open_files_limit() // 2) if most is None else most)
        self._files: OrderedDict[GrowingFile, None] = OrderedDict()

    def open(self, path: Path) -> GrowingFile:
        """Open a file, closing others if too many are open.

        Raises:
            FileNotFoundError: the file does not exist yet.
            UnreadableFileError: it cannot be read.
            ShortageError: no descriptor is left, even after closing all cached files.
        """
        try:
            file = GrowingFile(path)
        except ShortageError:
            self._close_down_to(0)
            file = GrowingFile(path)
        self._close_down_to(self._most - 1)
        self._files[file] = None
        return file

    def use(self, file: GrowingFile) -> None:
        """Mark a file as the most recently used."""
        if file in self._files:
            self._files.move_to_end(file)

    def close(self, file: GrowingFile) -> None:
        """Close a file."""
        self._files.pop(file, None)
        file.close()

    def _close_down_to(self, count: int) -> None:
        while len(self._files) > count:
            self._files.popitem(last=False)[0].close()


class NamedFile:
    """The file at a path: opened when it is read, and possibly closed by the cache in between."""

    def __init__(self, path: Path, files: OpenFiles, *, follows: bool) -> None:
        """Create the object; the file is opened at the first read.

        If it `follows`, another file found at the path later may be opened in its place.
        """
        self.path = path
        self._files = files
        self._follows = follows
        self._file: GrowingFile | None = None
        self._opened: FileState | None = None

    def open(self) -> GrowingFile | None:
        """Return the file; None if it does not exist, or if another file has its path now.

        Raises as `OpenFiles.open` does.
        """
        if self._file is not None and not self._file.is_closed:
            return self._file
        try:
            file = self._files.open(self.path)
        except FileNotFoundError:
            return None
        look = file.look()
        if self._opened and not self._follows and not look.is_same_file(self._opened):
            self._files.close(file)
            return None
        self._file, self._opened = file, look
        return file

    def use(self) -> None:
        """Mark it as the most recently used in the cache."""
        if self._file is not None:
            self._files.use(self._file)

    def rests(self, seen: FileState | None) -> bool:
        """Return True if the cache closed the file, and it has not changed since."""
        is_closed = self._file is not None and self._file.is_closed
        return is_closed and seen is not None and look_at(self.path) == seen

    def is_replaced(self) -> bool:
        """Return True if its path now leads to a file other than the one that was opened."""
        if self._opened is None:
            return False
        named = look_at(self.path)
        return named is not None and not named.is_same_file(self._opened)

    def close(self) -> None:
        """Close it; the next open takes whichever file is at the path then."""
        if self._file is not None:
            self._files.close(self._file)
        self._file = self._opened = None
