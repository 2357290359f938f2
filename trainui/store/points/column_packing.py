"""Packs columns of 64-bit numbers into bytes.

Only this module knows the format. Steps and values at even distances are stored as start and
stride; others are split into byte planes, and planes that compress well are compressed.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from trainui.store.points.lazy_numpy import Array, Bytes, Ints, np

if TYPE_CHECKING:
    from numpy.typing import NDArray


NO_TIME = -(2**63)
"""Marks a missing time in a column of times."""

_STRIDE, _PLAIN, _DELTA = 0, 1, 2
_CONSTANT, _RAW, _DEFLATED = 0, 1, 2

_SHARED = 32
"""Packed columns cached for reuse: those of one transaction, a megabyte or two."""

_SAMPLE = 1024
_RANDOM = 200
"""Distinct values in the first `_SAMPLE` bytes of a plane above which it is not compressed: random
bytes have about 251 of the 256."""


def pack(column: Array) -> bytes:
    """Pack a column of int64 or float64 into bytes, without loss."""
    bits = np.ascontiguousarray(column).view(np.int64)
    if len(bits) < 2:
        return struct.pack("<Bqq", _STRIDE, int(bits[0]) if len(bits) else 0, 0)
    # Differences may wrap around; the cumulative sum wraps back.
    deltas = np.diff(bits)
    stride = int(deltas[0])
    if bool((deltas == stride).all()):
        return struct.pack("<Bqq", _STRIDE, int(bits[0]), stride)
    if _signed_bits(deltas) < _varying_bits(bits):
        return struct.pack("<Bq", _DELTA, int(bits[0])) + _pack_planes(_zigzag(deltas))
    return struct.pack("<B", _PLAIN) + _pack_planes(bits)


def unpack(blob: bytes, n: int, *, floats: bool) -> Array:
    """Unpack `n` numbers of a column that `pack` wrote."""
    bits = np.empty(n, np.int64)
    unpack_into(bits, blob)
    return bits.view(np.float64) if floats else bits


def unpack_into(bits: Ints, blob: bytes) -> None:
    """Unpack a column that `pack` wrote into an array of the same length."""
    if (even := progression(blob)) is not None:
        start, stride = even
        # In unsigned arithmetic, which wraps in the same way as the differences.
        np.multiply(_places(len(bits)), np.uint64(stride % 2**64), out=bits.view(np.uint64))
        bits.view(np.uint64)[:] += np.uint64(start % 2**64)
    elif blob[0] == _DELTA:
        _unpack_planes(bits[1:], blob, 9)
        bits[1:] = _unzigzag(bits[1:])
        bits[:1] = struct.unpack_from("<q", blob, 1)
        np.cumsum(bits, out=bits)
    else:
        _unpack_planes(bits, blob, 1)


def progression(blob: bytes) -> tuple[int, int] | None:
    """Return the start and stride of a packed column at even distances; None for any other."""
    return struct.unpack_from("<qq", blob, 1) if blob[0] == _STRIDE else None


@lru_cache(maxsize=4)
def _places(n: int) -> NDArray[np.uint64]:
    return np.arange(n, dtype=np.uint64)


@lru_cache(maxsize=64)
def no_times(n: int) -> Ints:
    """Return `n` missing times, in constant space."""
    return np.broadcast_to(np.int64(NO_TIME), n)


def pack_shared(column: Array) -> bytes:
    """Pack a column with a cache, since the series of one file often share their steps."""
    return _pack_again(column.tobytes())


@lru_cache(maxsize=_SHARED)
def _pack_again(data: bytes) -> bytes:
    return pack(np.frombuffer(data, np.int64))


def pack_times(times: Ints) -> bytes:
    """Pack a column of times with a cache, since series share times too."""
    return _pack_times(times.tobytes())


@lru_cache(maxsize=_SHARED)
def _pack_times(data: bytes) -> bytes:
    """Pack times; whole milliseconds, the usual case, take a third of the space."""
    times = np.frombuffer(data, np.int64)
    whole = bool((times % 1000 == 0).all())
    return struct.pack("<B", whole) + pack(times // 1000 if whole else times)


def unpack_times(blob: bytes, n: int) -> Ints:
    """Unpack what `pack_times` wrote."""
    times = unpack(blob[1:], n, floats=False)
    return times * 1000 if blob[0] else times


def _zigzag(deltas: Ints) -> Ints:
    # Small negative numbers become small positive ones: their high bytes are zero.
    return (deltas << 1) ^ (deltas >> 63)


def _unzigzag(coded: Ints) -> Ints:
    return ((coded.view(np.uint64) >> np.uint64(1)).view(np.int64)) ^ -(coded & 1)


def _varying_bits(bits: Ints) -> int:
    """Return the number of low bits in which the numbers differ."""
    return (int(np.bitwise_or.reduce(bits ^ bits[0])) % 2**64).bit_length()


def _signed_bits(deltas: Ints) -> int:
    """Return the number of bits of the largest number, including its sign."""
    return int(np.bitwise_or.reduce(deltas ^ (deltas >> 63))).bit_length() + 1


def _pack_planes(bits: Ints) -> bytes:
    planes = np.ascontiguousarray(bits.view(np.uint8).reshape(-1, 8).T)
    constant = (planes == planes[:, :1]).all(axis=1).tolist()
    return b"".join(
        struct.pack("<BI", _CONSTANT, 1) + plane[:1].tobytes() if same else _pack_plane(plane)
        for plane, same in zip(planes, constant, strict=True)
    )


def _pack_plane(plane: Bytes) -> bytes:
    data = plane.tobytes()
    if np.count_nonzero(np.bincount(plane[:_SAMPLE], minlength=256)) < _RANDOM:
        # Run-length matching only: for byte planes as small as level 1, and faster.
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_RLE)
        packed = deflate.compress(data) + deflate.flush()
        if len(packed) < len(data):
            return struct.pack("<BI", _DEFLATED, len(packed)) + packed
    return struct.pack("<BI", _RAW, len(data)) + data


def _unpack_planes(bits: Ints, blob: bytes, at: int) -> None:
    constant, varying = 0, []
    for place in range(8):
        kind, size = struct.unpack_from("<BI", blob, at)
        at += 5
        if kind == _CONSTANT:
            constant |= blob[at] << 8 * place
        else:
            plane = blob[at : at + size]
            varying.append((place, zlib.decompress(plane, -15) if kind == _DEFLATED else plane))
        at += size
    bits.view(np.uint64)[:] = constant
    planes = bits.view(np.uint8).reshape(-1, 8)
    for place, plane in varying:
        planes[:, place] = np.frombuffer(plane, np.uint8)
