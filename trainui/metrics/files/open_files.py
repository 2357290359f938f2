"""An LRU cache of open files: those that grew last stay open between reads."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from trainui import open_file_limit
from trainui.metrics.files.tail import FileState, GrowingFile, ShortageError, look_at

MOST = 256
"""The most files kept open; also at most half of the process's descriptor limit."""


class OpenFiles:
    """A cache of open files; it closes the least recently used ones."""

    def __init__(self, most: int | None = None) -> None:
        self._most = max(1, min(MOST, open_file_limit.open_files() // 2) if most is None else most)
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
