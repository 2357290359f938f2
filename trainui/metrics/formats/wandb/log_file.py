"""W&B's `run-ID.wandb`: framed protobuf records, of which history and configuration are read.

The frames are LevelDB's log with another checksum; the messages are `wandb_internal.proto`'s:
https://github.com/wandb/wandb. The step is the run's step metric, else W&B's own, which counts the
calls of `log`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.protobuf import DAMAGED, fields
from trainui.metrics.formats.table import Decoded, WholeTable
from trainui.metrics.formats.wandb import scan
from trainui.metrics.formats.wandb.rows import OWN, read_item, series
from trainui.metrics.formats.wandb.scan import (
    BLOCK,
    FIRST,
    FRAME,
    FULL,
    HISTORY_TAG,
    LAST,
    METRIC_TAG,
    MIDDLE,
    ScannedRecords,
)
from trainui.metrics.formats.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""

_KIND_SUMS = {kind: zlib.crc32(bytes([kind])) for kind in (FULL, FIRST, MIDDLE, LAST)}

_NUMBER_TAG, _SUMMARY_TAG = 0x08, 0x1A
"""The first bytes of a record's number, and of what it contains."""

CONFIG, RUN, EXIT = 5, 17, 18
"""Fields of a record."""
_RUN_CONFIG, _ITEM = 4, 1

_STEP_METRICS = "step metrics"
"""Key in the state."""


class NewerWandbError(TrainuiError):
    """A file of a version that is not known."""

    code = "unknown_format"


class WandbFile(Decoder):
    """Decodes the history of a run."""

    name = "wandb"
    has_marked_ends = True

    _cut = ScannedRecords(0, [], [])
    """What the last block cut has."""

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
        self._cut = scan.find(data, offset)
        if not self._cut.size:
            self._cut = _walk(data, offset)
        return self._cut.size

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._cut.size != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole, begin, rows = WholeTable(), 0, self._cut.rows
        for end, definition in (*self._cut.definitions, (len(rows), b"")):
            if begin < end:
                whole.add(Decoded(series(rows[begin:end], step_metrics), end - begin))
            begin = end
            with suppress(*DAMAGED):
                step_metrics.define(definition)
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()


def whole_records(data: bytes, offset: int) -> tuple[int, list[bytes]]:
    """Return the size in bytes of the whole records, and the records but for summaries.

    The bytes begin at a record or at a block of the file, at `offset`.
    """
    end = 0 if offset else len(_HEADER)
    records: list[bytes] = []
    parts: list[bytes] = []
    for kind, begin, following in _fragments(data, offset):
        if kind in (FULL, FIRST):
            end = max(end, begin - FRAME.size)  # summaries may be before it
            parts = [data[begin:following]]
        elif kind in (MIDDLE, LAST) and parts:
            parts.append(data[begin:following])
        if kind in (FULL, LAST) and parts:
            records.append(b"".join(parts))
        if kind not in (FIRST, MIDDLE) or not parts or following - end > LONGEST - 2 * BLOCK:
            end, parts = following, []
    return min(end, len(data)) if offset or end > len(_HEADER) else 0, records


def _fragments(data: bytes, offset: int) -> Iterator[tuple[int, int, int]]:
    """Yield the kind, start and end of each whole fragment; where a block is damaged, its rest.

    A summary, two records of three, is neither yielded nor checked.
    """
    at = 0 if offset else len(_HEADER)
    block_end = at + BLOCK - (offset + at) % BLOCK
    unpack, frame, size = FRAME.unpack_from, FRAME.size, len(data)
    skipped = False
    while True:
        if block_end - at < frame:
            at, block_end = block_end, block_end + BLOCK
        if at + frame > size:
            break
        checksum, length, kind = unpack(data, at)
        begin = at + frame
        at = begin + length
        fits = kind in _KIND_SUMS and at <= block_end
        if at > size if fits else block_end > size:
            break  # it is not written yet
        skipped = False
        if fits and kind == FULL and length > 4 and data[begin] == _NUMBER_TAG:
            tag = begin + 2 if data[begin + 1] < 128 else begin + 3 + (data[begin + 2] > 127)
            skipped = data[tag] == _SUMMARY_TAG
        if skipped:
            end = at
        elif fits and zlib.crc32(data[begin:at], _KIND_SUMS[kind]) == checksum:
            yield kind, begin, at
        elif block_end > size:
            break
        else:
            at = block_end  # where a frame begins
            yield 0, begin, at
    if skipped:
        yield 0, end, end


def _walk(data: bytes, offset: int) -> ScannedRecords:
    """Return the same from frame to frame, which also finds out what to skip."""
    size, records = whole_records(data, offset)
    rows, definitions = list[bytes](), list[tuple[int, bytes]]()
    for tag, content in (
        one for record in records for one in scan.contents(record, HISTORY_TAG, METRIC_TAG)
    ):
        if tag == HISTORY_TAG:
            rows.append(content)
        else:
            definitions.append((len(rows), content))
    return ScannedRecords(size, rows, definitions)


def config(key: int, message: bytes) -> dict[str, Any]:
    """Return the top-level values of the run's configuration that a `RUN` or `CONFIG` sets."""
    found: dict[str, Any] = {}
    try:
        configs = [message]
        if key == RUN:
            configs = [value for inner, value, _at in fields(message) if inner == _RUN_CONFIG]
        for one in configs:
            items = [value for inner, value, _at in fields(one) if inner == _ITEM]
            found |= dict(map(read_item, items))
    except DAMAGED:
        pass
    return {name: value for name, value in found.items() if name not in OWN}
