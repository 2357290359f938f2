"""The lines of a log, and their prefixes: time, level, logger, thread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.text import forms

# The lines of a log as a terminal shows them: without colours and cursor movements.


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


# The prefix that a logger puts before a message: timestamp, level, logger, process, source line.
#
# The rule: a prefix begins with a timestamp, a level, a source line or a process. A bare word after
# one of them is the logger's name only where a separator, or the message's step, follows it. A
# logger that writes JSON puts the message into a field.


MESSAGES = ("message", "msg", "event", "text")
LEVELS = ("level", "levelname", "severity", "lvl", "log.level")
"""Fields of a log record in JSON."""

_ADDED = ("extra", "metrics", "data", "fields", "context", "payload")
"""Fields of a log record in JSON with the fields that a call of the logger added."""


def message(line: str) -> str:
    """Return a line without its logger's prefix."""
    if line.startswith('{"'):
        with suppress(ValueError, RecursionError):
            return record_message(json.loads(line)) or line
        return line
    return forms.message(line)


def record_message(record: Mapping[str, Any]) -> str | None:
    """Return the message of a log record; None for any other object."""
    inner = record.get("record")  # as loguru serialises it
    fields = inner if isinstance(inner, dict) else record
    if not any(name in fields for name in LEVELS):
        # A record without a level has a message, and nothing with numbers.
        texts = all(isinstance(value, str | None) for value in fields.values())
        if not texts or fields.keys().isdisjoint(MESSAGES[:2]):
            return None
    return next((text for name in MESSAGES if isinstance(text := fields.get(name), str)), None)


def record_fields(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields that a call of a logger added to a record, or to a part of it."""
    inner = record.get("record")
    fields = inner if isinstance(inner, dict) else record
    added = (value for name in _ADDED if isinstance(value := fields.get(name), dict))
    return next(added, record)
