"""Objects of JSON as rows: nested ones are flattened, `/` between the names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    groups: dict[tuple[str, ...], list[int]] = {}
    flat = [flatten(row) for row in rows]
    for number, row in enumerate(flat):
        groups.setdefault(tuple(row), []).append(number)
    tables = [
        table_points(
            _columns(names, [flat[number] for number in numbers]),
            np.array(numbers, np.int64),
            first_row=first_row,
            step=step,
        )
        for names, numbers in groups.items()
    ]
    return merge(tables) if tables else {}


def _columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, Column]:
    found = {}
    for name in names:
        column = number_column([row[name] for row in rows])
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
