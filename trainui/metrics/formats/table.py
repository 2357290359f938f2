"""Rows of named numbers as points: which column is the step, and which are series.

The rule that lives here: the step is the field that the source names, else the first of the usual
names that is there, else the row's number; every other numeric field is a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainui.store.chunks import NO_TIME, Points, join, whole_steps

if TYPE_CHECKING:
    from trainui.store.chunks import Floats, Ints

STEP_NAMES = (
    "step",
    "global_step",
    "iteration",
    "iter",
    "total_timesteps",
    "training_iteration",
    "epoch",
)
"""In order of preference."""

BEHIND_A_PREFIX = frozenset({"total_timesteps", "global_step"})
"""These also mean the step as `time/total_timesteps`; `timing/step`, say, is a duration."""

TIME_NAMES = frozenset({"timestamp", "_timestamp", "wall_time", "time"})
"""These tell when a point was made, where their value is a time of this century."""

_PLAUSIBLE = (1e9, 1e11)
"""Seconds since 1970: from 2001 on. A `time` below is a duration."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of some rows."""

    values: Floats
    present: NDArray[np.bool_] | None = None
    """Where there is a number; None: in every row."""


@dataclass(slots=True)
class Decoded:
    """What some bytes of a source held."""

    series: dict[str, Points] = field(default_factory=dict)
    """Their ordinals count the records, the first of these bytes being 0."""
    records: int = 0

    def then(self, following: Decoded) -> Decoded:
        """Return what these bytes and those after them held."""
        whole = Whole()
        whole.add(self)
        whole.add(following)
        return whole.decoded()


class Whole:
    """What several pieces of a source held, put together once all are there."""

    def __init__(self) -> None:
        self._tables: list[Mapping[str, Points]] = []
        self.records = 0

    def add(self, following: Decoded) -> None:
        """Add what the bytes that follow held."""
        if following.series:
            before = self.records
            series = following.series.items()
            self._tables.append(
                {name: points.later(before) if before else points for name, points in series}
            )
        self.records += following.records

    def decoded(self) -> Decoded:
        """Return all of it."""
        return Decoded(merge(self._tables), self.records)


@lru_cache(maxsize=256)
def step_fields(names: tuple[str, ...], named: str | None) -> tuple[str, ...]:
    """Return which of the fields mean the step, the most wanted first.

    Args:
        names: the fields of a row.
        named: the field that the source's definition names.
    """
    wanted = [named] if named in names else []
    for step_name in STEP_NAMES:
        wanted += [name for name in names if name.lower() == step_name]
        if step_name in BEHIND_A_PREFIX:
            wanted += [name for name in names if name.lower().endswith(f"/{step_name}")]
    return tuple(dict.fromkeys(name for name in wanted if name is not None))


def table_points(
    columns: Mapping[str, Column], rows: Ints, *, first_row: int, step: str | None
) -> dict[str, Points]:
    """Return the series of some rows that have the same fields.

    Args:
        columns: the fields, by name, each as long as `rows`.
        rows: the rows' numbers among the records of these bytes.
        first_row: how many rows of the file came before these bytes.
        step: the field that the source's definition names as the step.
    """
    steps, taken = _steps(columns, rows + first_row, step)
    times = _times(columns, len(rows))
    series = {}
    for name, column in columns.items():
        used = _both(column.present, taken.get(name))
        if used is None:
            series[name] = Points(rows, steps, column.values, times)
        elif used.any():
            series[name] = Points(
                rows[used], whole_steps(steps[used]), column.values[used], times[used]
            )
    return series


def _both(
    present: NDArray[np.bool_] | None, taken: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Return where a number is there and is not the step's own."""
    if taken is None:
        return present
    return ~taken if present is None else present & ~taken


def _steps(
    columns: Mapping[str, Column], numbers: Ints, named: str | None
) -> tuple[NDArray[Any], dict[str, NDArray[np.bool_]]]:
    """Return the step of each row, and by field in which rows it was the step."""
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


def _times(columns: Mapping[str, Column], count: int) -> Ints:
    times = np.full(count, NO_TIME, np.int64)
    for name, column in columns.items():
        if name.lower() in TIME_NAMES:
            values = column.values
            plausible = (values >= _PLAUSIBLE[0]) & (values < _PLAUSIBLE[1]) & (times == NO_TIME)
            if column.present is not None:
                plausible &= column.present
            # Whole milliseconds: finer ones would cost more space than the values.
            times[plausible] = np.round(values[plausible] * 1e3).astype(np.int64) * 1000
    return times


def merge(tables: Sequence[Mapping[str, Points]]) -> dict[str, Points]:
    """Put the series of several tables together, in the order of their rows."""
    if len(tables) == 1:
        return dict(tables[0])
    found: dict[str, list[Points]] = {}
    for table in tables:
        for name, points in table.items():
            found.setdefault(name, []).append(points)
    return {name: _in_order(join(parts)) for name, parts in found.items()}


def _in_order(points: Points) -> Points:
    if bool((np.diff(points.ordinals) >= 0).all()):
        return points
    order = np.argsort(points.ordinals, kind="stable")
    return Points(
        points.ordinals[order], points.steps[order], points.values[order], points.times[order]
    )


def number_column(values: Sequence[object]) -> Column | None:
    """Return the numbers among some values; None where there is none.

    Texts that are numbers count, truth values do not.
    """
    types = set(map(type, values))
    if types <= {int, float}:
        return Column(_floats(values))
    if types.isdisjoint({int, float, str}):
        return None
    numbers = [_number(value) for value in values]
    present = np.array([number is not None for number in numbers])
    if not present.any():
        return None
    return Column(_floats([0.0 if number is None else number for number in numbers]), present)


def _floats(values: Sequence[Any]) -> Floats:
    try:
        return np.array(values, np.float64)
    except OverflowError:  # an int beyond what a float can be
        return np.array([_float(value) for value in values], np.float64)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _number(value: object) -> float | None:
    from trainui.metrics.formats.numbers import to_number

    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _float(value)
    return to_number(value) if isinstance(value, str) else None
