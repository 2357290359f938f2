"""The records in a JSON document, in any of the usual shapes.

A list of records, also below a name; lists of numbers by name, with or without their steps;
records by step; pandas' columns and rows; the newest values alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from trainui.metrics.formats.rows import Row

_STEP = "step"

_NUMBERED = re.compile(r"(?:(?:epoch|step|iter|iteration|round|fold)[ _-]?)?(-?\d+)", re.IGNORECASE)

_GROUPS = ("learn", "test")
"""The lists of unnamed numbers in each iteration of CatBoost's log; `meta` has their names."""


def find_rows(document: Any) -> Sequence[Row]:
    """Return the records of a document; a document without a list is itself the only record."""
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    if not isinstance(document, dict):
        return []
    records = [value for value in document.values() if _are_records(value)]
    if records:
        names = _catboost_names(document.get("meta"))
        return [_named(row, names) for row in max(records, key=len)]
    if any(value == [] for value in document.values()):
        return []  # its list has no records yet
    if document.keys() <= {"columns", "index", "data"} and "columns" in document:
        return _of_table(document)
    if any(_are_numbers(value) for value in document.values()):
        return _transposed(document)
    if pairs := {name: value for name, value in document.items() if _are_pairs(value)}:
        return _by_step(pairs)
    inner = {name: value for name, value in document.items() if isinstance(value, dict)}
    return _nested(document, inner) if inner else [document]


def _nested(document: Row, inner: Mapping[str, Row]) -> Sequence[Row]:
    """Return the records of a document that has records inside it."""
    if len(inner) == len(document):
        if all(map(_NUMBERED.fullmatch, document)):
            return [{_STEP: _number_in(name), **row} for name, row in inner.items()]
        if all(row and all(map(_NUMBERED.fullmatch, row)) for row in inner.values()):
            return [
                {_STEP: _number_in(at), name: value}
                for name, row in inner.items()
                for at, value in row.items()
            ]
    stepped = {  # as Sacred writes them
        name: zip(row["steps"], row["values"], strict=False)
        for name, row in inner.items()
        if isinstance(row.get("steps"), list) and isinstance(row.get("values"), list)
    }
    if stepped:
        return _by_step(stepped)
    lists = {
        name if len(inner) == 1 else f"{group}/{name}": value
        for group, row in inner.items()
        for name, value in row.items()
        if _are_numbers(value)
    }
    return _transposed(lists) if lists else [document]


def _number_in(name: str) -> int:
    found = _NUMBERED.fullmatch(name)
    assert found is not None
    return int(found[1])


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, int | float) for item in value)


def _are_pairs(value: Any) -> bool:
    """Return True if a value is a list of (step, value) pairs."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(pair, list) and len(pair) == 2 and _are_numbers(pair) for pair in value)
    )


def _by_step(series: Mapping[str, Iterable[Sequence[Any]]]) -> list[Row]:
    """Return the records of lists of (step, value) pairs that all grow at their end."""
    rows: dict[tuple[float, int], dict[str, Any]] = {}
    for name, points in series.items():
        met = Counter[float]()
        for step, value in points:
            if isinstance(step, int | float):
                rows.setdefault((step, met[step]), {_STEP: step})[name] = value
                met[step] += 1
    return [rows[at] for at in sorted(rows)]


def _of_table(document: Row) -> list[Row]:
    """Return the records of a table as pandas splits it: column names, then rows."""
    names = [str(name) for name in document["columns"] if not isinstance(name, list)]
    rows = [row for row in document.get("data") or () if isinstance(row, list)]
    return [dict(zip(names, row, strict=False)) for row in rows]


def _transposed(document: Row) -> list[Row]:
    """Return the records of lists by name; a shorter list has no points in the last records."""
    lists = {name: value for name, value in document.items() if _are_numbers(value)}
    return [dict(zip(lists, values, strict=True)) for values in zip_longest(*lists.values())]


def _catboost_names(meta: Any) -> Mapping[str, Sequence[str]]:
    if not isinstance(meta, dict):
        return {}
    return {
        part: [str(metric.get("name")) for metric in meta.get(f"{group}_metrics") or ()]
        for group in _GROUPS
        for part in meta.get(f"{group}_sets") or (group,)
    }


def _named(row: Row, names: Mapping[str, Sequence[str]]) -> Row:
    """Return a record with names given to its unnamed numbers."""
    named = dict(row)
    for group, metrics in names.items():
        if isinstance(values := named.pop(group, None), list):
            named[group] = dict(zip(metrics, values, strict=False))
    return named
