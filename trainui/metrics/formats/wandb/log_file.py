"""W&B's `run-ID.wandb`: framed protobuf records, of which history and configuration are read.

The frames are LevelDB's log with another checksum; the messages are `wandb_internal.proto`'s:
https://github.com/wandb/wandb. Records are found by their first bytes: two of three are summaries,
so walking from frame to frame takes most of the time. What is no frame has another checksum.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import chain, groupby
from operator import itemgetter

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.protobuf import DAMAGED, fields
from trainui.metrics.formats.table import Decoded, WholeTable
from trainui.metrics.formats.wandb.rows import series
from trainui.metrics.formats.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
_SUM_AND_LENGTH = struct.Struct("<IH")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY_TAG, SUMMARY_TAG, METRIC_TAG = 0x12, 0x1A, 0x62
"""The first bytes of a row, a summary and a definition, behind the record's number."""
_TAGS = HISTORY_TAG, METRIC_TAG
_Content = tuple[int, int, bytes]
"""The end of a record, and the tag and the bytes of what it contains."""

_SIZE = rb"[\x80-\xff]{0,4}[\0-\x7f]"
_NUMBER = rb"\x08[\x80-\xff]{0,9}[\0-\x7f]"
_INFO = rb"(?:\x82\x01|\x9a\x01|\xc2\x0c)"
"""The tags of what a record of the training's own has in front, by version: fields 16, 19, 200."""
_HEAD = _NUMBER + rb"(?:([\x12\x62])(" + _SIZE + rb")|" + _INFO + rb")"
_WHOLE = re.compile(rb"\x01(?=" + _HEAD + rb")", re.DOTALL)
_SUMMARY = re.compile(_NUMBER + rb"(?:\x1a" + _SIZE + rb"|(" + _INFO + rb"))", re.DOTALL)
_WHOLE_SUMMARY = re.compile(rb"\x01" + _SUMMARY.pattern, re.DOTALL)
_BEGUN = b"\x02\x08"
"""The first bytes of a record that begins in one block and ends in another."""
_CONTENT = re.compile(_HEAD, re.DOTALL)

_LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""


class NewerWandbError(TrainuiError):
    """A file of a version that is not known."""

    code = "unknown_format"


class WandbFile(Decoder):
    """Decodes the history of a run.

    The step is the run's step metric, else W&B's own, which counts the calls of `log`.
    """

    name = "wandb"
    has_marked_ends = True

    _found: tuple[int, list[_Content]] = (0, [])
    """Of the last block cut: its size, and the rows and definitions in it."""

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
        found = chain(_in_one_fragment(data), _in_several(data, offset, _CONTENT, *_TAGS))
        records = sorted(found, key=itemgetter(0))
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
        for tag, group in groupby(self._found[1], key=itemgetter(1)):
            messages = [message for _end, _tag, message in group]
            if tag == HISTORY_TAG:
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
        if (part := _fragment(data, edge)) is not None and part[0] in (FULL, FIRST):
            return edge
    return edges[-1] if len(data) > _LONGEST - 2 * BLOCK else 0


def summaries(data: bytes, offset: int) -> list[bytes]:
    """Return the summaries in some bytes, which begin at a record or at a block."""
    found = [*_in_several(data, offset, _SUMMARY, SUMMARY_TAG)]
    for head, end in framed(data, _WHOLE_SUMMARY.finditer(data, FRAME.size - 1)):
        if head[1] is None:
            found.append((end, SUMMARY_TAG, data[head.end() : end]))  # all of the rest
        else:
            found += _contents(data[head.start() + 1 : end], end, SUMMARY_TAG)
    found.sort(key=itemgetter(0))
    return [content for _end, _tag, content in found]


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


def _contents(record: bytes, end: int, *tags: int) -> Iterator[_Content]:
    """Yield what a record contains by some tags; nothing if it is damaged."""
    with suppress(*DAMAGED):
        for key, content, _at in fields(record):
            if key << 3 | 2 in tags:
                yield end, key << 3 | 2, content


def _in_one_fragment(data: bytes) -> Iterator[_Content]:
    """Yield the rows and definitions in one fragment."""
    for head, end in framed(data, _WHOLE.finditer(data, FRAME.size - 1)):
        if head.lastindex is None:
            yield from _contents(data[head.start() + 1 : end], end, *_TAGS)
        else:
            tag, size = head.groups()
            number = 0
            for byte in reversed(size):  # a loop, since a log has millions of rows
                number = number << 7 | byte & 0x7F
            begin = head.end(2)
            yield end, tag[0], data[begin : begin + number]


def _in_several(
    data: bytes, offset: int, head: re.Pattern[bytes], *tags: int
) -> Iterator[_Content]:
    """Yield what records in several fragments contain by some tags, if they begin with a head."""
    for end, record in records_in_several(data, offset):
        if head.match(record):
            yield from _contents(record, end, *tags)


def records_in_several(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
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
    at = data.rfind(_BEGUN, start, edge)
    while at >= 0:
        part = _fragment(data, at + 1 - FRAME.size)
        if part is not None and at + 1 + len(part[1]) == edge:
            return part[1]
        at = data.rfind(_BEGUN, start, at + 1)
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
