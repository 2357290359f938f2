"""JSON objects and printed Python dicts among the other lines of a log, one per line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats import labels, lenient_json
from trainui.metrics.formats.rows import Row, numbers
from trainui.metrics.formats.table import step_fields
from trainui.metrics.formats.text.log_lines import record_fields, record_message
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, prefixed
from trainui.metrics.formats.text.presets.base import Row as Numbers
from trainui.metrics.formats.text.presets.parts import pairs
from trainui.metrics.formats.text.presets.parts.epoch_steps import EpochSteps
from trainui.metrics.formats.text.presets.parts.pairs import Pair

_OBJECT = re.compile(r"([^{]*)(\{\s*[\"'].*\})\s*", re.DOTALL)
_OPENS = re.compile(r"(?:[^{]* )?\{[\"'][^{}]*,\s*")
"""The first line of an object that `pprint` has wrapped."""
_MOST_LINES = 500
_COUNT = re.compile(r"(\d+)/(\d+)")
_EPOCH, _POSITIONS = "epoch", ("iter", "iteration", "step", "batch")
_KINDS = ("_type", "type", "event", "split", "phase", "mode", "stage")
"""Fields that may say the part of the data, as in `"_type": "val_epoch"`."""
_HELD_OUT = re.compile(rf"(?:.*[\W_])?(?P<part>{labels.HELD_OUT})(?:[\W_].*)?", re.IGNORECASE)


class JsonLine(Preset):
    """Reads objects that have a step: one without may be anything."""

    def read(self, line: str) -> Sequence[Numbers]:
        """Return the object's numbers."""
        if "{" not in line and "lines" not in self.memory:
            return NOTHING
        line = self._joined(line)
        found = _OBJECT.fullmatch(line) if "{" in line else None
        if found is None:
            return NOTHING
        value = lenient_json.load(found[2])
        if not isinstance(value, dict):
            return NOTHING
        texts = (text for name in _KINDS if isinstance(text := value.get(name), str))
        kind = next(filter(None, map(_HELD_OUT.fullmatch, texts)), None)
        of = pairs.part(found[1]) or (kind["part"].lower() if kind else "")
        is_record = record_message(value) is not None and not step_fields(tuple(value), None)
        fields = record_fields(value) if is_record else value
        row = self._counted(numbers(fields), value, of)
        if len(row) < 2 or not (steps := step_fields(tuple(row), None)):
            return NOTHING
        return [{name if name in steps else pairs.of_part(name, of): row[name] for name in row}]

    def _joined(self, line: str) -> str:
        """Return an object that spans several lines when its last one is read."""
        begun: list[str] = self.memory.get("lines", [])
        if begun and line.startswith(" ") and len(begun) < _MOST_LINES:
            begun = [*begun, line]
        else:
            begun = [line] if _OPENS.fullmatch(line) else []
        ended = len(begun) > 1 and line.rstrip().endswith("}")
        self.memory.pop("lines", None)
        if begun and not ended:
            self.memory["lines"] = begun
        return "".join(begun) if ended else line

    def _counted(self, row: Numbers, value: Row, of_part: str) -> Numbers:
        """Return the numbers of a row with its step, where that is a text like `10/1000`."""
        counts = {name: found for name in (_EPOCH, *_POSITIONS) if (found := _count(value, name))}
        if not counts:
            return row
        epoch, *_others = counts.get(_EPOCH) or [0.0]
        place = next((counts[name] for name in _POSITIONS if name in counts), None)
        if place is None:  # an epoch's summary
            step = self.memory.get("at", epoch)
            return {STEP: step, **prefixed("" if of_part else "epoch ", row, ())}
        at, of = place
        outer = Pair(_EPOCH, epoch, counts[_EPOCH][1], 0, 0, "") if _EPOCH in counts else None
        at += EpochSteps(self.memory).before(outer, at, of) if outer else 0
        self.memory["at"] = at
        return {STEP: at, **row}


def _count(value: Row, name: str) -> tuple[float, float] | None:
    text = value.get(name)
    found = _COUNT.fullmatch(text) if isinstance(text, str) else None
    return (float(found[1]), float(found[2])) if found else None


class MLPerf(Preset):
    """`:::MLLOG {"key": "eval_accuracy", "value": 0.7, "metadata": {"epoch_num": 3}}`.

    Entries whose metadata has no step are settings and events.
    """

    _steps = ("step_num", "step", "iteration", "samples_count", "epoch_num", "epoch", "epoch_count")

    def read(self, line: str) -> Sequence[Numbers]:
        """Return the entry's value, or each number of a value that is an object."""
        _before, mark, text = line.partition(":::MLLOG")
        entry = lenient_json.load(text.strip()) if mark else None
        if not isinstance(entry, dict) or not isinstance(entry.get("metadata"), dict):
            return NOTHING
        metadata = numbers(entry["metadata"])
        row = numbers({str(entry.get("key")): entry.get("value")})
        step = next((metadata[name] for name in self._steps if name in metadata), None)
        return [{STEP: step, **row}] if row and step is not None else NOTHING
