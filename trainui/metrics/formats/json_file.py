"""A JSON document: records in one of many shapes, or the newest values alone.

A document is rewritten at each change, so it is always read as a whole. In an unfinished list, and
in concatenated objects, the complete objects are read.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from trainui.metrics.formats import lenient_text
from trainui.metrics.formats.decoder import Decoded, Decoder, number_column, step_fields
from trainui.metrics.formats.rows import Row, flatten, row_points

_STEP = "step"
_NUMBERED = re.compile(r"(?:(?:epoch|step|iter|iteration|round|fold)[ _-]?)?(-?\d+)", re.IGNORECASE)

_GROUPS = ("learn", "test")
"""The lists of unnamed numbers in each iteration of CatBoost's log; `meta` has their names."""


class JsonFile(Decoder):
    """Decodes a document."""

    name = "json"
    whole = True
    records: str | None = None
    """The name of its list of records, if all such documents have the same."""

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
        *,
        alone: bool = True,
        is_summary: bool = False,
    ) -> None:
        """Start, or continue from a stored state.

        If no other file has its values (`alone`), a single record's step is a metric too. Those of
        a summary have no steps.
        """
        super().__init__(step, state, path)
        self._alone = alone
        self._is_summary = is_summary

    def cut(self, data: bytes) -> int:
        """Return the document's length; 0 while it is incomplete."""
        return len(data) if _load(data) is not None else 0

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if a document that no longer grows is complete."""
        del clean  # closing brackets show it, however the writer ended
        return _load(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode the document."""
        document = _load(block)
        records = document.get(self.records) if isinstance(document, dict) else None
        rows = find_rows(records if isinstance(records, list) else document)
        self.state["snapshot"] = len(rows) == 1 and rows[0] is document
        if self.state["snapshot"]:
            return self._decode_newest(rows[0], first_row)
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))

    def _decode_newest(self, document: Row, first_row: int) -> Decoded:
        """Decode newest values, which have no history."""
        first_row = 0 if self._is_summary else first_row
        fields = flatten(document)
        step = next(iter(step_fields(tuple(fields), self._step)), None)
        series = row_points([fields], first_row=first_row, step=self._step)
        if self._is_summary:
            series = {name: replace(found, steps=found.steps * 0) for name, found in series.items()}
        own = None if step is None else number_column([fields[step]])
        if self._alone and step is not None and series and own is not None:
            series[step] = replace(next(iter(series.values())), values=own.values)
        steps = [found.steps[0].item() for found in series.values()]
        self.replaces = bool(steps) and max(steps) <= self.state.get("step", -math.inf)
        if steps:
            self.state["step"] = max(steps)
        return Decoded(series, 1)


def _load(data: bytes) -> Any:
    text = data.strip(b"\0 \t\r\n").decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return lenient_text.load_objects(text)


def find_rows(document: Any) -> Sequence[Row]:
    """Return the records of a document, in any of the usual shapes.

    These are a list of records, also below a name; lists of numbers by name, with or without their
    steps; records by step; pandas' columns and rows. Any other document is itself the only record.
    """
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    if not isinstance(document, dict):
        return []
    lists = [value for value in document.values() if isinstance(value, list)]
    records = [rows for rows in lists if rows and all(isinstance(row, dict) for row in rows)]
    if records:
        names = _catboost_names(document.get("meta"))
        return [_named(row, names) for row in max(records, key=len)]
    if [] in lists:
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


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, int | float) for item in value)


def _are_pairs(value: Any) -> bool:
    """Return True if a value is a list of (step, value) pairs."""
    pairs = value if isinstance(value, list) else ()
    return bool(pairs) and all(_are_numbers(pair) and len(pair) == 2 for pair in pairs)


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
