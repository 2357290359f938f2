"""Vectorised decoding of events that have the same bytes except for time, step and value.

A trainer writes the same few tags again and again, so nearly all records of one size have the same
layout. One record of each layout is parsed; the others are read as columns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trainui.plugin.protobuf import fields
from trainui.plugin.reading import Bools, Bytes, Ints
from trainui.plugins.tensorboard import checksum

if TYPE_CHECKING:
    from numpy.typing import NDArray


Part = tuple[Any, Any, Any, Any]
"""Record numbers, steps, values and wall times (seconds): arrays, or one of each."""

_FEW = 16
"""Fewer records of one size than this are not worth vectorising."""

_HEADER, _FOOTER = 12, 4
"""Bytes of a frame before and after its data."""


@dataclass
class Events:
    """Decoded scalars, and the records left to be read one by one."""

    by_tag: dict[str, list[Part]] = field(default_factory=dict)
    left: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, tag: str, numbers: Any, steps: Any, values: Any, walls: Any) -> None:
        """Add the points of a tag."""
        self.by_tag.setdefault(tag, []).append((numbers, steps, values, walls))


def decode(block: bytes, places: Ints) -> Events:
    """Decode the scalars of events that share a layout with others.

    `places` are the offsets of the records, and of the end of the last.
    """
    found, data = Events(), np.frombuffer(block, np.uint8)
    sizes = np.diff(places)
    left: list[Ints] = []
    order = np.argsort(sizes, kind="stable")
    for numbers in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        while len(numbers) >= _FEW:
            frames = sliding_window_view(data, int(sizes[numbers[0]]))[places[numbers]]
            rows = frames[:, _HEADER:-_FOOTER]
            layout = _layout(rows[0].tobytes())
            if layout is None:
                left.append(numbers[:1])
                numbers = numbers[1:]
                continue
            twins = layout.twins(rows)
            _read(found, layout, numbers[twins], frames[twins])
            numbers = numbers[~twins]
        left.append(numbers)
    if left:
        found.left = np.sort(np.concatenate(left))
    return found


class _Layout(NamedTuple):
    """The offsets of an event's fields, in bytes from its start."""

    tag: str
    wall: int
    step: int
    step_bytes: int
    value: int
    template: Bytes

    @property
    def varied(self) -> NDArray[np.intp]:
        """The columns of time, step and value."""
        places = (self.wall, 8), (self.step, self.step_bytes), (self.value, 4)
        return np.concatenate([np.arange(start, start + size) for start, size in places])

    def twins(self, rows: Bytes) -> Bools:
        """Return a mask of the rows that differ from the template only in time, step and value."""
        fixed = np.ones(len(self.template), bool)
        fixed[self.varied] = False
        same = (rows[:, fixed] == self.template[fixed]).all(axis=1)
        more = rows[:, self.step : self.step + self.step_bytes] >= 0x80
        return np.asarray(same & more[:, :-1].all(axis=1) & ~more[:, -1:].any(axis=1))


def _read(found: Events, layout: _Layout, numbers: Ints, frames: Bytes) -> None:
    """Add the points of some events of one layout except those with a wrong checksum."""
    sums = np.ascontiguousarray(frames[:, -_FOOTER:]).view("<u4")[:, 0]
    rows = frames[:, _HEADER:-_FOOTER]
    sound = checksum.are_right(rows, layout.varied, sums)
    for at in np.flatnonzero(~sound & (sums == 0)):
        sound[at] = checksum.is_right(frames[at].tobytes())
    if not sound.all():
        numbers, rows = numbers[sound], rows[sound]

    def column(at: int, size: int, kind: str) -> Any:
        return np.ascontiguousarray(rows[:, at : at + size]).view(kind)[:, 0]

    steps = np.zeros(len(rows), np.int64)
    for index in range(layout.step_bytes):
        steps |= (rows[:, layout.step + index].astype(np.int64) & 0x7F) << (7 * index)
    walls, values = column(layout.wall, 8, "<f8"), column(layout.value, 4, "<f4")
    found.add(layout.tag, numbers, steps, values, walls)


def _layout(data: bytes) -> _Layout | None:
    """Parse an event's layout; None unless it is a single scalar of four bytes."""
    try:
        wall, step, summary = _only(data, (0, len(data)), _WALL, _STEP, _SUMMARY)
        (value,) = _only(data, summary, _VALUE)
        (begin, end), number = _only(data, value, _TAG, _NUMBER)
    except (ValueError, LookupError, struct.error):
        return None
    if number[1] - number[0] != 4:
        return None
    tag, size = data[begin:end].decode("utf-8", "replace"), step[1] - step[0]
    return _Layout(tag, wall[0], step[0], size, number[0], np.frombuffer(data, np.uint8))


_WALL, _STEP, _SUMMARY, _VALUE, _TAG, _NUMBER = 1, 2, 5, 1, 1, 2


def _only(data: bytes, inside: tuple[int, int], *keys: int) -> list[tuple[int, int]]:
    """Return the start and end offsets of a message's fields, which it must have once each.

    Raises:
        ValueError: it has others, or one twice.
        KeyError: one is missing.
    """
    found: dict[int, tuple[int, int]] = {}
    for key, value, at in fields(data, *inside):
        if key in found or key not in keys:
            raise ValueError("not of this layout")
        is_varint = isinstance(value, int)
        size = max(1, (value.bit_length() + 6) // 7) if is_varint else len(value)
        found[key] = (at, at + size)
    return [found[key] for key in keys]
