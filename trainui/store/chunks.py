"""Columns of points as bytes: how a chunk of one series is packed, unpacked and summed up.

Only this module knows the bytes. A column is 64-bit: steps and values that progress evenly become
a start and a stride, others are split into byte planes, of which those that compress are
compressed. numpy is imported by the functions, so that importing this module costs nothing.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Steps = NDArray[Any]

CHUNK_POINTS = 4096
"""Points in a full chunk: larger ones save little space and cost more to read at the edges."""

NO_TIME = -(2**63)
"""Stands for "no time" in a column of times."""

_STRIDE, _PLAIN, _DELTA = 0, 1, 2
_CONSTANT, _RAW, _DEFLATED = 0, 1, 2

_SHARED = 32
"""Columns that are remembered as they were packed: those of one transaction, a megabyte or two."""

_SAMPLE = 1024
_RANDOM = 200
"""Distinct values in the first `_SAMPLE` bytes of a plane from which on compressing it is in vain:
random bytes show about 251 of the 256."""


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one series, in the order read."""

    ordinals: Ints
    """Where each stands in the order in which all points of its owner were read."""
    steps: Steps
    """int64, or float64 where any step has a fraction."""
    values: Floats
    """NaN and infinities as they are."""
    times: Ints
    """Microseconds since 1970 in UTC, or `NO_TIME`."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice | NDArray[np.bool_]) -> Points:
        return Points(self.ordinals[part], self.steps[part], self.values[part], self.times[part])

    def later(self, count: int) -> Points:
        """Return the same points, read after `count` other records."""
        return Points(self.ordinals + count, self.steps, self.values, self.times)


class Stats(NamedTuple):
    """A chunk in figures; steps are ints where they have no fraction."""

    n: int
    first_ordinal: int
    last_ordinal: int
    first_step: int | float
    """Of the first point read."""
    last_step: int | float
    """Of the last point read."""
    low_step: int | float
    high_step: int | float
    minimum: float | None
    """Over finite values; None where there is none."""
    maximum: float | None
    total: float
    """Sum of the finite values."""
    nonfinite: int
    last: float | None
    """The last value read; None stands for NaN, which SQLite cannot hold."""


def join(parts: Sequence[Points]) -> Points:
    """Put points of one series behind each other."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    return Points(
        np.concatenate([part.ordinals for part in parts]),
        whole_steps(np.concatenate([part.steps for part in parts])),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.times for part in parts]),
    )


def whole_steps(steps: Steps) -> Steps:
    """Return steps as int64 where none of them has a fraction, else as float64."""
    import numpy as np

    if steps.dtype.kind == "i":
        return steps
    whole = steps.astype(np.int64) if _fit_int64(steps) else None
    return whole if whole is not None and bool((whole == steps).all()) else steps


def _fit_int64(steps: Floats) -> bool:
    return bool(len(steps)) and bool((abs(steps) < 2.0**63).all())


def step_number(step: float) -> int | float:
    """Return one step as an int where it has no fraction and 64 bits hold it."""
    if isinstance(step, int) or not step.is_integer() or abs(step) >= 2.0**63:
        return step
    return int(step)


def describe(points: Points) -> Stats:
    """Sum up a chunk; it holds at least one point."""
    import numpy as np

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
    """Write what a chunk was read in (three whole numbers) and its figures as bytes, exactly."""
    steps = (stats.first_step, stats.last_step, stats.low_step, stats.high_step)
    whole = all(isinstance(step, int) for step in steps)
    found = [math.nan if value is None else value for value in stats]
    return struct.pack(_FIGURES[whole], whole, *history, *found)


def unpack_figures(blob: bytes) -> tuple[tuple[int, int, int], Stats]:
    """Read back what `pack_figures` wrote."""
    found: list[Any] = list(struct.unpack(_FIGURES[blob[0]], blob))
    found[_STEPS] = [step_number(step) for step in found[_STEPS]]
    for at in _OPTIONAL:
        if found[at] != found[at]:
            found[at] = None
    return (found[1], found[2], found[3]), Stats._make(found[4:])


def figures_table(blobs: Iterable[bytes]) -> Floats:
    """Read back what `pack_figures` wrote as float64: a row for each, a column for each number."""
    import numpy as np

    bits = np.frombuffer(b"".join(blobs), np.int64).reshape(-1, 4 + len(Stats._fields))
    table = bits.view(np.float64).copy()
    table[:, _WHOLE] = bits[:, _WHOLE]
    whole = bits[:, 0] == 1
    table[whole, _STEPS] = bits[whole, _STEPS]
    return table[:, 1:]


_FIGURES = ("<q3q3q4d3dqd", "<q3q3q4q3dqd")
"""Of steps with fractions and without: the first number is the index."""
_WHOLE, _STEPS, _OPTIONAL = [1, 2, 3, 4, 5, 6, 14], slice(7, 11), (11, 12, 15)
"""Which of the numbers are whole, which are steps, and which may be None."""


def pack(column: NDArray[Any]) -> bytes:
    """Write a column of int64 or float64 as bytes, exactly."""
    import numpy as np

    bits = np.ascontiguousarray(column).view(np.int64)
    if len(bits) < 2:
        return struct.pack("<Bqq", _STRIDE, int(bits[0]) if len(bits) else 0, 0)
    # Differences wrap around; the running sum wraps back.
    deltas = np.diff(bits)
    stride = int(deltas[0])
    if bool((deltas == stride).all()):
        return struct.pack("<Bqq", _STRIDE, int(bits[0]), stride)
    if _signed_bits(deltas) < _varying_bits(bits):
        return struct.pack("<Bq", _DELTA, int(bits[0])) + _pack_planes(_zigzag(deltas))
    return struct.pack("<B", _PLAIN) + _pack_planes(bits)


