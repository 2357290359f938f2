"""The lines of a log as a terminal would show them: no colours, no cursor moves."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_LINE = 65_536
"""Characters of a line that are looked at."""

_CONTROL = re.compile(
    # Colours and cursor moves, titles of the terminal's window, other escapes, backspaces.
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|\x08|\x00"
)

_LINE_END = re.compile(r"[\r\n]+")
_LINE = re.compile(r"([^\r\n]+)([\r\n]*)")

_CURSOR_UP = "\x1b[A"
"""How bars below others are drawn: it leaves a line unfinished, as a `\\r` does."""


def cut_lines(data: bytes) -> int:
    """Return how many bytes of whole lines there are; a progress bar ends its with `\\r`."""
    return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def text_lines(block: bytes) -> Iterator[str]:
    """Yield the lines of some bytes that are not empty."""
    for line in _LINE_END.split(_CONTROL.sub("", block.decode("utf-8", "replace"))):
        if line:
            yield line[:MAX_LINE]


def lines_with_ends(block: bytes) -> Iterator[str]:
    """Yield the same lines, those that a line feed ends with a `\\n`: they are drawn no more."""
    text = _CONTROL.sub("", block.decode("utf-8", "replace").replace(_CURSOR_UP, "\r"))
    for found in _LINE.finditer(text):
        yield f"{found[1][:MAX_LINE]}\n" if "\n" in found[2] else found[1][:MAX_LINE]
