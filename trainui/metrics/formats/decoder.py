"""The interface of a format's decoder, and rows of named numbers and JSON objects as points.

The rule of rows: the step is the field that the source names, else the first usual step name that
is present, else the row number; every other numeric field is a series. JSON objects are flattened,
with `/` between the names, and lists by label.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from trainui.metrics.lenient import to_number
from trainui.model.headline_metric import HELD_OUT, names_part
from trainui.plugin import Format
from trainui.record import dataclass
from trainui.store.points.chunks import (
    NO_TIME,
    Array,
    Bools,
    Floats,
    Ints,
    Points,
    join,
    np,
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

_LONGEST = 60
"""Characters of a job's label."""

MAX_DEPTH = 8
"""Objects nested deeper are ignored."""


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


# Text columns that label a row's numbers: the metric's name, or the part of the data.
#
# The rules: in a long table, where a column has the metric's name and another its value, each
# metric is a series and there are no others; rows labelled `train` and `val` in one column become
# two series, unless the column names already say which part they are.

_METRICS = ("metric", "metric_name", "tag", "key", "name", "series", "variable")
"""Columns that contain a metric's name, in order of preference."""

_VALUES = ("value", "metric_value", "val")

_PARTS = ("split", "phase", "mode", "stage", "subset", "partition", "dataset")

_IS_PART = re.compile(rf"train(?:ing)?|{HELD_OUT}", re.IGNORECASE)


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


JsonRecord = Mapping[str, Any]
"""The fields of a record, by name."""

_Names = tuple[str, ...]
Values = Sequence[Sequence[object]]
"""The values of each field in some rows."""


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
    rows: Sequence[JsonRecord], *, first_row: int, step: str | None, epochs: set[str] | None = None
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


def _tables(rows: Sequence[JsonRecord]) -> Iterator[tuple[list[int], _Names, Values]]:
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


def _groups(rows: Sequence[JsonRecord]) -> dict[_Names, list[int]]:
    """Return the row numbers by fields, for rows with the same fields in the same order."""
    groups: dict[_Names, list[int]] = {}
    for number, names in enumerate(map(tuple, rows)):
        groups.setdefault(names, []).append(number)
    return groups


def _columns(names: _Names, columns: Values) -> dict[str, TableColumn]:
    found = {}
    for name, values in zip(names, columns, strict=True) if columns else ():
        counts = is_count(name) and all(isinstance(value, str) for value in values)
        column = number_column([str(one).partition("/")[0] for one in values] if counts else values)
        if column is not None:
            found[_count_of(names, name) if counts else name] = column
    return found


@lru_cache(maxsize=4096)
def _count_of(names: _Names, name: str) -> str:
    """Return what a field of "3/40" counts; any other field's own name."""
    count = _COUNT.fullmatch(name)
    return name if count is None or count[1] in names else count[1]


def is_count(name: str) -> bool:
    """Return True for a field that counts up to a number: its values are texts like "3/40"."""
    return "/" in name and _COUNT.fullmatch(name) is not None


def numbers(row: JsonRecord) -> dict[str, float]:
    """Return the numbers of one object by their full names."""
    flat = flatten(row)
    columns = _columns(tuple(flat), [(value,) for value in flat.values()])
    return {name: float(column.values[0]) for name, column in columns.items()}


def flatten(row: JsonRecord) -> JsonRecord:
    """Return an object with nested objects flattened; lists are left as they are."""
    nested = [name for name, value in row.items() if isinstance(value, dict)]
    if not nested:
        return row
    flat: dict[str, Any] = {}
    if nested == [WRAPPER]:
        row = {**{name: row[name] for name in row if name != WRAPPER}, **row[WRAPPER]}
    _put(flat, "", row, MAX_DEPTH)
    return flat


def _put(flat: dict[str, Any], prefix: str, row: JsonRecord, depth: int) -> None:
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
def _may_be_settings(names: _Names, step: str | None) -> bool:
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
