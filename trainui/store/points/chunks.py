"""The points of a series in memory, the chunks and tails they are stored in, and their packing.

Only this module knows the stored form. Columns of 64-bit numbers whose distances are even, as the
steps of most files, are stored as start and stride; others are split into byte planes, and planes
that compress well are compressed.

`np` is numpy, imported at its first use, since the screen's first frame must not wait for it; the
types of its arrays are texts.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from trainui.record import dataclass

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    np = numpy
else:

    class _LazyNumpy:
        """Looks each name up once in numpy."""

        def __getattr__(self, name: str) -> Any:
            import numpy

            found = getattr(numpy, name)
            setattr(self, name, found)
            return found

    np = _LazyNumpy()

Array: TypeAlias = "NDArray[Any]"
Bools: TypeAlias = "NDArray[np.bool_]"
Bytes: TypeAlias = "NDArray[np.uint8]"
Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

Steps: TypeAlias = "NDArray[Any]"
"""int64, or float64 if any step has a fraction."""

NO_TIME = -(2**63)
"""Marks a missing time in a column of times."""

CHUNK_POINTS = 4096
"""Points in a full chunk: larger chunks save little space and cost more to read at the edges."""

_SHARED = 32
"""Packed columns cached for reuse: those of one transaction, a megabyte or two."""

_SAMPLE, _RANDOM = 1024, 200
"""Bytes of a plane that are examined, and the distinct values in them above which it is not
compressed: random bytes have about 251 of the 256."""


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one series, in the order read."""

    ordinals: Ints
    """Position of each in the order in which all points of its owner were read."""
    steps: Steps
    """int64, or float64 if any step has a fraction."""
    values: Floats
    """May include NaN and infinities."""
    times: Ints
    """Microseconds since 1970 in UTC, or `NO_TIME`."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice | Bools | Ints) -> Points:
        return Points(self.ordinals[part], self.steps[part], self.values[part], self.times[part])

    def later(self, count: int) -> Points:
        """Return the same points, with ordinals shifted by `count` records."""
        return Points(self.ordinals + count, self.steps, self.values, self.times)


class Stats(NamedTuple):
    """A chunk's statistics; steps are ints if they have no fraction."""

    n: int
    first_ordinal: int
    last_ordinal: int
    first_step: int | float
    """Of the point read first."""
    last_step: int | float
    """Of the point read last."""
    low_step: int | float
    high_step: int | float
    minimum: float | None
    """Over finite values; None if there are none."""
    maximum: float | None
    total: float
    """Sum of the finite values."""
    nonfinite: int
    last: float | None
    """The value read last; None stands for NaN, which SQLite cannot store."""


def join(parts: Sequence[Points]) -> Points:
    """Concatenate points of one series."""
    if len(parts) == 1:
        return parts[0]
    return Points(
        np.concatenate([part.ordinals for part in parts]),
        whole_steps(np.concatenate([part.steps for part in parts])),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.times for part in parts]),
    )


def whole_steps(steps: Steps) -> Steps:
    """Return steps as int64 if none has a fraction, else as float64."""
    if steps.dtype.kind == "i":
        return steps
    if not len(steps) or not bool((abs(steps) < 2.0**63).all()):  # they do not fit
        return steps
    whole = steps.astype(np.int64)
    return whole if bool((whole == steps).all()) else steps


def step_number(step: float) -> int | float:
    """Return one step as an int if it has no fraction and fits 64 bits."""
    if isinstance(step, int) or not step.is_integer() or abs(step) >= 2.0**63:
        return step
    return int(step)


def describe(points: Points) -> Stats:
    """Return the statistics of a chunk with at least one point."""
    values, steps = points.values, points.steps
    finite = values[np.isfinite(values)]
    last = float(values[-1])
    some = len(finite) > 0
    with np.errstate(over="ignore"):
        total = float(finite.sum())
    return Stats(
        n=len(values),
        first_ordinal=int(points.ordinals[0]),
        last_ordinal=int(points.ordinals[-1]),
        first_step=step_number(steps[0].item()),
        last_step=step_number(steps[-1].item()),
        low_step=step_number(steps.min().item()),
        high_step=step_number(steps.max().item()),
        minimum=float(finite.min()) if some else None,
        maximum=float(finite.max()) if some else None,
        total=total,
        nonfinite=len(values) - len(finite),
        last=None if last != last else last,
    )


