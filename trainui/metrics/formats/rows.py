"""JSON objects as rows: nested ones are flattened, with `/` between the names; lists by label."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from trainui.metrics.formats.decoder import (
    Decoded,
    TableColumn,
    merge,
    number_column,
    step_fields,
    table_points,
    to_float,
)
from trainui.metrics.formats.lenient_text import to_number
from trainui.store.points.chunks import NO_TIME, Ints, Points, whole_steps

# Text columns that label a row's numbers: the metric's name, or the part of the data.
#
# The rules: in a long table, where a column has the metric's name and another its value, each
# metric is a series and there are no others; rows labelled `train` and `val` in one column become
# two series, unless the column names already say which part they are.

_METRICS = ("metric", "metric_name", "tag", "key", "name", "series", "variable")
"""Columns that contain a metric's name, in order of preference."""

_VALUES = ("value", "metric_value", "val")

_PARTS = ("split", "phase", "mode", "stage", "subset", "partition", "dataset")

HELD_OUT = r"val(?:id(?:ation)?)?|dev|eval(?:uation)?|test"
"""Names of the parts of the data that are not trained on, as a pattern."""

_PART = rf"train(?:ing)?|{HELD_OUT}"
_IS_PART = re.compile(_PART, re.IGNORECASE)
_NAMES_PART = re.compile(rf"(?:.*[^a-z])?(?:{_PART})(?:[^a-z].*)?", re.IGNORECASE)
_LONGEST = 60
"""Characters of a job's label."""


class Fields(NamedTuple):
    """The label columns of a table."""

    part: str | None
    metric: str | None
    value: str | None
    """In a long table: the column with the values."""


@lru_cache(maxsize=256)
def find(names: tuple[str, ...]) -> Fields | None:
    """Return a table's label columns; None if its column names show none."""
    known = {name.strip().lower(): name for name in reversed(names)}
    metric, value, part = (
        next((known[name] for name in wanted if name in known), None)
        for wanted in (_METRICS, _VALUES, _PARTS)
    )
    if metric is None or value is None or "train" in known:
        metric = value = None
    if any(name != value and names_part(name) for name in names):
        part = None
    return None if metric is None and part is None else Fields(part, metric, value)


def of_job(number: str, overrides: str) -> str:
    """Return the label of a job of a multirun: `0 lr=0.1 seed=1`."""
    return f"{number} {overrides.strip()}".replace("/", "_")[:_LONGEST].rstrip()


def names_part(name: str) -> bool:
    """Return True if a name includes the part of the data, as `val_loss` does."""
    return _NAMES_PART.fullmatch(name) is not None


def split(
    series: dict[str, Points],
    fields: Fields,
    rows: Ints,
    words: Mapping[str, Sequence[object]],
) -> dict[str, Points]:
    """Return the series of some rows, split by metric and part of the data.

    `rows` are the row numbers, which are the points' ordinals; `words` the cells by column name.
    """
    nothing = [None] * len(rows)
    texts, parts = (
        [cell.strip() if isinstance(cell, str) else "" for cell in words.get(name or "", nothing)]
        for name in (fields.metric, fields.part)
    )
    metrics = ["" if to_number(text) is not None else text for text in texts]
    parts = [f"{part}/".replace(" ", "") if _IS_PART.fullmatch(part) else "" for part in parts]
    if any(metrics):
        series = {name: points for name, points in series.items() if name == fields.value}
    elif not any(parts):
        return series
    found: dict[str, Points] = {}
    for name, points in series.items():
        labels = [f"{part}{metric or name}" for part, metric in zip(parts, metrics, strict=True)]
        found |= _by_label(points, labels, rows)
    return found


def _by_label(points: Points, labels: Sequence[str], rows: Ints) -> dict[str, Points]:
    kinds = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([kinds[label] for label in labels])
    own = numbers[np.searchsorted(rows, points.ordinals)]
    found = {label: points[own == number] for label, number in kinds.items()}
    return {
        label: replace(part, steps=whole_steps(part.steps))
        for label, part in found.items()
        if len(part)
    }


Row = Mapping[str, Any]

SeriesNames = tuple[str, ...]
Values = Sequence[Sequence[object]]
"""The values of each field in some rows."""

MAX_DEPTH = 8
"""Objects nested deeper are ignored."""

WRAPPER = "data"
"""`{"step": 1, "data": {"loss": 0.5}}`: a single nested object of this name adds no prefix."""


_COUNT = re.compile(r"((?:\w+_)?(?:step|iter(?:ation)?|epoch))s?/(?:max|total|num)_\w+")
"""`{"global_step/max_steps": "3/40"}`: the step is 3."""

_SURE = re.compile(
    r"config(?:uration)?|cfg|args|h(?:yper)?_?param(?:eter)?s|(?:\w+_)?batch_?size", re.IGNORECASE
)
"""Signs of a settings row: its name, or a setting that no training measures."""

_SETTING = re.compile(
    r"(?:\w+_)?(?:seed|lr|learning_rate|epochs|steps|iters|iterations|size|dim|layers?|heads?|"
    r"workers|decay)|momentum|dropout|hidden|width|depth|alpha|beta[12]|gamma|eps(?:ilon)?|"
    r"warmup|rank|device",
    re.IGNORECASE,
)


class SparseRows:
    """Collects rows that know their step, each with a few named numbers."""

    def __init__(self) -> None:
        self._count = 0
        self._cells: dict[str, list[tuple[int, int, float, int]]] = defaultdict(list)

    def add(self, step: int, numbers: Iterable[tuple[str, float]], time: int = NO_TIME) -> None:
        """Add a row, with its time in microseconds since 1970."""
        for name, number in numbers:
            self._cells[name].append((self._count, step, number, time))
        self._count += 1

    def decoded(self) -> Decoded:
        """Return all series."""
        series = {}
        for name, cells in self._cells.items():
            rows, steps, values, times = map(np.array, zip(*cells, strict=True))
            series[name] = Points(rows, steps, values.astype(np.float64), times)
        return Decoded(series, self._count)


