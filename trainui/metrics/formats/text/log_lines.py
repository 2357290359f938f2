"""The lines of a log as a terminal shows them: without colours and cursor movements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainui.metrics.formats.decoder import Decoder

MAX_LINE = 65_536
"""Characters of a line that are read; the rest is ignored."""

_CONTROL = re.compile(
    # Colours and cursor movements, window titles, other escape sequences, backspaces.
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|\x08|\x00"
)

_LINE_END = re.compile(r"[\r\n]+")
_LINE = re.compile(r"([^\r\n]+)([\r\n]*)")

_CURSOR_UP = "\x1b[A"
"""Written between progress bars drawn one below another: it leaves a line unfinished."""


class LogDecoder(Decoder):
    """Decodes the lines of a log."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole lines; a progress bar ends its lines with `\\r`."""
        return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def text_lines(block: bytes) -> Iterator[str]:
    """Yield the non-empty lines of some bytes."""
    for line in _LINE_END.split(_CONTROL.sub("", block.decode("utf-8", "replace"))):
        if line:
            yield line[:MAX_LINE]


def lines_with_ends(block: bytes) -> Iterator[str]:
    """Yield the same lines; one ended by a line feed keeps its `\\n`: it is not redrawn again."""
    text = _CONTROL.sub("", block.decode("utf-8", "replace").replace(_CURSOR_UP, "\r"))
    if "\r" not in text:  # split faster than matched
        *whole, rest = text.split("\n")
        yield from [f"{line[:MAX_LINE]}\n" for line in whole if line]
        yield from [rest[:MAX_LINE]] if rest else ()
        return
    for found in _LINE.finditer(text):
        yield f"{found[1][:MAX_LINE]}\n" if "\n" in found[2] else found[1][:MAX_LINE]
