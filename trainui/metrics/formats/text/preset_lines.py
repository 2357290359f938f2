"""Log lines read by a preset, which is named or found by trying each one."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainui.metrics.formats.rows import row_points
from trainui.metrics.formats.table import Decoded
from trainui.metrics.formats.text import process_lines
from trainui.metrics.formats.text.log_lines import LogDecoder, lines_with_ends
from trainui.metrics.formats.text.presets import PRESETS, find
from trainui.metrics.formats.text.presets.base import Preset, Row
from trainui.metrics.formats.text.process_readers import (
    CONFIRMED,
    LABELS,
    MEMORY,
    Readers,
    mapped,
)

FOUND = "preset"
"""Key in the state: the preset that was recognised."""


class PresetLines(LogDecoder):
    """Decodes the lines of one trainer's log."""

    def __init__(self, name: str, step: str | None, state: dict[str, Any]) -> None:
        super().__init__(step, state)
        self.name = name

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        return self._decoded(lines_with_ends(block), first_row, finish=False)

    def finish(self, first_row: int) -> Decoded:
        """Decode rows that were waiting for further lines."""
        return self._decoded((), first_row, finish=True)

    def _decoded(self, lines: Iterable[str], first_row: int, *, finish: bool) -> Decoded:
        kind, state = self._kind(), copy.deepcopy(self.state)
        readers = Readers(kind, state)
        rows = readers.read(lines)
        if finish:
            rows += readers.finish()
        self.state = state
        if kind is not None:
            return self._points(kind, rows, first_row)
        if (name := readers.found) is None:
            return Decoded()
        self.state = {FOUND: name, **mapped(state, lambda memory: memory.get(name, {}))}
        return self._points(PRESETS[name], rows, first_row)

    def _kind(self) -> type[Preset] | None:
        """Return the preset; None if it has yet to be found."""
        return find(self.name)

    def _points(self, kind: type[Preset], rows: Sequence[Row], first_row: int) -> Decoded:
        points = row_points(rows, first_row=first_row, step=self._step or kind.step)
        return Decoded(points, len(rows))


class AnyLines(PresetLines):
    """Decodes the lines of the first trainer recognised; the other presets are not tried again."""

    def __init__(self, step: str | None, state: dict[str, Any], _path: Path | None = None) -> None:
        super().__init__("text", step, state)

    def _kind(self) -> type[Preset] | None:
        return find(self.state.get(FOUND, ""))


def carried_over(state: Mapping[str, Any], preset: str | None) -> dict[str, Any]:
    """Return the state to begin an attempt's log with, from that at the end of the one before.

    Without a preset that the source names, it is that of the one that was found.
    """
    main = state.get(MEMORY, {})
    name = preset or state.get(FOUND) or main.get(CONFIRMED)
    kind = find(name) if name else None
    if name is None or kind is None:
        return {}
    was_searched = not preset and FOUND not in state  # it read nothing, but began from an earlier

    def of_kind(memory: Mapping[str, Any]) -> dict[str, Any]:
        handed = kind.carried_over(memory.get(name, {}) if was_searched else memory)
        return handed if preset else {name: handed}

    found = mapped({**state, LABELS: process_lines.carried_over(state.get(LABELS, {}))}, of_kind)
    return found if preset else {**found, MEMORY: {**found[MEMORY], CONFIRMED: name}}


def has_steps(preset: str | None) -> bool:
    """Return False for a preset that counts epochs where the trainer's files have steps."""
    kind = find(preset) if preset else None
    return kind is None or kind.has_steps
