"""The end of a growing log, read on from where the last look ended.

How much is kept is decided here: a log of any size opens at once, and a flood is skipped, never
waited for.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from trainui.text import as_overwritten, harmless

WINDOW = 256 * 1024
"""Bytes before the end at which reading begins."""

KEPT_LINES = 3000
"""Lines to scroll back over."""

FLOOD = 2 * 1024 * 1024
"""Bytes. Where more came since the last look, reading begins anew before the end."""

LONGEST_LINE = 8192
"""Bytes of a line that are shown."""


class LogReader:
    """Reads one file; it need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.cut = False
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._partial = b""
        self._offset = 0
        self._identity: tuple[int, int] | None = None

    def read(self) -> tuple[str, ...]:
        """Return the last lines, also of what was written since the last call."""
        try:
            with self.path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                self._follow(status)
                self._take(os.pread(file.fileno(), self.size - self._offset, self._offset))
        except OSError:
            self._restart(0)
            self.size = 0
        last = (shown_line(self._partial),) if self._partial else ()
        return (*self._lines, *last)

    def _follow(self, status: os.stat_result) -> None:
        """Begin anew where the file is another one, or more was written than can be read."""
        identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        grown = self.size - self._offset
        if identity != self._identity or grown < 0 or grown > FLOOD:
            self._identity = identity
            self._restart(max(self.size - WINDOW, 0))

    def _restart(self, offset: int) -> None:
        self._offset = offset
        self._lines.clear()
        self._partial = b""
        self.cut = offset > 0

    def _take(self, data: bytes) -> None:
        if not data:
            return
        begins_inside = self.cut and not self._lines and not self._partial
        self._offset += len(data)
        *whole, rest = (self._partial + data).split(b"\n")
        if begins_inside and whole:
            del whole[0]
        if len(self._lines) + len(whole) > KEPT_LINES:
            self.cut = True
        self._lines.extend(shown_line(line) for line in whole[-KEPT_LINES:])
        self._partial = _last_state(rest)


def _last_state(partial: bytes) -> bytes:
    """Return what a line without its end needs to be kept of: a progress bar overwrites itself."""
    if len(partial) <= LONGEST_LINE:
        return partial
    before, _, last = partial.rpartition(b"\r")
    if last.strip():
        return last[:LONGEST_LINE]
    return before.rpartition(b"\r")[2][:LONGEST_LINE]


def shown_line(line: bytes) -> str:
    """Return a line as it is shown: progress bars folded, colours left out, harmless."""
    if len(line) > LONGEST_LINE:
        line = _last_state(line) + " …".encode()
    text = as_overwritten(line.decode("utf-8", "replace"))
    return harmless(text).expandtabs(8).rstrip()


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