def unpack(blob: bytes, n: int, *, floats: bool) -> NDArray[Any]:
    """Read back `n` numbers of a column that `pack` wrote."""
    import numpy as np

    bits = np.empty(n, np.int64)
    unpack_into(bits, blob)
    return bits.view(np.float64) if floats else bits


def unpack_into(bits: Ints, blob: bytes) -> None:
    """Read back a column that `pack` wrote into an array of as many numbers."""
    import numpy as np

    if (even := progression(blob)) is not None:
        start, stride = even
        # In unsigned arithmetic, which wraps as the differences did.
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
    """Return the start and the stride of a column whose numbers' bits progress evenly."""
    return struct.unpack_from("<qq", blob, 1) if blob[0] == _STRIDE else None


@lru_cache(maxsize=4)
def _places(n: int) -> NDArray[np.uint64]:
    import numpy as np

    return np.arange(n, dtype=np.uint64)


def read_points(
    n: int, float_steps: bool, ordinals: bytes, steps: bytes, numbers: bytes, times: bytes = b""
) -> Points:
    """Read back a chunk from its columns; without that of times, points have none."""
    return Points(
        unpack(ordinals, n, floats=False),
        unpack(steps, n, floats=float_steps),
        unpack(numbers, n, floats=True),
        unpack_times(times, n) if times else no_times(n),
    )


@lru_cache(maxsize=64)
def no_times(n: int) -> Ints:
    """Return the times of `n` points of which none is known, in no space."""
    import numpy as np

    return np.broadcast_to(np.int64(NO_TIME), n)


def pack_shared(column: NDArray[Any]) -> bytes:
    """Write a column as `pack` does; the series of one file often share their steps."""
    return _pack_again(column.tobytes())


@lru_cache(maxsize=_SHARED)
def _pack_again(data: bytes) -> bytes:
    import numpy as np

    return pack(np.frombuffer(data, np.int64))


def pack_times(times: Ints) -> bytes:
    """Write a column of times, which series share as they do their steps."""
    return _pack_times(times.tobytes())


@lru_cache(maxsize=_SHARED)
def _pack_times(data: bytes) -> bytes:
    """Write times; whole milliseconds, as most are, take a third of the space."""
    import numpy as np

    times = np.frombuffer(data, np.int64)
    whole = bool((times % 1000 == 0).all())
    return struct.pack("<B", whole) + pack(times // 1000 if whole else times)


def unpack_times(blob: bytes, n: int) -> Ints:
    """Read back what `pack_times` wrote."""
    times = unpack(blob[1:], n, floats=False)
    return times * 1000 if blob[0] else times


def _zigzag(deltas: Ints) -> Ints:
    # Small negative numbers become small positive ones: their high bytes are zero.
    return (deltas << 1) ^ (deltas >> 63)


def _unzigzag(coded: Ints) -> Ints:
    import numpy as np

    return ((coded.view(np.uint64) >> np.uint64(1)).view(np.int64)) ^ -(coded & 1)


def _varying_bits(bits: Ints) -> int:
    """Return up to which bit the numbers differ."""
    import numpy as np

    return (int(np.bitwise_or.reduce(bits ^ bits[0])) % 2**64).bit_length()


def _signed_bits(deltas: Ints) -> int:
    """Return how many bits the largest of the numbers takes, with its sign."""
    import numpy as np

    return int(np.bitwise_or.reduce(deltas ^ (deltas >> 63))).bit_length() + 1


def _pack_planes(bits: Ints) -> bytes:
    import numpy as np

    planes = np.ascontiguousarray(bits.view(np.uint8).reshape(-1, 8).T)
    constant = (planes == planes[:, :1]).all(axis=1).tolist()
    return b"".join(
        struct.pack("<BI", _CONSTANT, 1) + plane[:1].tobytes() if same else _pack_plane(plane)
        for plane, same in zip(planes, constant, strict=True)
    )


def _pack_plane(plane: NDArray[np.uint8]) -> bytes:
    import numpy as np

    data = plane.tobytes()
    if np.count_nonzero(np.bincount(plane[:_SAMPLE], minlength=256)) < _RANDOM:
        # Run-length matching only: on byte planes as small as level 1 and faster.
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_RLE)
        packed = deflate.compress(data) + deflate.flush()
        if len(packed) < len(data):
            return struct.pack("<BI", _DEFLATED, len(packed)) + packed
    return struct.pack("<BI", _RAW, len(data)) + data


def _unpack_planes(bits: Ints, blob: bytes, at: int) -> None:
    import numpy as np

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


def pack_tail(series: Mapping[int, Points]) -> bytes:
    """Write the points of several series, by their ids, as one small blob."""
    import numpy as np

    heads = [
        (series_id, len(points), int(points.steps.dtype.kind == "f"))
        for series_id, points in series.items()
    ]
    columns = [
        column.view(np.int64)
        for points in series.values()
        for column in (points.ordinals, points.steps, points.values, points.times)
    ]
    return struct.pack("<q", len(heads)) + b"".join(
        [*(struct.pack("<qqq", *head) for head in heads), *(column.tobytes() for column in columns)]
    )


@dataclass(frozen=True)
class TailPart:
    """The points of one series in a tail, as plain sequences of numbers."""

    series_id: int
    ordinals: Sequence[int]
    steps: Sequence[int | float]
    values: Sequence[float]
    times: Sequence[int]

    @cached_property
    def points(self) -> Points:
        """The same as columns."""
        import numpy as np

        return Points(*map(np.array, (self.ordinals, self.steps, self.values, self.times)))


def unpack_tail(blob: bytes) -> list[TailPart]:
    """Read back what `pack_tail` wrote, without numpy."""
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
