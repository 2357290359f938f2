"""The interface of a format's decoder, and rows of named numbers as points.

The rule of rows: the step is the field that the source names, else the first usual step name that
is present, else the row number; every other numeric field is a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trainui.metrics.formats.lenient_text import to_number
from trainui.plugin import Format
from trainui.store.points.chunks import (
    NO_TIME,
    Array,
    Bools,
    Floats,
    Ints,
    Points,
    join,
    whole_steps,
)

STEP_NAMES = (
    "step",
    "global_step",
    "iteration",
    "iter",
    "current_steps",
    "total_timesteps",
    "training_iteration",
    "epoch",
)
"""Step names, in order of preference."""

EPOCH = "epoch"
"""The step name of a row that counts epochs."""

BEHIND_A_PREFIX = frozenset({"total_timesteps", "global_step"})
"""These also mean the step as `time/total_timesteps`; `timing/step` is a duration."""

TIME_NAMES = frozenset({"timestamp", "_timestamp", "wall_time", "time"})
"""Fields with the time of a point, if their values are times of this century."""

_PLAUSIBLE = (1e9, 1e11)
"""Seconds since 1970: 2001 and later. A smaller `time` is a duration."""


class TableColumn(NamedTuple):
    """One field of some rows."""

    values: Floats
    present: Bools | None = None
    """Mask of the rows that have a number; None: all rows."""


@dataclass(slots=True)
class Decoded:
    """The points decoded from some bytes of a source."""

    series: dict[str, Points] = field(default_factory=dict)
    """Ordinals are record numbers, starting at 0 with these bytes."""
    records: int = 0

    def then(self, following: Decoded) -> Decoded:
        """Return the points of these bytes and of those after them."""
        whole = WholeTable()
        whole.add(self)
        whole.add(following)
        return whole.decoded()


class WholeTable:
    """Collects the points of several blocks and concatenates them once, at the end."""

    def __init__(self) -> None:
        self._tables: list[Mapping[str, Points]] = []
        self.records = 0

    def add(self, following: Decoded) -> None:
        """Add the points of the bytes that follow."""
        if following.series:
            before = self.records
            series = following.series.items()
            self._tables.append(
                {name: points.later(before) if before else points for name, points in series}
            )
        self.records += following.records

    def decoded(self) -> Decoded:
        """Return all points."""
        return Decoded(merge(self._tables), self.records)


@lru_cache(maxsize=256)
def step_fields(names: tuple[str, ...], named: str | None) -> tuple[str, ...]:
    """Return the fields that may be the step, the preferred one first.

    `named` is the field that the source's definition names.
    """
    wanted = [named] if named in names else []
    for step_name in STEP_NAMES:
        wanted += [name for name in names if name.lower() == step_name]
        if step_name in BEHIND_A_PREFIX:
            wanted += [name for name in names if name.lower().endswith(f"/{step_name}")]
    return tuple(dict.fromkeys(name for name in wanted if name is not None))


def table_points(
    columns: Mapping[str, TableColumn],
    rows: Ints,
    *,
    first_row: int,
    step: str | None,
    epochs: set[str] | None = None,
) -> dict[str, Points]:
    """Return the series of some rows with the same fields.

    Args:
        columns: the fields, by name, each as long as `rows`.
        rows: the record numbers of the rows within these bytes.
        first_row: the number of rows of the file before these bytes.
        step: the field that the source's definition names as the step.
        epochs: gets the names of the series whose steps are epochs.
    """
    steps, taken = _steps(columns, rows + first_row, step)
    by_epoch = next((taken[name] for name in taken if name.lower() == EPOCH), None)
    times = _times(columns, len(rows))
    series = {}
    for name, column in columns.items():
        used = column.present
        if name in taken:  # not the rows in which it was the step
            used = ~taken[name] if used is None else used & ~taken[name]
        if used is None:
            series[name] = Points(rows, steps, column.values, times)
        elif used.any():
            series[name] = Points(
                rows[used], whole_steps(steps[used]), column.values[used], times[used]
            )
        if epochs is not None and by_epoch is not None and name in series:
            epochs.update({name} if (by_epoch if used is None else by_epoch[used]).all() else ())
    return series


def _steps(
    columns: Mapping[str, TableColumn], numbers: Ints, named: str | None
) -> tuple[Array, dict[str, Bools]]:
    """Return the step of each row, and by field the rows in which it was the step."""
    steps = numbers.astype(np.float64)
    without = np.ones(len(numbers), np.bool_)
    taken = {}
    for name in step_fields(tuple(columns), named):
        column = columns[name]
        taken[name] = without if column.present is None else without & column.present
        usable = taken[name] & np.isfinite(column.values)
        steps[usable] = column.values[usable]
        without = without & ~usable
        if not without.any():
            break
    return whole_steps(steps), taken


def _times(columns: Mapping[str, TableColumn], count: int) -> Ints:
    times = np.full(count, NO_TIME, np.int64)
    for name, column in columns.items():
        if name.lower() in TIME_NAMES:
            values = column.values
            plausible = (values >= _PLAUSIBLE[0]) & (values < _PLAUSIBLE[1]) & (times == NO_TIME)
            if column.present is not None:
                plausible &= column.present
            # Whole milliseconds: finer times would take more space than the values.
            times[plausible] = np.round(values[plausible] * 1e3).astype(np.int64) * 1000
    return times


def merge(tables: Sequence[Mapping[str, Points]]) -> dict[str, Points]:
    """Merge the series of several tables, in the order of their rows."""
    if len(tables) == 1:
        return dict(tables[0])
    found: dict[str, list[Points]] = {}
    for table in tables:
        for name, points in table.items():
            found.setdefault(name, []).append(points)
    series = {name: join(parts) for name, parts in found.items()}
    for name, points in series.items():
        if (np.diff(points.ordinals) < 0).any():
            series[name] = points[np.argsort(points.ordinals, kind="stable")]
    return series


def number_column(values: Sequence[object]) -> TableColumn | None:
    """Return the numbers among some values; None if there are none.

    Strings that spell numbers count, booleans do not.
    """
    types = set(map(type, values))
    if types <= {int, float}:
        return TableColumn(_floats(values))
    if types.isdisjoint({int, float, str}):
        return None
    numbers = [_number(value) for value in values]
    present = np.array([number is not None for number in numbers])
    if not present.any():
        return None
    return TableColumn(_floats([0.0 if number is None else number for number in numbers]), present)


def _floats(values: Sequence[Any]) -> Floats:
    try:
        return np.array(values, np.float64)
    except OverflowError:  # an int beyond the range of a float
        return np.array([to_float(value) for value in values], np.float64)


def to_float(number: float) -> float:
    """Return a number as a float; infinity if it is larger than any."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return to_float(value)
    return to_number(value) if isinstance(value, str) else None