def row_points(
    rows: Sequence[Row], *, first_row: int, step: str | None, epochs: set[str] | None = None
) -> dict[str, Points]:
    """Return the series of some rows, in file order, with any mix of fields.

    `first_row` is the number of rows before them, `step` the field that the source names, and
    `epochs` gets the names of the series whose steps are epochs.
    """
    tables: list[Mapping[str, Points]] = []
    for numbers, names, columns in _tables(rows):
        at = np.array(numbers, np.int64)
        cells = _columns(names, columns)
        series = table_points(cells, at, first_row=first_row, step=step, epochs=epochs)
        if (fields := find(names)) is None:
            tables.append(series)
        else:
            texts = dict(zip(names, columns, strict=True))
            parts = split(series, fields, at, texts)
            tables.append(parts)
            if epochs is not None and epochs.intersection(series):
                epochs.update(parts)
    return merge(tables)


def _tables(rows: Sequence[Row]) -> Iterator[tuple[list[int], SeriesNames, Values]]:
    """Yield the rows with the same fields together: row numbers, field names, values."""
    for names, numbers in _groups(rows).items():
        chosen = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        columns = list(zip(*(row.values() for row in chosen), strict=True))
        if any(dict in set(map(type, column)) for column in columns):
            flat = [flatten(row) for row in chosen]
            for inner, flat_numbers in _groups(flat).items():
                values = zip(*(flat[number].values() for number in flat_numbers), strict=True)
                yield [numbers[at] for at in flat_numbers], inner, list(values)
        else:
            yield numbers, names, columns


def _groups(rows: Sequence[Row]) -> dict[SeriesNames, list[int]]:
    """Return the row numbers by fields, for rows with the same fields in the same order."""
    groups: dict[SeriesNames, list[int]] = {}
    for number, names in enumerate(map(tuple, rows)):
        groups.setdefault(names, []).append(number)
    return groups


def _columns(names: SeriesNames, columns: Values) -> dict[str, TableColumn]:
    found = {}
    for name, values in zip(names, columns, strict=True) if columns else ():
        counts = is_count(name) and all(isinstance(value, str) for value in values)
        column = number_column([str(one).partition("/")[0] for one in values] if counts else values)
        if column is not None:
            found[_count_of(names, name) if counts else name] = column
    return found


@lru_cache(maxsize=4096)
def _count_of(names: SeriesNames, name: str) -> str:
    """Return what a field of "3/40" counts; any other field's own name."""
    count = _COUNT.fullmatch(name)
    return name if count is None or count[1] in names else count[1]


def is_count(name: str) -> bool:
    """Return True for a field that counts up to a number: its values are texts like "3/40"."""
    return "/" in name and _COUNT.fullmatch(name) is not None


def numbers(row: Row) -> dict[str, float]:
    """Return the numbers of one object by their full names."""
    flat = flatten(row)
    columns = _columns(tuple(flat), [(value,) for value in flat.values()])
    return {name: float(column.values[0]) for name, column in columns.items()}


def flatten(row: Row) -> Row:
    """Return an object with nested objects flattened; lists are left as they are."""
    nested = [name for name, value in row.items() if isinstance(value, dict)]
    if not nested:
        return row
    flat: dict[str, Any] = {}
    if nested == [WRAPPER]:
        row = {**{name: row[name] for name in row if name != WRAPPER}, **row[WRAPPER]}
    _put(flat, "", row, MAX_DEPTH)
    return flat


def _put(flat: dict[str, Any], prefix: str, row: Row, depth: int) -> None:
    for name, value in row.items():
        if not isinstance(value, dict):
            flat[f"{prefix}{name}"] = value
        elif depth:
            _put(flat, f"{prefix}{name}/", value, depth - 1)


def names_settings(name: str) -> bool:
    """Return True if a row with a field of this name may be settings."""
    return _SURE.fullmatch(name) is not None


def is_configuration(row: Mapping[str, Any], step: str | None) -> bool:
    """Return True if a row is settings, with which many logs begin, and not metrics.

    It has no step, has a batch size or is called a configuration, and every number in it is a known
    setting. `step` is the field that the source names as the step.
    """
    if len(row) < 2 and not any(isinstance(value, dict) for value in row.values()):
        return False
    return _may_be_settings(tuple(row), step) and all(
        _is_setting(name) or number_column([value]) is None for name, value in flatten(row).items()
    )


@lru_cache(maxsize=256)
def _may_be_settings(names: SeriesNames, step: str | None) -> bool:
    return any(map(names_settings, names)) and not step_fields(names, step)


def _is_setting(name: str) -> bool:
    *above, own = name.split("/")
    return any(map(names_settings, (*above, own))) or _SETTING.fullmatch(own) is not None


def dotted_leaves(name: str, value: Any, depth: int = MAX_DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the values in a tracker's dictionary, names joined by dots; media are left out."""
    if not isinstance(value, dict):
        yield name, value
    elif depth and "_type" not in value:
        for inner, one in value.items():
            yield from dotted_leaves(f"{name}.{inner}" if name else str(inner), one, depth - 1)


def dotted_numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers among them; a boolean is none."""
    for inner, one in dotted_leaves(name, value):
        if isinstance(one, int | float) and not isinstance(one, bool):
            yield inner, to_float(one)
