"""Rows of a table that take several lines: a cell in quotes may hold line feeds (RFC 4180).

The rule that lives here: a quote that nothing ends, or behind whose end no cell ends, is a slip of
its writer's, and swallows no line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import pairwise

MAX_BYTES = 65_536
"""Of lines that are held back until a quote is ended; more of them, and it is a slip."""

_QUOTE = '"'


def begun(lines: bytes) -> int | None:
    """Return where the last row begins, if its end is still to come."""
    if lines.count(b'"') % 2 == 0:
        return None
    end = len(lines)
    while True:
        start = lines.rfind(b"\n", 0, end - 1) + 1
        if len(lines) - start > MAX_BYTES:
            return None
        if lines.count(b'"', start, end) % 2:
            return start
        end = start


def rows(lines: Sequence[str], delimiter: str) -> list[str]:
    """Return the rows of a table, the lines of each put together."""
    odd = [at for at, line in enumerate(lines) if line.count(_QUOTE) % 2]
    found: list[str] = []
    at = 0
    for first, last in pairwise(odd):
        if first < at:
            continue  # it was the last line of the row before
        row = "\n".join(lines[first : last + 1])
        if len(row) <= MAX_BYTES and _is_row(row, delimiter):
            found += [*lines[at:first], row]
            at = last + 1
    return [*found, *lines[at:]]


def _is_row(text: str, delimiter: str) -> bool:
    """Tell whether a text is one row, each quote in its place."""
    try:
        cells = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return False
    return len(cells) == 1
