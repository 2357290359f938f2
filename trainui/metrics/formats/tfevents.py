"""TensorBoard's event files: framed records, of which only scalars are wanted.

Standard framing (length, checksum, data, checksum) around a protobuf message, of which a few fields
are read: https://github.com/tensorflow/tensorboard, `event.proto` and `summary.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from trainui.metrics.formats.table import Decoded
from trainui.store.chunks import Points

_HEADER = struct.Struct("<QI")
_FRAME = 16
"""Bytes of a record besides its data."""

_WALL_TIME, _STEP, _SUMMARY = 1, 2, 5
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4
_DIM, _SIZE = 2, 1

_DTYPES: dict[int, tuple[str, int]] = {
    # The number of a type: how its bytes are read, and the field that may hold it instead.
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    9: ("<q", 10),
    14: ("bfloat16", 13),
    19: ("<e", 13),
}


class EventFile:
    """Decodes the scalars of an event file; it remembers nothing."""

    name = "tfevents"
    whole = False

    def __init__(self, step: str | None = None, state: dict[str, Any] | None = None) -> None:
        del step  # an event has one
        self.state: dict[str, Any] = state or {}

    def cut(self, data: bytes) -> int:
        """Return how many bytes of whole records there are."""
        at = 0
        while (end := at + record_size(data, at)) <= len(data) and end > at:
            at = end
        return at

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Tell that a record without its end is none."""
        del rest, clean
        return False

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        found: dict[str, list[tuple[int, int, float, int]]] = {}
        records = 0
        for number, data in enumerate(_records(block)):
            records += 1
            try:
                _read_event(data, number, found)
            except (ValueError, IndexError, struct.error):
                continue  # a damaged record; the next one begins where its length says
        series = {tag: _points(events) for tag, events in found.items()}
        return Decoded(series, records)


def looks_like(head: bytes) -> bool:
    """Tell whether a file begins with a record: its length's checksum is right."""
    if len(head) < _HEADER.size:
        return False
    _length, checksum = _HEADER.unpack_from(head)
    return bool(checksum == masked_crc(head[:8]))


def record_size(data: bytes, at: int = 0) -> int:
    """Return the bytes of the record at a place, frame and all; a huge number if it is cut off."""
    if len(data) - at < _HEADER.size:
        return 2**63
    length, _checksum = _HEADER.unpack_from(data, at)
    return int(length) + _FRAME


def masked_crc(data: bytes) -> int:
    """Return the checksum (CRC-32C, masked) that a frame holds."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _records(block: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(block):
        size = record_size(block, at)
        yield block[at + _HEADER.size : at + size - 4]
        at += size


def _read_event(
    data: bytes, number: int, found: dict[str, list[tuple[int, int, float, int]]]
) -> None:
    wall_time, step = 0.0, 0
    summaries = []
    for key, value in _fields(data):
        if key == _WALL_TIME:
            (wall_time,) = struct.unpack("<d", value)
        elif key == _STEP:
            step = value - 2**64 if value >= 2**63 else value
        elif key == _SUMMARY:
            summaries.append(value)
    for summary in summaries:
        for key, value in _fields(summary):
            if key == _VALUE and (scalar := _scalar(value)) is not None:
                tag, number_value = scalar
                time = round(wall_time * 1e3) * 1000
                found.setdefault(tag, []).append((number, step, number_value, time))


def _scalar(data: bytes) -> tuple[str, float] | None:
    """Return a summary value's tag and number; None for histograms, images, texts."""
    tag, number = "", None
    for key, value in _fields(data):
        if key == _TAG:
            tag = value.decode("utf-8", "replace")
        elif key == _SIMPLE_VALUE:
            (number,) = struct.unpack("<f", value)
        elif key == _TENSOR:
            number = _tensor_scalar(value)
    return None if number is None else (tag, float(number))


def _tensor_scalar(data: bytes) -> float | None:
    """Return the only number of a tensor; None if it has more or is no number."""
    fields: dict[int, Any] = {}
    for key, value in _fields(data):
        fields[key] = value
    how = _DTYPES.get(fields.get(_DTYPE, 0))
    if how is None or not _is_scalar_shape(fields.get(_SHAPE, b"")):
        return None
    code, instead = how
    raw = fields.get(_CONTENT)
    if raw is None:
        value = fields.get(instead, b"")
        if isinstance(value, int):  # a varint, one number
            return float(value - 2**64 if value >= 2**63 else value)
        raw = value
    if code == "bfloat16":
        code, raw = "<f", b"\0\0" + raw[:2]
    return float(struct.unpack(code, raw)[0]) if len(raw) == struct.calcsize(code) else None


def _is_scalar_shape(shape: bytes) -> bool:
    for key, dim in _fields(shape):
        if key == _DIM and any(k == _SIZE and size != 1 for k, size in _fields(dim)):
            return False
    return True


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: numbers as they are, all else as bytes."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        key, kind = tag >> 3, tag & 7
        value: Any
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"a wire type that is not used: {kind}")
        yield key, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _points(events: list[tuple[int, int, float, int]]) -> Points:
    ordinals, steps, values, times = zip(*events, strict=True)
    return Points(
        np.array(ordinals, np.int64),
        np.array(steps, np.int64),
        np.array(values, np.float64),
        np.array(times, np.int64),
    )
