"""A JSON document: records in one of many shapes, or the newest values alone.

A document is rewritten at each change, so it is always read as a whole. In an unfinished list, and
in concatenated objects, the complete objects are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui.metrics.formats import dvclive, lenient
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.json_shapes import find_rows
from trainui.metrics.formats.rows import Row, flatten, row_points
from trainui.metrics.formats.table import Decoded, number_column, step_fields

HISTORY = "log_history"


class JsonFile(Decoder):
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
        """Start, or continue from a stored state.

        If no other file has its values (`alone`), a single record's step is a metric too.
        """
        super().__init__(step, state, path)
        self._alone = alone
        self._is_summary = path is not None and dvclive.is_summary(path)

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
        rows = self._find_rows(document)
        self.state["snapshot"] = len(rows) == 1 and rows[0] is document
        if self.state["snapshot"]:
            return self._decode_newest(rows[0], first_row)
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))

    def _find_rows(self, document: Any) -> Sequence[Row]:
        return find_rows(document)

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


class TrainerState(JsonFile):
    """Decodes the history in Transformers' `trainer_state.json`."""

    name = "hf"

    def _find_rows(self, document: Any) -> Sequence[Row]:
        history = document.get(HISTORY) if isinstance(document, dict) else None
        if not isinstance(history, list):
            return super()._find_rows(document)
        return [row for row in history if isinstance(row, dict)]


def _load(data: bytes) -> Any:
    text = data.strip(b"\0 \t\r\n").decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return lenient.load_objects(text)
