"""Table rows that span several lines: a quoted cell may contain line feeds (RFC 4180).

The rule: a quote that is never closed, or whose closing quote does not end a cell, is a writer's
mistake and swallows no line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import pairwise

MAX_BYTES = 65_536
"""Bytes of lines held back until a quote is closed; a longer quote is taken for a mistake."""

_QUOTE = '"'


def begun(lines: bytes) -> int | None:
    """Return the offset of the last row, if it is incomplete."""
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
    """Return the rows of a table, joining the lines of each."""
    odd = [at for at, line in enumerate(lines) if line.count(_QUOTE) % 2]
    found: list[str] = []
    at = 0
    for first, last in pairwise(odd):
        if first < at:
            continue  # it was part of the row before
        row = "\n".join(lines[first : last + 1])
        if len(row) <= MAX_BYTES and _is_row(row, delimiter):
            found += [*lines[at:first], row]
            at = last + 1
    return [*found, *lines[at:]]


def _is_row(text: str, delimiter: str) -> bool:
    """Return True if a text is one row with its quotes balanced."""
    try:
        cells = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return False
    return len(cells) == 1
