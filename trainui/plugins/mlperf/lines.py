"""MLPerf: JSON behind a mark."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import dotted_numbers, load_json

_STEPS = ("step_num", "step", "iteration", "samples_count", "epoch_num", "epoch", "epoch_count")


class MLPerf(LineReader):
    """`:::MLLOG {"key": "eval_accuracy", "value": 0.7, "metadata": {"epoch_num": 3}}`.

    Entries whose metadata has no step are settings and events.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the entry's value, or each number of a value that is an object."""
        _before, mark, text = line.partition(":::MLLOG")
        if not mark:
            return ()
        entry = load_json(text.strip())
        if not isinstance(entry, dict) or not isinstance(entry.get("metadata"), dict):
            return None
        metadata = entry["metadata"]
        numbers = dotted_numbers(str(entry.get("key")), entry.get("value"))
        row = {name.replace(".", "/"): value for name, value in numbers}
        step = next((metadata[name] for name in _STEPS if name in metadata), None)
        return [{"step": float(step), **row}] if row and step is not None else None
