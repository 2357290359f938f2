"""A JSON document: a list of records, lists of numbers by name, or the newest values alone.

A document is rewritten at each change, so it is read as a whole each time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from trainui.metrics.formats import dvclive
from trainui.metrics.formats.rows import Row, flatten, row_points
from trainui.metrics.formats.table import Decoded, number_column, step_fields

HISTORY = "log_history"

_GROUPS = ("learn", "test")
"""Lists of unnamed numbers in each iteration of CatBoost's log; `meta` holds the names."""


class JsonFile:
    """Decodes a document."""

    name = "json"
    whole = True

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
        *,
        alone: bool = True,
    ) -> None:
        """Begin, or go on.

        Args:
            step: the field that is the step, where the source's definition names one.
            state: what was remembered.
            path: the file.
            alone: no other file holds these values, so the step of a single record is one too.
        """
        self.state: dict[str, Any] = state or {}
        self.replaces = False
        """The newest values stand for those before: their step did not move on."""
        self._step = step
        self._alone = alone
        self._is_summary = path is not None and dvclive.is_summary(path)

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
        rows = self._find_rows(document)
        self.state["snapshot"] = len(rows) == 1 and rows[0] is document
        if self.state["snapshot"]:
            return self._decode_newest(rows[0], first_row)
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))

    def _find_rows(self, document: Any) -> Sequence[Row]:
        return find_rows(document)

    def _decode_newest(self, document: Row, first_row: int) -> Decoded:
        """Decode values that are no history."""
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

    def finish(self, first_row: int) -> Decoded:
        """Return nothing: a document is whole or none."""
        del first_row
        return Decoded()


class TrainerState(JsonFile):
    """Decodes the history in Transformers' `trainer_state.json`."""

    name = "hf"

    def _find_rows(self, document: Any) -> Sequence[Row]:
        history = document.get(HISTORY) if isinstance(document, dict) else None
        if not isinstance(history, list):
            return super()._find_rows(document)
        return [row for row in history if isinstance(row, dict)]


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
