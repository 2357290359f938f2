"""Protobuf's wire format, field by field: https://protobuf.dev/programming-guides/encoding."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

DAMAGED = (ValueError, IndexError, TypeError, AttributeError, OverflowError, struct.error)
"""Errors from a message whose fields are cut off, or of another type than they should be."""


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Any, int]]:
    """Yield each field of a message: its key, its value, and the offset of the value.

    Varints are returned as ints, everything else as bytes.

    Raises:
        ValueError: the wire type is unknown.
        IndexError: the message is truncated.
    """
    at, end = start, len(data) if end is None else end
    while at < end:
        tag, at = varint(data, at)
        key, kind = tag >> 3, tag & 7
        value: Any
        begun = at
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, begun = varint(data, at)
            value, at = data[begun : begun + size], begun + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"a wire type that is not used: {kind}")
        yield key, value, begun


def values(data: bytes) -> defaultdict[int, list[Any]]:
    """Return the values of a message's fields by their keys; raises as `fields` does."""
    found = defaultdict[int, list[Any]](list)
    for key, value, _begin in fields(data):
        found[key].append(value)
    return found


def signed(number: int) -> int:
    """Return the number that a varint means as an int64."""
    return number - 2**64 if number >= 2**63 else number


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint (one to ten bytes), and the offset of its end."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
