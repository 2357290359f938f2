"""Files that are kept open between two reads: few, those that grew last."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from trainui import limits
from trainui.metrics.reader.tail import FileState, GrowingFile, ShortageError, look_at

MOST = 256
"""Files that are kept open; no more than half of what the process may open."""


class OpenFiles:
    """A cache of open files, from which the least recently used are closed."""

    def __init__(self, most: int | None = None) -> None:
        self._most = max(1, min(MOST, limits.open_files() // 2) if most is None else most)
        self._files: OrderedDict[GrowingFile, None] = OrderedDict()

    def open(self, path: Path) -> GrowingFile:
        """Open a file, closing others where too many are open.

        Raises:
            FileNotFoundError: there is none yet.
            UnreadableFileError: it cannot be read.
            ShortageError: no descriptor is left, though all others are closed.
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
        """Note that a file was read."""
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
    """The file that has a name; it is opened when it is read, and may be closed in between."""

    def __init__(self, path: Path, files: OpenFiles, *, follows: bool) -> None:
        """Open nothing yet.

        Args:
            path: its name.
            files: keeps it open.
            follows: once closed, another file that has the name by then is opened in its place.
        """
        self.path = path
        self._files = files
        self._follows = follows
        self._file: GrowingFile | None = None
        self._opened: FileState | None = None

    def open(self) -> GrowingFile | None:
        """Return the file; None while there is none, or where its name is another file's.

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
        """Keep it open rather than files that were used before."""
        if self._file is not None:
            self._files.use(self._file)

    def rests(self, seen: FileState | None) -> bool:
        """Tell whether it was closed to keep few open, and is still as it was seen."""
        is_closed = self._file is not None and self._file.is_closed
        return is_closed and seen is not None and look_at(self.path) == seen

    def is_replaced(self) -> bool:
        """Tell whether its name leads to another file than the one that was opened."""
        if self._opened is None:
            return False
        named = look_at(self.path)
        return named is not None and not named.is_same_file(self._opened)

    def close(self) -> None:
        """Close it, and open next whichever file has the name."""
        if self._file is not None:
            self._files.close(self._file)
        self._file = self._opened = None