def pack_figures(history: Sequence[int], stats: Stats) -> bytes:
    """Pack a chunk's history (three integers) and its statistics into bytes, without loss."""
    steps = (stats.first_step, stats.last_step, stats.low_step, stats.high_step)
    whole = all(isinstance(step, int) for step in steps)
    found = [math.nan if value is None else value for value in stats]
    return struct.pack(_FIGURES[whole], whole, *history, *found)


def unpack_figures(blob: bytes) -> tuple[tuple[int, int, int], Stats]:
    """Unpack what `pack_figures` wrote."""
    found: list[Any] = list(struct.unpack(_FIGURES[blob[0]], blob))
    if not blob[0]:
        found[_STEPS] = [step_number(step) for step in found[_STEPS]]
    for at in _OPTIONAL:
        if found[at] != found[at]:
            found[at] = None
    return (found[1], found[2], found[3]), Stats._make(found[4:])


def figures_table(blobs: Iterable[bytes]) -> Floats:
    """Unpack what `pack_figures` wrote into float64: one row per blob, one column per number."""
    bits = np.frombuffer(b"".join(blobs), np.int64).reshape(-1, 4 + len(Stats._fields))
    table = bits.view(np.float64).copy()
    table[:, _WHOLE] = bits[:, _WHOLE]
    whole = bits[:, 0] == 1
    table[whole, _STEPS] = bits[whole, _STEPS]
    return table[:, 1:]


_FIGURES = ("<q3q3q4d3dqd", "<q3q3q4q3dqd")
"""Struct formats for steps with and without fractions; the first number is the format's index."""
_WHOLE, _STEPS, _OPTIONAL = [1, 2, 3, 4, 5, 6, 14], slice(7, 11), (11, 12, 15)
"""Indices of the integers, of the steps, and of the numbers that may be None."""


def unpack_chunk(
    n: int, float_steps: bool, ordinals: bytes, steps: bytes, numbers: bytes, times: bytes = b""
) -> Points:
    """Unpack a chunk from its columns; without a column of times, the points have none."""
    return Points(
        unpack(ordinals, n, floats=False),
        unpack(steps, n, floats=float_steps),
        unpack(numbers, n, floats=True),
        unpack_times(times, n) if times else no_times(n),
    )


def pack_tail(series: Mapping[int, Points]) -> bytes:
    """Pack the points of several series, by series id, into one small blob."""
    heads = [
        (series_id, len(points), int(points.steps.dtype.kind == "f"))
        for series_id, points in series.items()
    ]
    columns = [
        column.tobytes()
        for points in series.values()
        for column in (points.ordinals, points.steps, points.values, points.times)
    ]
    return struct.pack("<q", len(heads)) + b"".join(
        [*(struct.pack("<qqq", *head) for head in heads), *columns]
    )


@dataclass(frozen=True)
class TailPart:
    """The points of one series in a tail, as plain number sequences."""

    series_id: int
    ordinals: Sequence[int]
    steps: Sequence[int | float]
    values: Sequence[float]
    times: Sequence[int]

    @cached_property
    def points(self) -> Points:
        """Return the points as columns."""
        return Points(*map(np.array, (self.ordinals, self.steps, self.values, self.times)))


def unpack_tail(blob: bytes) -> list[TailPart]:
    """Unpack what `pack_tail` wrote, without numpy."""
    view = memoryview(blob)
    (count,) = struct.unpack_from("<q", view)
    at = 8 + 24 * count
    parts = []
    for index in range(count):
        series_id, n, floats = struct.unpack_from("<qqq", view, 8 + 24 * index)
        columns: list[Any] = []
        for code in ("q", "d" if floats else "q", "d", "q"):
            columns.append(view[at : at + 8 * n].cast(code))
            at += 8 * n
        parts.append(TailPart(series_id, *columns))
    return parts


_STRIDE, _PLAIN, _DELTA = 0, 1, 2
_CONSTANT, _RAW, _DEFLATED = 0, 1, 2


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
    if blob[0] == _STRIDE:
        start, stride = struct.unpack_from("<qq", blob, 1)
        # In unsigned arithmetic, which wraps in the same way as the differences.
        unsigned = bits.view(np.uint64)
        np.multiply(np.arange(n, dtype=np.uint64), np.uint64(stride % 2**64), out=unsigned)
        unsigned += np.uint64(start % 2**64)
    elif blob[0] == _DELTA:
        _unpack_planes(bits[1:], blob, 9)
        bits[1:] = _unzigzag(bits[1:])
        bits[:1] = struct.unpack_from("<q", blob, 1)
        np.cumsum(bits, out=bits)
    else:
        _unpack_planes(bits, blob, 1)
    return bits.view(np.float64) if floats else bits


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
