"""Searches the logs of an ended attempt for a pattern, and returns their last lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from trainui import plain_files
from trainui.supervisor import protocol
from trainui.text import as_overwritten

BLOCK = 1 << 20
"""Bytes searched at once."""

OVERLAP = 1 << 13
"""Bytes of the previous block that are searched again, for multi-line patterns."""

TAIL_BYTES = 1 << 14
TAIL_LINES = 20


def holds(attempt_dir: Path, pattern: str) -> bool:
    """Return True if stdout or stderr contains a pattern; `^` and `$` match at line ends.

    Raises:
        re.error: it is not a valid regular expression.
    """
    compiled = re.compile(pattern, re.MULTILINE)
    logs = (attempt_dir / name for name in (protocol.STDOUT_FILE, protocol.STDERR_FILE))
    return any(compiled.search(text) for log in logs for text in _blocks(log))


def _blocks(log: Path) -> Iterator[str]:
    """Yield a log in blocks of bounded size; all but the last end at the end of a line."""
    try:
        file = plain_files.open_plain(log)
    except FileNotFoundError:
        return
    with file:
        rest = b""
        while block := file.read(BLOCK):
            rest += block
            end = _end_of_lines(rest)
            yield _text(rest[:end])
            rest = rest[_overlap_start(rest, end) :]
        yield _text(rest)


def _end_of_lines(data: bytes) -> int:
    """Return the offset after the last complete line; a line longer than a block is cut."""
    end = data.rfind(b"\n") + 1
    return end if end and len(data) - end <= BLOCK else len(data)


def _overlap_start(data: bytes, end: int) -> int:
    """Return the offset at which the next search starts (overlap with this block)."""
    if end <= OVERLAP:
        return 0
    line_end = data.find(b"\n", end - OVERLAP, end - 1)
    return end - OVERLAP if line_end < 0 else line_end + 1


def tail(attempt_dir: Path) -> str:
    """Return the last lines of stderr, or of stdout if stderr is empty."""
    for name in (protocol.STDERR_FILE, protocol.STDOUT_FILE):
        lines = _last_lines(attempt_dir / name)
        if lines:
            return "\n".join(lines)
    return ""


def last_match(attempt_dir: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the last line near the end of stderr, else of stdout, that fully matches a pattern."""
    for name in (protocol.STDERR_FILE, protocol.STDOUT_FILE):
        for line in reversed(_end_of(attempt_dir / name)):
            for part in reversed(line.split("\r")):
                if pattern.fullmatch(part.rstrip()):
                    return part.rstrip()
    return None


def _last_lines(log: Path) -> list[str]:
    return [line for line in end_lines(log) if line][-TAIL_LINES:]


def end_lines(log: Path, size: int = TAIL_BYTES) -> list[str]:
    """Return the last lines of a log, within `size` bytes, as a terminal shows them."""
    return [as_overwritten(line).rstrip() for line in _end_of(log, size)]


def _end_of(log: Path, size: int = TAIL_BYTES) -> list[str]:
    try:
        with plain_files.open_plain(log) as file:
            file.seek(0, 2)
            start = max(0, file.tell() - size)
            file.seek(start)
            data = file.read(size)
    except OSError:
        return []
    lines = _decoded(data).split("\n")
    if start:  # the first line is cut: keep only what follows a carriage return
        lines[0] = lines[0].partition("\r")[2]
    return [line.rstrip() for line in lines]


def _text(data: bytes) -> str:
    """Decode a log; carriage returns of progress bars become line ends."""
    return _decoded(data).replace("\r", "\n")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
