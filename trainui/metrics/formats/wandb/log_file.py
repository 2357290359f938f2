"""W&B's `run-ID.wandb`: framed protobuf records, of which history and configuration are read.

The frames are LevelDB's log with another checksum; the messages are `wandb_internal.proto`'s:
https://github.com/wandb/wandb. The step is the run's step metric, else W&B's own, which counts the
calls of `log`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.protobuf import DAMAGED, fields, varint
from trainui.metrics.formats.table import Decoded, WholeTable
from trainui.metrics.formats.wandb.rows import OWN, read_item, series
from trainui.metrics.formats.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""

FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_KIND_SUMS = {kind: zlib.crc32(bytes([kind])) for kind in (_FULL, _FIRST, _MIDDLE, _LAST)}

_NUMBER_TAG, _HISTORY_TAG, _SUMMARY_TAG, _METRIC_TAG = 0x08, 0x12, 0x1A, 0x62
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

    def __init__(self, step: str | None, state: dict[str, Any], path: Path) -> None:
        super().__init__(step, state)
        self._path = path
        self._cut: tuple[int, list[bytes]] = (0, [])
        """Of the last block cut: its size and its records."""

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
        self._cut = whole_records(data, offset)
        return self._cut[0]

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return False: a truncated record is never whole."""
        del rest, clean
        return False

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._cut[0] != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole, rows = WholeTable(), list[bytes]()
        for tag, content in filter(None, map(_content, self._cut[1])):
            if tag == _HISTORY_TAG:
                rows.append(content)
                continue
            whole.add(Decoded(series(rows, step_metrics), len(rows)))
            rows = []
            with suppress(*DAMAGED):
                step_metrics.define(content)
        whole.add(Decoded(series(rows, step_metrics), len(rows)))
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()


def whole_records(data: bytes, offset: int) -> tuple[int, list[bytes]]:
    """Return the size in bytes of the whole records, and the records but for summaries.

    Args:
        data: bytes of the file.
        offset: where in the file they begin: at a record, or at a block.
    """
    end = 0 if offset else len(_HEADER)
    records: list[bytes] = []
    parts: list[bytes] = []
    for kind, begin, following in _fragments(data, offset):
        if kind in (_FULL, _FIRST):
            end = max(end, begin - FRAME.size)  # summaries may be before it
            parts = [data[begin:following]]
        elif kind in (_MIDDLE, _LAST) and parts:
            parts.append(data[begin:following])
        if kind in (_FULL, _LAST) and parts:
            records.append(b"".join(parts))
        if kind not in (_FIRST, _MIDDLE) or not parts or following - end > LONGEST - 2 * BLOCK:
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
        if fits and kind == _FULL and length > 4 and data[begin] == _NUMBER_TAG:
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


def _content(record: bytes) -> tuple[int, bytes] | None:
    """Return the row or the definition in a record, behind its tag; None if it has another."""
    try:
        at = varint(record, 1)[1] if record[0] == _NUMBER_TAG else 0
        tag = record[at]
        if tag not in (_HISTORY_TAG, _METRIC_TAG):
            return None
        size, at = varint(record, at + 1)
    except IndexError:
        return None  # damaged
    return tag, record[at : at + size]


def config(key: int, message: bytes) -> dict[str, Any]:
    """Return the top-level values of the run's configuration that a record sets.

    Args:
        key: the field of the record, `RUN` or `CONFIG`.
        message: what it contains.
    """
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
