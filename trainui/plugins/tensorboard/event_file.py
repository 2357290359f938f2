"""TensorBoard's event files: framed records, of which only scalars are read.

Each frame (length, checksum, data, checksum) contains a protobuf message, of which a few fields
are read: https://github.com/tensorflow/tensorboard, `event.proto` and `summary.proto`.
"""

from __future__ import annotations

import bisect
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np

from trainui.plugin import Answer
from trainui.plugin.protobuf import DAMAGED, fields, signed
from trainui.plugin.reading import Decoded, Decoder, Points
from trainui.plugins.tensorboard import checksum, event_layout
from trainui.plugins.tensorboard.event_layout import Events

_HEADER = struct.Struct("<QI")
_FRAME = 16
"""Bytes of a record around its data."""

_LATEST = 1e11
"""Seconds since 1970 of the latest time that is kept."""

_WALL_TIME, _STEP, _SUMMARY, _SESSION = 1, 2, 5, 7
_START = b"\x08\x01"
_STARTED = b"\x3a\x02" + _START
"""The event field that marks the start of a session, i.e. a writer's restart, in bytes."""
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4
_DIM, _SIZE = 2, 1

_DTYPES: dict[int, tuple[str, int]] = {
    # By data type: how its bytes are decoded, and the field that may have the value instead.
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    9: ("<q", 10),
    14: ("bfloat16", 13),
    19: ("<e", 13),
}


class EventFile(Decoder):
    """Decodes the scalars of an event file; needs no state.

    A record that marks a writer's restart is always the first of its block.
    """

    name = "tfevents"
    has_marked_ends = True

    _frames: tuple[int, list[int]] = (0, [])
    """Of the last block cut: its size, the offsets of its records, and the end of the last.
    Cached, since finding them takes as long as all the rest."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records."""
        places = _walk(data)
        start = _next_start(data, places)
        self.stops_short = start is not None
        if start is not None:
            places = places[: start + 1]
        self._frames = (places[-1], places)
        return places[-1]

    def record_size(self, data: bytes) -> int:
        """Return the size of the record at the start, with its frame; a huge one if truncated."""
        if len(data) < _HEADER.size:
            return 2**63
        length, _checksum = _HEADER.unpack_from(data)
        return int(length) + _FRAME

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        size, places = self._frames
        if size != len(block):
            places = _walk(block)
        self.restarts = len(places) > 1 and _is_start(block, places, 0)
        found = event_layout.decode(block, np.array(places, np.int64))
        for number in found.left.tolist():
            frame = block[places[number] : places[number + 1]]
            if checksum.is_right(frame):
                with suppress(*DAMAGED):
                    _read_event(frame[_HEADER.size : -4], number, found)
        series = {tag: _points(parts) for tag, parts in found.by_tag.items()}
        return Decoded(series, len(places) - 1)


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a file that begins with a record whose length matches its checksum."""
    del path, complete
    if len(head) < _HEADER.size:
        return Answer.MORE if b"\0" in head else Answer.NO
    _length, given = _HEADER.unpack_from(head)
    return Answer.YES if given == checksum.masked_crc(head[:8]) else Answer.NO


def _walk(block: bytes) -> list[int]:
    """Return the offsets of whole records, and of the end of the last."""
    at, places, size, unpack = 0, [0], len(block), struct.Struct("<Q").unpack_from
    while at + _FRAME <= size:
        at += unpack(block, at)[0] + _FRAME
        if at > size:
            break
        places.append(at)
    return places


def _next_start(data: bytes, places: list[int]) -> int | None:
    """Return the number of the next record, after the first, that marks a writer's restart."""
    at = places[min(1, len(places) - 1)]
    while (at := data.find(_STARTED, at, places[-1])) >= 0:
        number = bisect.bisect_right(places, at) - 1
        if number and _is_start(data, places, number):
            return number
        at += 1
    return None


def _is_start(data: bytes, places: list[int], number: int) -> bool:
    record = data[places[number] + _HEADER.size : places[number + 1] - 4]
    if _STARTED not in record:
        return False
    try:
        return any(key == _SESSION and value == _START for key, value, _at in fields(record))
    except DAMAGED:
        return False


def _read_event(data: bytes, number: int, found: Events) -> None:
    wall_time, step = 0.0, 0
    summaries = []
    for key, value, _at in fields(data):
        if key == _WALL_TIME:
            (wall_time,) = struct.unpack("<d", value)
        elif key == _STEP:
            step = signed(value)
        elif key == _SUMMARY:
            summaries.append(value)
    for summary in summaries:
        for key, value, _at in fields(summary):
            if key == _VALUE and (scalar := _scalar(value)) is not None:
                tag, number_value = scalar
                found.add(tag, number, step, number_value, wall_time)


def _scalar(data: bytes) -> tuple[str, float] | None:
    """Return a summary value's tag and number; None for histograms, images and texts."""
    tag, number = "", None
    for key, value, _at in fields(data):
        if key == _TAG:
            tag = value.decode("utf-8", "replace")
        elif key == _SIMPLE_VALUE:
            (number,) = struct.unpack("<f", value)
        elif key == _TENSOR:
            number = _tensor_scalar(value)
    return None if number is None else (tag, float(number))


def _tensor_scalar(data: bytes) -> float | None:
    """Return the only number of a tensor; None if it has more than one or is not numeric."""
    given = {key: value for key, value, _at in fields(data)}
    code, instead = _DTYPES.get(given.get(_DTYPE, 0), ("", 0))
    dims = [dim for key, dim, _at in fields(given.get(_SHAPE, b"")) if key == _DIM]
    sizes = [size for dim in dims for key, size, _at in fields(dim) if key == _SIZE]
    if not code or any(size != 1 for size in sizes):
        return None
    raw = given.get(_CONTENT, given.get(instead, b""))
    if isinstance(raw, int):  # a single varint
        return float(signed(raw))
    if code == "bfloat16":
        code, raw = "<f", b"\0\0" + raw[:2]
    return float(struct.unpack(code, raw)[0]) if len(raw) == struct.calcsize(code) else None


def _points(parts: list[event_layout.Part]) -> Points:
    numbers, steps, values, walls = (
        np.concatenate([np.atleast_1d(part[column]) for part in parts]) for column in range(4)
    )
    order = np.argsort(numbers, kind="stable")
    walls = np.nan_to_num(walls[order]).clip(0, _LATEST)  # a damaged record may have any time
    times = np.rint(walls * 1e3).astype(np.int64) * 1000
    return Points(numbers[order], steps[order], values[order].astype(np.float64), times)
