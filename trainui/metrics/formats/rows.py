"""Objects of JSON as rows: nested ones are flattened, `/` between the names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from trainui.metrics.formats.table import Column, merge, number_column, table_points
from trainui.store.chunks import Points

Row = Mapping[str, Any]

MAX_DEPTH = 8
"""What is nested deeper is no metric."""

WRAPPER = "data"
"""`{"step": 1, "data": {"loss": 0.5}}`: an only nested object of this name adds no prefix."""


def row_points(rows: Sequence[Row], *, first_row: int, step: str | None) -> dict[str, Points]:
    """Return the series of some rows, whatever fields each has.

    Args:
        rows: the records, in the order read.
        first_row: how many records of the file came before.
        step: the field that the source's definition names as the step.
    """
    tables = [
        table_points(columns, np.array(numbers, np.int64), first_row=first_row, step=step)
        for numbers, columns in _tables(rows)
    ]
    return merge(tables) if tables else {}


def _tables(rows: Sequence[Row]) -> Iterator[tuple[list[int], dict[str, Column]]]:
    """Yield the rows of the same fields together, as columns, with their numbers."""
    for names, numbers in _groups(rows).items():
        chosen = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        columns = list(zip(*(row.values() for row in chosen), strict=True))
        types = [set(map(type, column)) for column in columns]
        if any(dict in found for found in types):
            flat = [flatten(row) for row in chosen]
            for inner, found in _flat_tables(flat):
                yield [numbers[at] for at in inner], found
        else:
            yield numbers, _columns(names, columns)


def _flat_tables(rows: Sequence[Row]) -> Iterator[tuple[list[int], dict[str, Column]]]:
    for names, numbers in _groups(rows).items():
        chosen = (rows[number].values() for number in numbers)
        yield numbers, _columns(names, list(zip(*chosen, strict=True)))


def _groups(rows: Sequence[Row]) -> dict[tuple[str, ...], list[int]]:
    """Return the numbers of the rows that have the same fields in the same order."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, names in enumerate(map(tuple, rows)):
        groups.setdefault(names, []).append(number)
    return groups


def _columns(names: Sequence[str], columns: Sequence[Sequence[object]]) -> dict[str, Column]:
    found = {}
    for name, values in zip(names, columns, strict=True) if columns else ():
        column = number_column(values)
        if column is not None:
            found[name] = column
    return found


def flatten(row: Row) -> Row:
    """Return an object without nested ones; lists stay what they are: no numbers."""
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
