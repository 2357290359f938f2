"""W&B's `run-ID.wandb`, of which the history is read: rows, and definitions of step metrics.

Its records are in LevelDB's frames with another checksum; the messages are those of
`wandb_internal.proto`: https://github.com/wandb/wandb. Records are found by their first bytes, many
at once with NumPy: two of three are summaries, so walking from frame to frame takes most of the
time. A checksum distinguishes a record from bytes that only look like one, and from one that is not
written yet.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from trainui.plugin import Answer
from trainui.plugin.reading import PROTOBUF_ERRORS as DAMAGED
from trainui.plugin.reading import Bytes, Decoded, Decoder, Ints, UnknownFormatError, WholeTable
from trainui.plugin.reading import protobuf_fields as fields
from trainui.plugins.wandb.rows import StepMetrics, series

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

_FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY, SUMMARY, METRIC = 2, 3, 12
"""The fields of a record that has a row, a summary or a definition."""

Content = tuple[int, int, bytes]
"""The end of a record, the key of a field of it, and what that contains."""

_NUMBER_TAG = 0x08
"""The first byte of a record: the tag of its number."""
_BEGUN = bytes((FIRST, _NUMBER_TAG))
"""The first bytes of a record that begins in one block and ends in another."""
_LONGEST_HEAD = 16
"""More bytes than the short head of a record has, behind the kind of its fragment."""


def contents(data: bytes, offset: int, *wanted: int) -> list[Content]:
    """Return what whole records contain by the wanted fields, in the order of the log.

    `offset` is the place of the data in the file, to which blocks are aligned.
    """
    found, others = _in_short_form(data, wanted)
    for kind_at in others:
        checksum, length = struct.unpack_from("<IH", data, kind_at + 1 - _FRAME.size)
        end = kind_at + 1 + length
        if zlib.crc32(data[kind_at:end]) == checksum:
            found += _by_field(data[kind_at + 1 : end], end, wanted)
    for end, record in _in_several_fragments(data, offset):
        found += _by_field(record, end, wanted)
    return sorted(found, key=itemgetter(0))


def _by_field(record: bytes, end: int, wanted: tuple[int, ...]) -> Iterator[Content]:
    """Yield what a record contains; nothing if it is damaged."""
    with suppress(*DAMAGED):
        for key, content, _at in fields(record):
            if key in wanted:
                yield end, key, content


def _in_short_form(data: bytes, wanted: tuple[int, ...]) -> tuple[list[Content], list[int]]:
    """Return the records of the usual form, and where others that may be wanted may begin.

    The usual form is one fragment with a number of up to three bytes, then a wanted field whose
    size takes one or two. One by one, finding them takes longer than decoding them. The others are
    returned as the offsets of what may be the kind of a fragment.
    """
    whole = np.frombuffer(data, np.uint8)
    first = _FRAME.size - 1
    kinds = np.flatnonzero(whole[first + 1 :] == _NUMBER_TAG) + first
    kinds = kinds[whole[kinds] == FULL]
    last = kinds[kinds >= len(data) - _LONGEST_HEAD].tolist()
    kinds = kinds[: len(kinds) - len(last)]
    tags = kinds + 3
    for _byte in range(2):
        tags += whole[tags - 1] >= 0x80
    may_be_wanted = np.arange(256) >= 0x80  # a tag of several bytes
    may_be_wanted[[key << 3 | 2 for key in wanted if key < 16]] = True
    is_kept = may_be_wanted[whole[tags]] | (whole[tags - 1] >= 0x80)
    kinds, tags = kinds[is_kept], tags[is_kept]
    low, high = whole[tags + 1], whole[tags + 2]
    # a set high bit: the number, the tag, or the size has more bytes
    is_short = (whole[tags - 1] | whole[tags] | (low & high)) < 0x80
    others = kinds[~is_short].tolist()
    kinds, tags, low, high = (one[is_short] for one in (kinds, tags, low, high))
    has_two = low >= 0x80
    begins = tags + 2 + has_two
    sizes = (low & 0x7F) + np.where(has_two, high, 0).astype(np.int64) * 128
    ends = kinds + 1 + _little(whole, kinds - 2, 2)
    sums = _little(whole, kinds - 6, 4)
    keys = whole[tags] >> 3
    columns = (one.tolist() for one in (kinds, ends, keys, begins, begins + sizes, sums))
    crc32 = zlib.crc32
    found = [
        (end, key, data[begin:stop])
        for kind_at, end, key, begin, stop, checksum in zip(*columns, strict=True)
        if crc32(data[kind_at:end]) == checksum
    ]
    return found, others + last


def _little(whole: Bytes, at: Ints, size: int) -> Ints:
    """Return the little-endian numbers at some places."""
    number = np.zeros(len(at), np.int64)
    for byte in range(size):
        number |= whole[at + byte].astype(np.int64) << 8 * byte
    return number


def _in_several_fragments(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
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
            yield edge + _FRAME.size + len(part[1]), b"".join((*parts, part[1]))


def _begun(data: bytes, start: int, edge: int) -> bytes | None:
    """Return the fragment that begins a record and ends at the edge of a block."""
    if fragment(data, edge - _FRAME.size) == (FIRST, b""):
        return b""
    at = data.rfind(_BEGUN, start, edge)
    while at >= 0:
        part = fragment(data, at + 1 - _FRAME.size)
        if part is not None and at + 1 + len(part[1]) == edge:
            return part[1]
        at = data.rfind(_BEGUN, start, at + 1)
    return None


def fragment(data: bytes, at: int) -> tuple[int, bytes] | None:
    """Return the kind of a fragment and what it contains; None if there is no whole one."""
    if not 0 <= at <= len(data) - _FRAME.size:
        return None
    checksum, length, kind = _FRAME.unpack_from(data, at)
    begin = at + _FRAME.size
    whole = begin + length <= len(data)
    if not whole or zlib.crc32(data[begin - 1 : begin + length]) != checksum:
        return None
    return kind, data[begin : begin + length]


MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""

_LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a log by its first bytes."""
    del path, complete
    return Answer.YES if head.startswith(MAGIC) else Answer.NO


