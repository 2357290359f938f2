"""A JSON document: a list of records, lists of numbers by name, or the newest values alone.

A document is rewritten at each change, so it is read as a whole each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from trainui.metrics.formats.rows import Row, row_points
from trainui.metrics.formats.table import Decoded

_GROUPS = ("learn", "test")
"""Lists of unnamed numbers in each iteration of CatBoost's log; `meta` holds the names."""


class JsonFile:
    """Decodes a document."""

    name = "json"
    whole = True

    def __init__(self, step: str | None = None, state: dict[str, Any] | None = None) -> None:
        self.state: dict[str, Any] = state or {}
        self._step = step

    def cut(self, data: bytes) -> int:
        """Return the document's length; 0 while its writer has not ended it."""
        return len(data) if _load(data) is not None else 0

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Tell whether a document that will not grow is one."""
        del clean  # brackets tell, whoever wrote them
        return _load(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode the document."""
        document = _load(block)
        rows = find_rows(document)
        self.state["snapshot"] = len(rows) == 1 and rows[0] is document
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))


def _load(data: bytes) -> Any:
    try:
        return json.loads(data.strip(b"\0 \t\r\n").decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def find_rows(document: Any) -> Sequence[Row]:
    """Return the records of a document: the document itself where it is only one."""
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    if not isinstance(document, dict):
        return []
    records = [value for value in document.values() if _are_records(value)]
    if records:
        names = _catboost_names(document.get("meta"))
        return [_named(row, names) for row in max(records, key=len)]
    if any(value == [] for value in document.values()):
        return []  # its records are still to come
    if any(_are_numbers(value) for value in document.values()):
        return _transposed(document)
    inner = [value for value in document.values() if isinstance(value, dict)]
    if len(inner) == 1 and any(_are_numbers(value) for value in inner[0].values()):
        return _transposed(inner[0])
    return [document]


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, int | float) for item in value)


def _transposed(document: Row) -> list[Row]:
    """Return the records of lists by name; a short list gives no more points."""
    lists = {name: value for name, value in document.items() if _are_numbers(value)}
    return [dict(zip(lists, values, strict=True)) for values in zip_longest(*lists.values())]


def _catboost_names(meta: Any) -> Mapping[str, Sequence[str]]:
    if not isinstance(meta, dict):
        return {}
    return {
        group: [str(metric.get("name")) for metric in meta.get(f"{group}_metrics") or ()]
        for group in _GROUPS
    }


def _named(row: Row, names: Mapping[str, Sequence[str]]) -> Row:
    """Return a record whose unnamed numbers have names."""
    named = dict(row)
    for group, metrics in names.items():
        if isinstance(values := named.pop(group, None), list):
            named[group] = dict(zip(metrics, values, strict=False))
    return named