class Decoder:
    """Turns the bytes of one source into points, block by block."""

    name: str
    """The format's name, as in a source's `format`."""
    plugin: Format | None = None
    """The plugin that it is of."""
    whole = False
    """True if the file is read from its first byte at each change."""
    replaces = False
    """True if what was decoded last replaces everything before it."""
    restarts = False
    """True if what was decoded last comes from a writer that has restarted: from its first step on,
    it replaces what the files of the same attempt said before."""
    stops_short = False
    """True if more whole records follow those of the last `cut`."""
    has_marked_ends = False
    """True if a record without its end is torn, however its writer ended."""

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
    ) -> None:
        """Start, or continue from a stored state.

        Args:
            step: the step field, if the source's definition names one.
            state: the state of the decoder that has read the file so far.
            path: the file; some formats take a metric's name from it.
        """
        self._step = step
        self._path = path
        self.epochs: set[str] = set()
        """The series whose steps are epochs, among those decoded."""
        self.state: dict[str, Any] = state or {}
        """State kept between blocks, as plain JSON, e.g. a table's header."""

    def begin_at(self, offset: int) -> None:
        """Take the offset in the file of what is read next, where that matters."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records at the start of the data."""
        return data.rfind(b"\n") + 1

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if the last bytes of a file that no longer grows are a whole record.

        If the writer was killed, `0.12` may be the beginning of `0.1234`.

        Args:
            rest: the bytes after the last whole record.
            clean: the writer ended normally, so its last record is not torn.
        """
        del rest
        return clean and not self.has_marked_ends

    def record_size(self, data: bytes) -> int | None:
        """Return the size of the record at the start of some bytes; None if it gives no length."""
        del data
        return None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records; `first_row` is the number of records before them."""
        raise NotImplementedError

    def finish(self, first_row: int) -> Decoded:
        """Decode what was held back in case more records followed."""
        del first_row
        return Decoded()
