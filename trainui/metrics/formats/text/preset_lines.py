"""Log lines that presets read, of several processes apart."""

from __future__ import annotations

import copy
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.rows import row_points
from trainui.metrics.formats.table import Decoded, step_fields
from trainui.metrics.formats.text.log_lines import LogDecoder, lines_with_ends, message
from trainui.metrics.formats.text.presets import by_name, find
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row, prefixed
from trainui.metrics.formats.text.presets.parts import pairs

# Separates the lines of several processes, by the labels that launchers put before them.
#
# The rules: `[rank0]`, `[default1]:` and `[1,0]<stdout>:` name a rank. `0: ` (of `srun -l`),
# `worker-1: `, `node2 | ` and `(Worker pid=123)` are labels once there are two that alternate; the
# metrics of the one that has them first get no prefix. A number that counts up with the steps is no
# label.


_RANK = re.compile(
    r"\[(?:(?:rank|gpu|cuda)[ :]?|default)(?P<rank>\d+)\]:?\s?|\[\d+,(?P<mpi>\d+)\]<std\w+>:\s?",
    re.IGNORECASE,
)
_ACTOR = re.compile(r"\((?:\w+ )?pid=(?P<number>\d+)[^()]*\)\s")
_LABEL = re.compile(
    r"\s*(?P<stem>(?:[A-Za-z][\w.-]*?[-_.]?|(?:\d+\.){3})?)(?P<number>\d{1,6})(?::|\s*\|) "
)
_SEPARATORS, _LONGEST = frozenset(":|"), 40
_COUNTS = re.compile(
    r"(?:.*[-_.])?(?:e|ep|epoch|s|step|it|iter|iteration|round|episode|batch|update|tick)[-_.]?",
    re.IGNORECASE,
)

_MOST_HELD = 64
"""Lines that wait until it is clear if their numbers are labels."""

may_be_labelled = re.compile(
    r"\s*+[\w.-]{1,41}+(?<=\d)(?::|\s*+\|) |\[(?i:rank|gpu|cuda|default|\d+,\d+\]<std)"
    r"|\((?:\w+ )?pid="
).match
"""Excludes most lines that no launcher has labelled, fast."""

STARTS = frozenset(f"[( {string.ascii_letters}{string.digits}")
"""First characters of labels."""

Lines = Sequence[tuple[str, str]]
"""Labels, empty for the main process, and the lines behind them."""


def find_label(line: str) -> re.Match[str] | None:
    """Return the label that a line begins with."""
    found = _LABEL.match(line) if _SEPARATORS.intersection(line[:_LONGEST]) else None
    return None if found is None or _COUNTS.fullmatch(found["stem"]) else found


class ProcessLines:
    """Finds the process of each line; keeps what it has seen in a memory, as plain JSON."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory: the `last` label, lines that are `held`, and what is decided."""
        self.memory = memory

    def split(self, line: str) -> Lines:
        """Return a line, and those that waited for it, with their labels."""
        if line[:1] == "[" and (found := _RANK.match(line)):
            rest = line[found.end() :]
            rank = found["rank"] or found["mpi"]
            if "[" in rest and any((one[1] or one[2]) != rank for one in _RANK.finditer(rest)):
                return [("", line)]  # two processes have written at once
            return [(f"rank{rank}", rest)]
        label = _ACTOR.match(line) if line[:1] == "(" else find_label(line)
        if label is None or to_number(line[label.end() :]) is not None:
            return [("", line)]  # no label, as in `beta1: 0.9`
        stem = "pid" if label.re is _ACTOR else label["stem"]
        return self._labelled(stem, int(label["number"]), line, line[label.end() :])

    def finish(self) -> Lines:
        """Return the lines that still wait: their numbers are no labels."""
        return [("", line) for _label, line, _text in self._take_held()]

    def prefix(self, label: str) -> str:
        """Return the prefix of a process's metrics, whose label has just given some."""
        if label.startswith("rank") and label not in self.memory.get("implicit", ()):
            return f"{label} "
        owner = self.memory.setdefault("owner", label)
        return "" if label == owner else f"{label} "

    def _labelled(self, stem: str, number: int, line: str, text: str) -> Lines:
        label = f"{stem or 'rank'}{number}"
        if self.memory.get("apart"):
            return [(self._own(label), text)]
        last_stem, last, last_step = self.memory.get("last") or (stem, number - 1, None)
        step = pairs.step_in(text)
        held = self.memory.setdefault("held", [])
        self.memory["last"] = stem, number, last_step if step is None else step
        if (stem, number) == (last_stem, last) and len(held) < 2:
            self.memory.update(main=label, repeats=True)
            return [("", text) for *_label, text in (*self._take_held(), (label, line, text))]
        held.append((label, line, text))
        continues = step is not None and last_step is not None and step > last_step
        starts_over = step is not None and last_step is not None and step <= last_step
        repeats = self.memory.get("repeats") and not continues  # a count has a line each
        if stem != last_stem or number <= last or starts_over or repeats:
            self.memory["apart"] = True
            self.memory.setdefault("main", held[0][0])
            return [(self._own(label), text) for label, _line, text in self._take_held()]
        return self.finish() if continues or len(held) > _MOST_HELD else []

    def _take_held(self) -> list[tuple[str, str, str]]:
        """Return the lines that waited: the label of each, the line, and the text behind it."""
        held: list[tuple[str, str, str]] = self.memory.get("held", [])
        self.memory["held"] = []
        return held

    def _own(self, label: str) -> str:
        """Return the label, which is empty for the process that was read as the main one."""
        if label == self.memory["main"]:
            return ""
        implicit = self.memory.setdefault("implicit", [])
        if label not in implicit:
            implicit.append(label)
        return label


