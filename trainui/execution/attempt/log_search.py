"""Searches logs for a regular expression in a separate process with a CPU limit.

Some patterns backtrack forever on some lines, and the `re` module lets no other thread run while it
searches. Run by path as `python -I -S log_search.py SECONDS DESCRIPTOR...`, with the pattern on
stdin. Exit code: `FOUND`, `NOT_FOUND`, or negative if the limit ended it.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence

FOUND, NOT_FOUND = 0, 3

BLOCK = 1 << 20
"""Bytes searched at once."""

OVERLAP = 1 << 13
"""Bytes of the previous block that are searched again, for multi-line patterns."""

SECONDS = 5.0
"""CPU time allowed, plus one second for each `BYTES_A_SECOND`."""

BYTES_A_SECOND = 500_000
"""A pattern that is slower backtracks."""


def main(seconds: float, descriptors: Sequence[int], pattern: str) -> int:
    """Search the logs within the CPU limit; return the exit code."""
    size = sum(os.fstat(descriptor).st_size for descriptor in descriptors)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds + size / BYTES_A_SECOND)  # SIGVTALRM kills
    return FOUND if search(descriptors, pattern) else NOT_FOUND


def search(descriptors: Sequence[int], pattern: str) -> bool:
    """Return True if one of the open files matches a pattern; closes those that were read."""
    compiled = re.compile(pattern, re.MULTILINE)
    blocks = (block for descriptor in descriptors for block in _blocks(descriptor))
    return any(compiled.search(block) for block in blocks)


def _blocks(descriptor: int) -> Iterator[str]:
    """Yield a log in blocks of bounded size; all but the last end at the end of a line."""
    with open(descriptor, "rb") as file:
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


def _text(data: bytes) -> str:
    """Decode a log; carriage returns of progress bars become line ends."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


if __name__ == "__main__":
    given = io.TextIOWrapper(sys.stdin.buffer, "utf-8").read()
    sys.exit(main(float(sys.argv[1]), [int(descriptor) for descriptor in sys.argv[2:]], given))
