"""Event files read many records at once give what they give record by record."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.plugins.tensorboard.event_file import MOST_BYTES, EventFile, masked_crc

Point = tuple[int, float | str, int]


def varint(number: int) -> bytes:
    number %= 2**64
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def message(*fields: tuple[int, int, bytes]) -> bytes:
    return b"".join(
        varint(key << 3 | kind) + (varint(len(data)) if kind == 2 else b"") + data
        for key, kind, data in fields
    )


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return b"".join(
        part + struct.pack("<I", masked_crc(part) if len(part) <= MOST_BYTES else 0)
        for part in (length, data)
    )


simple = st.floats(width=32).map(lambda number: (2, 5, struct.pack("<f", number)))
tensor = st.floats(width=32).map(
    lambda number: (8, 2, message((1, 0, b"\1"), (2, 2, b""), (4, 2, struct.pack("<f", number))))
)
histogram = st.binary(min_size=4, max_size=5).map(lambda data: (5, 2, data))
tags = st.sampled_from([b"loss", b"los2", b"val/acc", "µ".encode()])
metadata = st.sampled_from([(), ((9, 2, b"\n\0"),)])


@st.composite
def events(draw: st.DrawFn) -> bytes:
    number = draw(st.one_of(simple, simple, simple, tensor, histogram))
    value = (message((1, 2, draw(tags)), *draw(metadata), number),)
    values = value * draw(st.sampled_from([1, 1, 1, 2]))
    step = draw(st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1)))
    fields = [
        (1, 1, struct.pack("<d", draw(st.floats(1e9, 2e9)))),
        (2, 0, varint(step)),
        (5, 2, message(*((1, 2, one) for one in values))),
    ]
    if draw(st.integers(0, 9)) == 0:
        del fields[draw(st.integers(0, 2))]
    return framed(message(*fields))


def decoded(*blocks: bytes) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for block in blocks:
        reader = EventFile()
        assert reader.cut(block) == len(block)
        for tag, points in reader.decode(block, 0).series.items():
            rows = zip(points.steps, points.values, points.times, strict=True)
            found.setdefault(tag, []).extend(
                (int(step), "nan" if math.isnan(value) else float(value), int(time))
                for step, value, time in rows
            )
    return found


@given(st.lists(events(), min_size=1, max_size=40))
def test_all_at_once_is_as_one_by_one(records: list[bytes]) -> None:
    records = records * 8  # so that there are enough of one layout
    assert decoded(b"".join(records)) == decoded(*records)


def scalar(step: int) -> bytes:
    value = message((1, 2, b"loss"), (2, 5, struct.pack("<f", step)))
    wall = (1, 1, struct.pack("<d", 1.5e9))
    return framed(message(wall, (2, 0, varint(step)), (5, 2, message((1, 2, value)))))


@pytest.mark.parametrize("count", [3, 100])
def test_a_damaged_record_costs_itself_alone(count: int) -> None:
    records = [scalar(step) for step in range(1, count + 1)]
    expected = decoded(*records)["loss"]
    del expected[1]
    for place in range(12, len(records[1])):
        damaged = bytearray(records[1])
        damaged[place] ^= 1 << place % 8
        assert decoded(b"".join([records[0], damaged, *records[2:]])) == {"loss": expected}


def test_a_record_without_a_checksum_is_read() -> None:
    records = [scalar(step)[:-4] + bytes(4) for step in range(1, 40)]
    assert len(decoded(b"".join(records))["loss"]) == 39
    assert len(decoded(*records)["loss"]) == 39
