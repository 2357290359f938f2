"""JSON objects and printed Python dicts among the other lines of a log, one per line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats import lenient
from trainui.metrics.formats.presets.base import NOTHING, Preset, Row
from trainui.metrics.formats.rows import flatten
from trainui.metrics.formats.table import number_column, step_fields

_OBJECT = re.compile(r"[^{]*(\{\s*[\"'].*\})\s*", re.DOTALL)


class JsonLine(Preset):
    """Reads objects that have a step: one without may be anything."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the object's numbers."""
        found = _OBJECT.fullmatch(line) if "{" in line else None
        if found is None:
            return NOTHING
        value = lenient.load(found[1])
        fields = flatten(value) if isinstance(value, dict) else {}
        row = {
            name: float(column.values[0])
            for name, value in fields.items()
            if (column := number_column([value])) is not None
        }
        return [row] if len(row) > 1 and step_fields(tuple(row), None) else NOTHING