class NewerWandbError(UnknownFormatError):
    """A file of a version that is not known."""


class WandbFile(Decoder):
    """Decodes the history of a run.

    The step is the run's step metric, else W&B's own, which counts the calls of `log`.
    """

    name = "wandb"
    has_marked_ends = True

    _found: tuple[int, list[Content]] = (0, [])
    """Of the last block cut: its size, and the rows and definitions in it."""

    def begin_at(self, offset: int) -> None:
        """Note the offset: frames are aligned to the file."""
        self.state["offset"] = offset

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records.

        Raises:
            NewerWandbError: the file's version is not known.
        """
        offset = self.state.get("offset", 0)
        if not offset and not (data.startswith(_HEADER) or _HEADER.startswith(data)):
            raise NewerWandbError(
                f"{self._path} has a newer version of W&B's log format than 0, the only one that "
                "trainui reads; write the metrics to another file too"
            )
        records = contents(data, offset, HISTORY, METRIC)
        size = records[-1][0] if records else _before_last_record(data, offset)
        self._found = size, records
        return size

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._found[0] != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole = WholeTable()
        for key, group in groupby(self._found[1], key=itemgetter(1)):
            messages = [message for _end, _key, message in group]
            if key == HISTORY:
                whole.add(Decoded(series(messages, step_metrics), len(messages)))
                continue
            for definition in messages:
                with suppress(*DAMAGED):
                    step_metrics.define(definition)
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()


def _before_last_record(data: bytes, offset: int) -> int:
    """Return where the last record begins that is first in its block; 0 if there is none.

    The parts of a record that is too long count as such, so that it is skipped.
    """
    edges = range(BLOCK - offset % BLOCK, len(data), BLOCK)
    for edge in reversed(edges):
        if (part := fragment(data, edge)) is not None and part[0] in (FULL, FIRST):
            return edge
    return edges[-1] if len(data) > _LONGEST - 2 * BLOCK else 0
