"""Finds the rows and definitions of a W&B log by their first bytes, without walking its frames.

Two records of three are summaries, so walking from frame to frame takes most of the time. What
looks like a frame and is none has another checksum.
"""

from __future__ import annotations

import re
import struct
import zlib
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from trainui.metrics.formats.protobuf import DAMAGED, fields

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
_SUM_AND_LENGTH = struct.Struct("<IH")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY_TAG, SUMMARY_TAG, METRIC_TAG = 0x12, 0x1A, 0x62
"""The first bytes of a row, a summary and a definition, behind the record's number."""

_SIZE = rb"[\x80-\xff]{0,4}[\0-\x7f]"
_NUMBER = rb"\x08[\x80-\xff]{0,9}[\0-\x7f]"
_INFO = rb"\xc2\x0c"
"""The tag of a record's information, which what the training itself has set has in front."""
_HEAD = _NUMBER + rb"(?:([\x12\x62])(" + _SIZE + rb")|" + _INFO + rb")"
_WHOLE = re.compile(rb"\x01" + _HEAD, re.DOTALL)
_SUMMARY = re.compile(_NUMBER + rb"(?:\x1a" + _SIZE + rb"|(" + _INFO + rb"))", re.DOTALL)
_WHOLE_SUMMARY = re.compile(rb"\x01" + _SUMMARY.pattern, re.DOTALL)
_BEGUN = re.compile(rb"\x02(?=\x08)")
_CONTENT = re.compile(_HEAD, re.DOTALL)


class Found(NamedTuple):
    """The rows and definitions in some bytes of a log."""

    size: int
    """Bytes up to the end of the last one."""
    rows: list[bytes]
    definitions: list[tuple[int, bytes]]
    """Each behind the number of rows before it."""


def find(data: bytes, offset: int) -> Found:
    """Return the rows and the definitions in some bytes.

    Args:
        data: bytes of the file.
        offset: where in the file they begin: at a record, or at a block.
    """
    ends, rows, definitions = _in_one_fragment(data)
    for end, tag, content in _in_several(data, offset):
        at = bisect(ends, end)
        if tag == HISTORY_TAG:
            ends.insert(at, end)
            rows.insert(at, content)
        else:
            definitions.append((end, content))
    definitions.sort()
    last = max(ends[-1:] + [end for end, _content in definitions[-1:]], default=0)
    return Found(last, rows, [(bisect(ends, end), content) for end, content in definitions])


def summaries(data: bytes, offset: int) -> list[bytes]:
    """Return the summaries in some bytes, which begin at a record or at a block."""
    unpack, crc32 = _SUM_AND_LENGTH.unpack_from, zlib.crc32
    found = list[tuple[int, bytes]]()
    for end, record in _records_in_several(data, offset):
        if _SUMMARY.match(record):
            found += [(end, content) for _tag, content in contents(record, SUMMARY_TAG)]
    for head in _WHOLE_SUMMARY.finditer(data, FRAME.size - 1):
        kind_at, begin = head.span()
        checksum, length = unpack(data, kind_at + 1 - FRAME.size)
        end = kind_at + 1 + length
        if crc32(data[kind_at:end]) == checksum:
            if head[1] is None:
                found.append((end, data[begin:end]))  # all of the rest
            else:
                record = data[kind_at + 1 : end]
                found += [(end, content) for _tag, content in contents(record, SUMMARY_TAG)]
    found.sort()
    return [content for _end, content in found]


def contents(record: bytes, *tags: int) -> Iterator[tuple[int, bytes]]:
    """Yield what a record contains by some tags; nothing if it is damaged."""
    with suppress(*DAMAGED):
        yield from (
            (key << 3 | 2, content) for key, content, _at in fields(record) if key << 3 | 2 in tags
        )


def _in_one_fragment(data: bytes) -> tuple[list[int], list[bytes], list[tuple[int, bytes]]]:
    """Return the ends of the rows in one fragment, these, and the definitions behind their ends."""
    unpack, crc32 = _SUM_AND_LENGTH.unpack_from, zlib.crc32
    ends, rows, definitions = list[int](), list[bytes](), list[tuple[int, bytes]]()
    for found in _WHOLE.finditer(data, FRAME.size - 1):
        kind_at, begin = found.span()
        checksum, length = unpack(data, kind_at + 1 - FRAME.size)
        end = kind_at + 1 + length
        if crc32(data[kind_at:end]) != checksum:
            continue  # it is something else, or not written yet
        if found.lastindex is None:
            for tag, content in contents(data[kind_at + 1 : end], HISTORY_TAG, METRIC_TAG):
                if tag == METRIC_TAG:
                    definitions.append((end, content))
                else:
                    ends.append(end)
                    rows.append(content)
            continue
        if data[begin - 3] == HISTORY_TAG and data[begin - 2] & 0x80:  # nearly all of them
            size = data[begin - 2] & 0x7F | data[begin - 1] << 7
        elif found[1][0] == HISTORY_TAG:
            size = _number(found[2])
        else:
            definitions.append((end, data[begin : begin + _number(found[2])]))
            continue
        ends.append(end)
        rows.append(data[begin : begin + size])
    return ends, rows, definitions


def _in_several(data: bytes, offset: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the end, the tag and the content of rows and definitions in several fragments."""
    for end, record in _records_in_several(data, offset):
        if _CONTENT.match(record) is not None:
            for tag, content in contents(record, HISTORY_TAG, METRIC_TAG):
                yield end, tag, content


def _records_in_several(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the content of records that begin in one block and end in another."""
    for edge in range(BLOCK - offset % BLOCK, len(data), BLOCK):
        if (part := _fragment(data, edge)) is None or part[0] not in (MIDDLE, LAST):
            continue
        if (begun := _begun(data, max(edge - BLOCK, 0), edge)) is None:
            continue
        parts = [begun]
        while part is not None and part[0] == MIDDLE:
            parts.append(part[1])
            edge += BLOCK
            part = _fragment(data, edge)
        if part is not None and part[0] == LAST:
            yield edge + FRAME.size + len(part[1]), b"".join((*parts, part[1]))


def _begun(data: bytes, start: int, edge: int) -> bytes | None:
    """Return the fragment that begins a record and ends at the edge of a block."""
    if (empty := _fragment(data, edge - FRAME.size)) is not None and empty == (FIRST, b""):
        return b""
    for found in _BEGUN.finditer(data, start, edge):
        part = _fragment(data, found.start() + 1 - FRAME.size)
        if part is not None and found.start() + 1 + len(part[1]) == edge:
            return part[1]
    return None


def _fragment(data: bytes, at: int) -> tuple[int, bytes] | None:
    """Return the kind of a fragment and what it contains; None if there is no whole one."""
    if not 0 <= at <= len(data) - FRAME.size:
        return None
    checksum, length, kind = FRAME.unpack_from(data, at)
    begin = at + FRAME.size
    whole = begin + length <= len(data)
    if not whole or zlib.crc32(data[begin - 1 : begin + length]) != checksum:
        return None
    return kind, data[begin : begin + length]


def _number(varint: bytes) -> int:
    return sum((byte & 0x7F) << 7 * at for at, byte in enumerate(varint))
