"""The points of a series in memory, and the chunks and tails that they are stored in.

`column_packing` packs their columns.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from trainui.store.points.column_packing import no_times, unpack, unpack_times
from trainui.store.points.lazy_numpy import Bools, Floats, Ints, Steps, np

CHUNK_POINTS = 4096
"""Points in a full chunk: larger chunks save little space and cost more to read at the edges."""


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


def read_points(
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
