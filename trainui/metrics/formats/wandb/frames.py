"""The frames of a W&B log, LevelDB's with another checksum, and the tags of its records."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
_SUM_AND_LENGTH = struct.Struct("<IH")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY_TAG, SUMMARY_TAG, METRIC_TAG = 0x12, 0x1A, 0x62
"""The first bytes of a row, a summary and a definition, behind the record's number."""

Content = tuple[int, int, bytes]
"""The end of a record, and the tag and the bytes of what it contains."""

_BEGUN = b"\x02\x08"
"""The first bytes of a record that begins in one block and ends in another."""


def framed(data: bytes, heads: Iterable[re.Match[bytes]]) -> Iterator[tuple[re.Match[bytes], int]]:
    """Yield those matches that begin at the kind of a whole fragment, each with that one's end.

    What is something else, or not written yet, has another checksum.
    """
    unpack, crc32, before = _SUM_AND_LENGTH.unpack_from, zlib.crc32, FRAME.size - 1
    for head in heads:
        kind_at = head.start()
        checksum, length = unpack(data, kind_at - before)
        end = kind_at + 1 + length
        if crc32(data[kind_at:end]) == checksum:
            yield head, end


def records_in_several(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the content of records that begin in one block and end in another."""
    for edge in range(BLOCK - offset % BLOCK, len(data), BLOCK):
        if (part := fragment(data, edge)) is None or part[0] not in (MIDDLE, LAST):
            continue
        if (begun := _begun(data, max(edge - BLOCK, 0), edge)) is None:
            continue
        parts = [begun]
        while part is not None and part[0] == MIDDLE:
            parts.append(part[1])
            edge += BLOCK
            part = fragment(data, edge)
        if part is not None and part[0] == LAST:
            yield edge + FRAME.size + len(part[1]), b"".join((*parts, part[1]))


def _begun(data: bytes, start: int, edge: int) -> bytes | None:
    """Return the fragment that begins a record and ends at the edge of a block."""
    if (empty := fragment(data, edge - FRAME.size)) is not None and empty == (FIRST, b""):
        return b""
    at = data.rfind(_BEGUN, start, edge)
    while at >= 0:
        part = fragment(data, at + 1 - FRAME.size)
        if part is not None and at + 1 + len(part[1]) == edge:
            return part[1]
        at = data.rfind(_BEGUN, start, at + 1)
    return None


def fragment(data: bytes, at: int) -> tuple[int, bytes] | None:
    """Return the kind of a fragment and what it contains; None if there is no whole one."""
    if not 0 <= at <= len(data) - FRAME.size:
        return None
    checksum, length, kind = FRAME.unpack_from(data, at)
    begin = at + FRAME.size
    whole = begin + length <= len(data)
    if not whole or zlib.crc32(data[begin - 1 : begin + length]) != checksum:
        return None
    return kind, data[begin : begin + length]
