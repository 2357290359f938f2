"""Finds the rows of a W&B log whose size takes two bytes, as nearly all do, with NumPy.

One by one, by a regular expression, finding them takes longer than decoding them.
"""

from __future__ import annotations

import zlib

import numpy as np

from trainui.metrics.formats.wandb.frames import FRAME, FULL, HISTORY_TAG, SUMMARY_TAG, Content
from trainui.store.points.lazy_numpy import Bytes, Ints

_NUMBER_TAG = 0x08
"""The first byte of a record: the tag of its number."""

_LONGEST_HEAD = 16
"""Bytes behind the kind of a fragment by which such a row is recognised."""


def find(data: bytes) -> tuple[list[Content], list[int]]:
    """Return the rows in one fragment, and where other records but summaries may begin.

    The latter are the offsets of bytes that may be the kind of a fragment.
    """
    whole = np.frombuffer(data, np.uint8)
    first = FRAME.size - 1
    kinds = np.flatnonzero(whole[first + 1 :] == _NUMBER_TAG) + first
    kinds = kinds[whole[kinds] == FULL]
    last = kinds[kinds >= len(data) - _LONGEST_HEAD].tolist()
    kinds = kinds[: len(kinds) - len(last)]
    tags = kinds + 3  # behind a number of one byte, or of up to three
    for _byte in range(2):
        tags += whole[tags - 1] >= 0x80
    tag, low, high = whole[tags], whole[tags + 1], whole[tags + 2]
    is_short = (whole[tags - 1] < 0x80) & (tag == HISTORY_TAG) & (low >= 0x80) & (high < 0x80)
    others = kinds[~is_short & (tag != SUMMARY_TAG)].tolist()
    kinds, begins = kinds[is_short], tags[is_short] + 3
    ends = kinds + 1 + _little(whole, kinds - 2, 2)
    until = begins + (low[is_short] & 0x7F) + high[is_short].astype(np.int64) * 128
    sums = _little(whole, kinds - 6, 4)
    places = (column.tolist() for column in (kinds, ends, begins, until, sums))
    crc32 = zlib.crc32
    rows = [
        (end, HISTORY_TAG, data[begin:stop])
        for kind, end, begin, stop, checksum in zip(*places, strict=True)
        # what looks like a row and is none, or is not written yet, has another checksum
        if crc32(data[kind:end]) == checksum
    ]
    return rows, others + last


def _little(whole: Bytes, at: Ints, size: int) -> Ints:
    """Return the little-endian numbers at some places."""
    number = np.zeros(len(at), np.int64)
    for byte in range(size):
        number |= whole[at + byte].astype(np.int64) << 8 * byte
    return number
