"""Where the lines of a file begin and end, found from any byte of it, forwards and backwards.

A line ends after a line feed. So that nothing of a file without line feeds has to be read whole,
a block without any is a line of its own: only this module decides that.
"""

from __future__ import annotations

from collections import OrderedDict

from trainui.domain.file_access import File
from trainui.errors import NotPlainFileError

BLOCK = 64 * 1024
"""Bytes that are read at once, from multiples of as many on."""

KEPT = 32
"""Blocks that are kept in memory."""


class BlockFile:
    """A file that grows; it need not exist yet."""

    def __init__(self, path: File) -> None:
        self.path = path
        self.size = 0
        """Bytes, as of the last look."""
        self.generation = 0
        """How often it became another file, or a shorter one."""
        self.problem = ""
        """Why it is not read, where it is there."""
        self._identity: tuple[int, int] | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def look(self) -> bool:
        """Look how long the file is; returns whether anything of it has changed."""
        try:
            status = self.path.stat()
        except OSError:
            changed = self._identity is not None
            if changed:
                self._begin_anew(None)
            self.size = 0
            return changed
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity or status.st_size < self.size:
            self._begin_anew(identity)
            self.problem = self._try_to_open()
        elif status.st_size == self.size:
            return False
        self._blocks.pop(self.size // BLOCK, None)
        self.size = status.st_size
        return True

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes between two offsets."""
        blocks = range(start // BLOCK, (max(end, start + 1) - 1) // BLOCK + 1)
        data = b"".join(self.block(index) for index in blocks)
        first = blocks.start * BLOCK
        return data[start - first : end - first]

    def block(self, index: int) -> bytes:
        """Return a block, the last one as far as it goes."""
        known = self._blocks.get(index)
        if known is not None:
            self._blocks.move_to_end(index)
            return known
        data = self._pread(index * BLOCK)
        self._blocks[index] = data
        if len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return data

    def line_start(self, offset: int) -> int:
        """Return where the line that holds the byte at an offset begins."""
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
        """Return the offset after the line that holds the byte at an offset."""
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

    def _begin_anew(self, identity: tuple[int, int] | None) -> None:
        self._blocks.clear()
        self._identity = identity
        self.generation += 1
        self.size = 0

    def _try_to_open(self) -> str:
        try:
            self.path.open("rb").close()
        except NotPlainFileError as error:
            return f"the log is {error.kind} and no plain file"
        except OSError:
            pass  # it is looked at again, and may be readable then
        return ""

    def _pread(self, offset: int) -> bytes:
        """Read a block, no further than to the size that was seen last."""
        count = min(self.size - offset, BLOCK)
        if count <= 0:
            return b""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(count)
        except OSError:
            return b""


def _is_one_line(block: bytes) -> bool:
    return len(block) == BLOCK and b"\n" not in block
