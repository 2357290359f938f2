"""JSON objects and printed Python dicts among the other lines of a log, one per line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats import lenient
from trainui.metrics.formats.rows import Row, numbers
from trainui.metrics.formats.table import step_fields
from trainui.metrics.formats.text.log_prefix import record_fields, record_message
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset
from trainui.metrics.formats.text.presets.base import Row as Numbers

_OBJECT = re.compile(r"[^{]*(\{\s*[\"'].*\})\s*", re.DOTALL)


class JsonLine(Preset):
    """Reads objects that have a step: one without may be anything."""

    def read(self, line: str) -> Sequence[Numbers]:
        """Return the object's numbers."""
        found = _OBJECT.fullmatch(line) if "{" in line else None
        if found is None:
            return NOTHING
        value = lenient.load(found[1])
        row = numbers(_fields(value)) if isinstance(value, dict) else {}
        return [row] if len(row) > 1 and step_fields(tuple(row), None) else NOTHING


def _fields(value: Row) -> Row:
    """Return an object's fields, or those that a call of a logger added to its record."""
    is_record = record_message(value) is not None and not step_fields(tuple(value), None)
    return record_fields(value) if is_record else value


class MLPerf(Preset):
    """`:::MLLOG {"key": "eval_accuracy", "value": 0.7, "metadata": {"epoch_num": 3}}`.

    Entries whose metadata has no step are settings and events.
    """

    _steps = ("step_num", "step", "iteration", "samples_count", "epoch_num", "epoch", "epoch_count")

    def read(self, line: str) -> Sequence[Numbers]:
        """Return the entry's value, or each number of a value that is an object."""
        _before, mark, text = line.partition(":::MLLOG")
        entry = lenient.load(text.strip()) if mark else None
        if not isinstance(entry, dict) or not isinstance(entry.get("metadata"), dict):
            return NOTHING
        metadata = numbers(entry["metadata"])
        row = numbers({str(entry.get("key")): entry.get("value")})
        step = next((metadata[name] for name in self._steps if name in metadata), None)
        return [{STEP: step, **row}] if row and step is not None else NOTHING
