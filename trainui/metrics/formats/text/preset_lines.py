"""Log lines read by a preset, which is named or found by trying each one."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.rows import row_points
from trainui.metrics.formats.table import Decoded
from trainui.metrics.formats.text.log_lines import cut_lines, lines_with_ends
from trainui.metrics.formats.text.log_prefix import message
from trainui.metrics.formats.text.presets import PRESETS, find
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row

FOUND = "preset"
"""Key in the state: the preset that was recognised."""

_MEMORY = "memory"
_HELD = "held_by"
_CONFIRMED = "confirmed"
"""Key in the memory of the search: the preset that read an earlier attempt."""

_GENERIC = ("print", "headed")
"""One line may match these presets by chance, so two lines of different steps are required,
except for the preset that read an earlier attempt: a resumed one may print a single line."""

_CONFIRMING_LINES = 20
"""This many lines of the same step are not a chance match either."""


class PresetLines(Decoder):
    """Decodes the lines of one trainer's log."""

    def __init__(self, name: str, step: str | None, state: dict[str, Any]) -> None:
        super().__init__(step, state)
        self.name = name

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole lines."""
        return cut_lines(data)

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        return self._decoded(lines_with_ends(block), first_row, finish=False)

    def finish(self, first_row: int) -> Decoded:
        """Decode rows that were waiting for further lines."""
        return self._decoded((), first_row, finish=True)

    def _decoded(self, lines: Iterable[str], first_row: int, *, finish: bool) -> Decoded:
        memory = copy.deepcopy(self.state.get(_MEMORY, {}))
        preset = self._kind()(memory)
        rows = [row for line in lines for row in preset.read_line(line)]
        if finish:
            rows += preset.finish()
        self.state = {**self.state, _MEMORY: memory}
        return self._points(preset, rows, first_row)

    def _kind(self) -> type[Preset]:
        kind = find(self.name)
        assert kind is not None, self.name
        return kind

    def _points(self, preset: Preset, rows: Sequence[Row], first_row: int) -> Decoded:
        step = self._step or preset.step
        return Decoded(row_points(rows, first_row=first_row, step=step), len(rows))


class AnyLines(PresetLines):
    """Decodes the lines of the first trainer recognised; the other presets are not tried again."""

    def __init__(self, step: str | None, state: dict[str, Any]) -> None:
        super().__init__("text", step, state)

    def _kind(self) -> type[Preset]:
        found = self.state.get(FOUND)
        return (find(found) if found else None) or _Search

    def _points(self, preset: Preset, rows: Sequence[Row], first_row: int) -> Decoded:
        if isinstance(preset, _Search):
            if preset.found is None:
                return Decoded()
            self.state = {FOUND: preset.found, _MEMORY: preset.memory_of(preset.found)}
            preset = PRESETS[preset.found]({})
        return super()._points(preset, rows, first_row)


def handed_on(state: Mapping[str, Any], preset: str | None) -> dict[str, Any]:
    """Return the state to begin an attempt's log with, from that of the attempt before.

    Args:
        state: the state at the end of the earlier log.
        preset: the preset that the source names; None: the one that was found.
    """
    memory = state.get(_MEMORY, {})
    name = preset or state.get(FOUND) or memory.get(_CONFIRMED)
    if not preset and FOUND not in state:  # it read nothing, but was begun from an earlier one
        memory = memory.get(name, {})
    kind = find(name) if name else None
    handed = kind.handed_on(memory) if kind else {}
    if preset or kind is None:
        return {_MEMORY: handed} if handed else {}
    return {_MEMORY: {name: handed, _CONFIRMED: name}}


def has_steps(preset: str | None) -> bool:
    """Return False for a preset that counts epochs where the trainer's files have steps."""
    kind = find(preset) if preset else None
    return kind is None or kind.has_steps


class _Search(Preset):
    """Tries all presets until one reads a line."""

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self.found: str | None = None
        self._presets = {name: kind(memory.setdefault(name, {})) for name, kind in PRESETS.items()}

    def read(self, line: str) -> Sequence[Row]:
        if self.found is not None:
            return self._presets[self.found].read_line(line)
        text = message(line)
        for name, preset in self._presets.items():
            rows = preset.read_safely(text if preset.of_messages else line)
            if rows and (rows := self._confirmed(name, rows)):
                self.found = name
                return rows
        return NOTHING

    def _confirmed(self, name: str, rows: Sequence[Row]) -> Sequence[Row]:
        """Return all rows found so far, unless they may be a chance match."""
        if name not in _GENERIC or name == self.memory.get(_CONFIRMED):
            return rows
        all_held = self.memory.setdefault(_HELD, {})
        held = all_held[name] = [*all_held.get(name, ()), *rows]
        return (
            held
            if len({row[STEP] for row in held}) > 1 or len(held) >= _CONFIRMING_LINES
            else NOTHING
        )

    def finish(self) -> Sequence[Row]:
        if self.found is not None:
            return self._presets[self.found].finish()
        for name, preset in self._presets.items():
            if rows := preset.finish():
                self.found = name
                return rows
        return NOTHING

    def memory_of(self, name: str) -> dict[str, Any]:
        memory: dict[str, Any] = self.memory[name]
        return memory
