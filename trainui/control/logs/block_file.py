"""Random access to a growing file by cached blocks, and line boundaries from any offset.

A line ends after a line feed. A block without any counts as one line, so that a file without line
feeds need not be read whole; only this module knows this rule.
"""

from __future__ import annotations

import errno
from functools import lru_cache, partial

from trainui.domain.file_access import File
from trainui.errors import NotPlainFileError

BLOCK = 64 * 1024
"""Block size in bytes; blocks are aligned to multiples of it."""

CACHED = 32
"""Size of the block cache (LRU)."""


class BlockFile:
    """A file that grows; it need not exist yet."""

    def __init__(self, path: File) -> None:
        self.path = path
        self.size = 0
        """Bytes, at the last `poll`."""
        self.generation = 0
        """How often the file was replaced or truncated."""
        self.problem = ""
        """Why the existing file cannot be read; empty if it can."""
        self._identity: tuple[int, int] | None = None
        self._cached = lru_cache(CACHED)(partial(_pread, path))

    def poll(self) -> bool:
        """Check the file's size and identity; returns True if anything has changed."""
        try:
            status = self.path.stat()
        except OSError as error:
            is_silent = error.errno == errno.EHOSTDOWN
            self.problem = f"{error.filename}: {error.strerror}" if is_silent else ""
            changed = self._identity is not None
            if changed:
                self._reset(None)
            return changed
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity or status.st_size < self.size:
            self._reset(identity)
            self.problem = self._try_to_open()
        elif status.st_size == self.size:
            return False
        self.size = status.st_size
        return True

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes between two offsets."""
        blocks = range(start // BLOCK, (max(end, start + 1) - 1) // BLOCK + 1)
        data = b"".join(self.block(index) for index in blocks)
        first = blocks.start * BLOCK
        return data[start - first : end - first]

    def block(self, index: int) -> bytes:
        """Return a block, not beyond the last known size; the last one may be short."""
        offset = index * BLOCK
        return self._cached(offset, min(self.size - offset, BLOCK))

    def line_start(self, offset: int) -> int:
        """Return the start of the line that contains the byte at an offset."""
        index = offset // BLOCK
        block = self.block(index)
        at = block.rfind(b"\n", 0, offset - index * BLOCK)
        if at >= 0:
            return index * BLOCK + at + 1
        if index == 0 or _is_one_line(block):
            return index * BLOCK
        before = self.block(index - 1)
        return (index - 1) * BLOCK + before.rfind(b"\n") + 1 if b"\n" in before else index * BLOCK

    def line_end(self, offset: int) -> int:
        """Return the end (exclusive) of the line that contains the byte at an offset."""
        index = offset // BLOCK
        block = self.block(index)
        at = block.find(b"\n", offset - index * BLOCK)
        if at >= 0:
            return index * BLOCK + at + 1
        following = self.block(index + 1) if len(block) == BLOCK else b""
        if _is_one_line(block) or _is_one_line(following):
            return (index + 1) * BLOCK
        at = following.find(b"\n")
        return self.size if at < 0 else (index + 1) * BLOCK + at + 1

    def _reset(self, identity: tuple[int, int] | None) -> None:
        self._cached.cache_clear()
        self._identity = identity
        self.generation += 1
        self.size = 0

    def _try_to_open(self) -> str:
        try:
            self.path.open("rb").close()
        except NotPlainFileError as error:
            return f"the log is {error.kind}, not a regular file"
        except OSError:
            pass  # retried at the next change
        return ""


def _pread(path: File, offset: int, count: int) -> bytes:
    if count <= 0:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(count)
    except OSError:
        return b""


def _is_one_line(block: bytes) -> bool:
    return len(block) == BLOCK and b"\n" not in block
