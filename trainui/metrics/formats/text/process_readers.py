"""The readers of a log's processes: each process has a preset of its own, named or searched for.

Read `process_lines` first, which finds the process of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trainui.metrics.formats.table import step_fields
from trainui.metrics.formats.text.log_prefix import message
from trainui.metrics.formats.text.presets import PRESETS
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row, prefixed
from trainui.metrics.formats.text.process_lines import STARTS, Lines, ProcessLines, may_be_labelled

MEMORY, OTHERS, LABELS = "memory", "processes", "labels"
"""Keys in the state: of the main process, of others by label, and what was seen of the labels."""

CONFIRMED = "confirmed"
"""Key in the memory of the search: the preset that read an earlier attempt."""

SOUGHT = "sought"
"""Key in the state: the metric that a search asks for, which one line shows for certain."""

_HELD = "held_by"
"""Key in the state: the rows that wait until the preset that read them is confirmed."""

_GENERIC = ("print", "headed")
"""One line may match these presets by chance, so two lines of different steps are required,
except for the preset that read an earlier attempt, as a resumed one may print a single line, and
for a line that shows the metric of the attempt's search."""

_CONFIRMING_LINES = 20
"""This many lines of the same step are not a chance match either."""


class Readers:
    """Reads lines by the preset of their process; the memories are in the decoder's state."""

    def __init__(self, kind: type[Preset] | None, state: dict[str, Any]) -> None:
        """Continue from a state, which is updated; without a preset, it is searched for."""
        self.found: str | None = None
        """The preset that a search has found, in the lines of any process."""
        self._kind = kind
        self._state = state
        self._processes = ProcessLines(state.setdefault(LABELS, {}))
        self._presets: dict[str, Preset] = {}
        self._released: list[tuple[str, Row]] = []
        self._unprefixed = set[str]()
        main = self._preset("")
        self._read = main.read_line if main.of_messages else main.read

    def read(self, lines: Iterable[str]) -> list[Row]:
        """Return the rows that some lines complete."""
        rows: list[Row] = []
        read = self._read  # one call for each line, since most have no label
        for line in lines:
            if line[0] in STARTS and may_be_labelled(line):
                rows += self._rows(self._processes.split(line))
                continue
            try:
                found = read(line)
            except (ValueError, OverflowError):  # as in `read_line`
                continue
            if found:
                is_plain = "" in self._unprefixed and not self._released
                rows += found if is_plain else self._labelled("", found)
        return rows

    def finish(self) -> Sequence[Row]:
        """Return the rows that were waiting for further lines."""
        rows = self._rows(self._processes.finish())
        for label in ("", *self._state.get(OTHERS, {})):
            rows += self._labelled(label, self._preset(label).finish())
        return rows

    def _rows(self, lines: Lines) -> list[Row]:
        rows: list[Row] = []
        for label, text in lines:
            rows += self._labelled(label, self._preset(label).read_line(text))
        return rows

    def _preset(self, label: str) -> Preset:
        preset = self._presets.get(label)
        if preset is None:
            memories = self._state.setdefault(OTHERS, {}) if label else self._state
            memory = memories.setdefault(label or MEMORY, {})
            preset = self._kind(memory) if self._kind else _Search(memory, self._searcher(label))
            self._presets[label] = preset
        return preset

    def _labelled(self, label: str, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows of a process, behind those that waited for a confirmation."""
        if not rows or (label in self._unprefixed and not self._released):
            return rows
        if not self._processes.prefix(label):
            self._unprefixed.add(label)
        found = [*self._released, *((label, row) for row in rows)]
        self._released = []
        return [self._prefixed(self._processes.prefix(one), row) for one, row in found]

    def _prefixed(self, prefix: str, row: Row) -> Row:
        if not prefix:
            return row
        kind = self._kind or PRESETS[self.found or ""]
        steps = step_fields(tuple(row), kind.step)
        named = {*steps[:1], *(name for name in row if name.startswith(prefix))}
        return prefixed(prefix, row, named)

    def _searcher(self, label: str) -> Callable[[str | None, Sequence[Row]], str | None]:
        """Return the function that confirms a preset found for the process with this label."""

        def confirm(name: str | None, rows: Sequence[Row]) -> str | None:
            if self.found is None and name is not None and self._is_confirmed(label, name, rows):
                self.found = name
            return self.found

        return confirm

    def _is_confirmed(self, label: str, name: str, rows: Sequence[Row]) -> bool:
        """Return True unless what a preset has read may be a chance match; release its rows."""
        if name not in _GENERIC or name == self._state.get(MEMORY, {}).get(CONFIRMED):
            return True
        held = self._state.setdefault(_HELD, {}).setdefault(name, [])
        steps = {row[STEP] for row in [*rows, *(row for _label, row in held)]}
        is_sought = any(self._state.get(SOUGHT) in row for row in rows)
        if is_sought or len(steps) > 1 or len(held) + len(rows) >= _CONFIRMING_LINES:
            self._released = [(one, row) for one, row in held]
            return True
        held += [(label, row) for row in rows]
        return False


def mapped(
    state: Mapping[str, Any], memory_of: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return a decoder's state with other memories of its presets."""
    others = {label: memory_of(one) for label, one in state.get(OTHERS, {}).items()}
    main = memory_of(state.get(MEMORY, {}))
    found = {MEMORY: main, OTHERS: others, LABELS: state.get(LABELS, {})}
    return {key: value for key, value in found.items() if value}


class _Search(Preset):
    """Tries all presets until one reads a line."""

    def __init__(
        self, memory: dict[str, Any], confirm: Callable[[str | None, Sequence[Row]], str | None]
    ) -> None:
        super().__init__(memory)
        self._confirm = confirm
        self._presets = {name: kind(memory.setdefault(name, {})) for name, kind in PRESETS.items()}
        self._reads = [(name, one.read, one.of_messages) for name, one in self._presets.items()]

    def read(self, line: str) -> Sequence[Row]:
        if (found := self._confirm(None, ())) is not None:
            return self._presets[found].read_line(line)
        text = message(line)
        for name, read, of_messages in self._reads:
            try:
                rows = read(text if of_messages else line)
            except (ValueError, OverflowError):  # as in `read_line`, without a call for each preset
                continue
            if rows and self._confirm(name, rows):
                return rows
        return NOTHING

    def finish(self) -> Sequence[Row]:
        if (found := self._confirm(None, ())) is not None:
            return self._presets[found].finish()
        for name, preset in self._presets.items():
            if rows := preset.finish():
                return rows if self._confirm(name, rows) else NOTHING
        return NOTHING