def carried_process(memory: dict[str, Any]) -> dict[str, Any]:
    """Return what the next attempt's log needs to know of the labels."""
    return {key: memory[key] for key in ("apart", "main", "owner", "implicit") if key in memory}


# Log lines read by a preset, which is named or found by trying each one.
#
# Each process has its own preset; read `process_lines` first, which finds the process of a line.


FOUND, SOUGHT = "preset", "sought"
"""Keys in the state: the preset that was recognised, and the metric that a search asks for, which
one line shows for certain."""
MEMORY, OTHERS, LABELS = "memory", "processes", "labels"
"""Keys in the state: of the main process, of others by label, and what was seen of the labels."""
CONFIRMED = "confirmed"
"""Key in the memory of the search: the preset that read an earlier attempt."""
_HELD = "held_by"
"""Key in the state: the rows that wait until the preset that read them is confirmed."""

_GENERIC = ("print", "headed")
"""One line may match these presets by chance, so two lines of different steps are required,
except for the preset that read an earlier attempt, as a resumed one may print a single line, and
for a line that shows the metric of the attempt's search."""

_CONFIRMING_LINES = 20
"""This many lines of the same step are not a chance match either."""


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
        kind, state = find(self.state.get(FOUND, self.name)), copy.deepcopy(self.state)
        readers = Readers(kind, state)
        rows = readers.read(lines)
        if finish:
            rows += readers.finish()
        self.state = state
        if kind is None:
            if (name := readers.found) is None:
                return Decoded()
            kind = by_name()[name]
            self.state = {FOUND: name, **mapped(state, lambda memory: memory.get(name, {}))}
        points = row_points(rows, first_row=first_row, step=self._step or kind.step)
        return Decoded(points, len(rows))


class AnyLines(PresetLines):
    """Decodes the lines of the first trainer recognised; the other presets are not tried again."""

    def __init__(self, step: str | None, state: dict[str, Any], _path: Path | None = None) -> None:
        super().__init__("text", step, state)


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

    found = mapped({**state, LABELS: carried_process(state.get(LABELS, {}))}, of_kind)
    return found if preset else {**found, MEMORY: {**found[MEMORY], CONFIRMED: name}}


def has_steps(preset: str | None) -> bool:
    """Return False for a preset that counts epochs where the trainer's files have steps."""
    kind = find(preset) if preset else None
    return kind is None or kind.has_steps


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
            preset = self._kind(memory) if self._kind else _Search(memory, self, label)
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
        kind = self._kind or by_name()[self.found or ""]
        steps = step_fields(tuple(row), kind.step)
        named = {*steps[:1], *(name for name in row if name.startswith(prefix))}
        return prefixed(prefix, row, named)

    def confirm(self, label: str, name: str, rows: Sequence[Row]) -> bool:
        """Note that a preset is found unless what it has read may be a chance match.

        Rows that waited for that are released.
        """
        if name not in _GENERIC or name == self._state.get(MEMORY, {}).get(CONFIRMED):
            self.found = name
            return True
        held = self._state.setdefault(_HELD, {}).setdefault(name, [])
        steps = {row[STEP] for row in [*rows, *(row for _label, row in held)]}
        is_sought = any(self._state.get(SOUGHT) in row for row in rows)
        if is_sought or len(steps) > 1 or len(held) + len(rows) >= _CONFIRMING_LINES:
            self._released = [(one, row) for one, row in held]
            self.found = name
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

    def __init__(self, memory: dict[str, Any], readers: Readers, label: str) -> None:
        super().__init__(memory)
        self._readers, self._label = readers, label
        self._presets = {
            name: kind(memory.setdefault(name, {})) for name, kind in by_name().items()
        }
        self._reads = [(name, one.read, one.of_messages) for name, one in self._presets.items()]

    def read(self, line: str) -> Sequence[Row]:
        if (found := self._readers.found) is not None:
            return self._presets[found].read_line(line)
        text = message(line)
        for name, read, of_messages in self._reads:
            try:
                rows = read(text if of_messages else line)
            except (ValueError, OverflowError):  # as in `read_line`, without a call for each preset
                continue
            if rows and self._readers.confirm(self._label, name, rows):
                return rows
        return NOTHING

    def finish(self) -> Sequence[Row]:
        if (found := self._readers.found) is not None:
            return self._presets[found].finish()
        for name, preset in self._presets.items():
            if rows := preset.finish():
                is_found = self._readers.confirm(self._label, name, rows)
                return rows if is_found else NOTHING
        return NOTHING
