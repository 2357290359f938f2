"""The checksum of records in event files: CRC-32C, masked.

It is the XOR of one table entry for each byte, chosen by the byte and by its distance from the
end, so that many records of one size are checked at once.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from trainui.plugin.reading import Bools, Bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 1024
"""Longer records are not checked: they have images and histograms, which are not read."""
_SUM = struct.Struct("<I")
_AT_ONCE = 1024
"""Records that are checked at once: what they need fits into the processor's cache."""
_ONES = np.uint32(0xFFFFFFFF)


def masked_crc(data: bytes) -> int:
    """Return the checksum of some bytes, of at most `MOST_BYTES`."""
    tables, starts = _tables()
    found = np.bitwise_xor.reduce(tables[_places(len(data)) + np.frombuffer(data, np.uint8)])
    return int(_masked(np.atleast_1d(found ^ starts[len(data)]))[0])


def is_right(frame: bytes) -> bool:
    """Return True if the data of a record has its checksum.

    Some writers give none, i.e. zero: then that of its length counts.
    """
    data, (given,) = frame[12:-4], _SUM.unpack_from(frame, len(frame) - 4)
    if not given:
        return bool(_SUM.unpack_from(frame, 8)[0] == masked_crc(frame[:8]))
    return len(data) > MOST_BYTES or given == masked_crc(data)


def are_right(rows: Bytes, varied: NDArray[np.intp], given: NDArray[np.uint32]) -> Bools:
    """Return a mask of the records that have their checksums.

    Args:
        rows: records of one size.
        varied: the columns in which they may differ.
        given: their checksums.
    """
    size = rows.shape[1]
    if size > MOST_BYTES:
        return np.ones(len(rows), bool)
    tables, starts = _tables()
    places = _places(size)
    parts = np.concatenate(
        [
            np.bitwise_xor.reduce(
                # column by column, and without a check of the bounds: half the time
                tables.take(some.T[varied] + places[varied, np.newaxis], mode="clip")
            )
            for some in np.split(rows, range(_AT_ONCE, len(rows), _AT_ONCE))
        ]
    )
    first = np.bitwise_xor.reduce(tables[rows[0] + places]) ^ starts[size]
    return np.asarray(given == _masked(parts ^ parts[0] ^ first))


def _places(size: int) -> NDArray[np.intp]:
    """Return where the entries for each byte of a record begin."""
    return np.arange(size - 1, -1, -1) * 256


def _masked(sums: NDArray[np.uint32]) -> NDArray[np.uint32]:
    ended = sums ^ _ONES
    return np.asarray(((ended >> 15) | (ended << 17)) + np.uint32(0xA282EAD8), np.uint32)


@cache
def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the entries by distance and byte, and what the start value comes to by size."""
    first: NDArray[np.uint32] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, first >> 1 ^ 0x82F63B78, first >> 1).astype(np.uint32)
    tables = np.empty((MOST_BYTES, 256), np.uint32)
    starts = np.empty(MOST_BYTES + 1, np.uint32)
    tables[0], starts[0] = first, _ONES
    for at in range(1, MOST_BYTES + 1):
        starts[at] = (starts[at - 1] >> 8) ^ first[starts[at - 1] & 0xFF]
        if at < MOST_BYTES:
            tables[at] = (tables[at - 1] >> 8) ^ first[tables[at - 1] & 0xFF]
    return tables.ravel(), starts
