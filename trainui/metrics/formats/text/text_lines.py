"""The lines of a log: those of other languages are read by plugins, all others by the grammar.

The rule: each process has a state of its own. A plugin is asked about a line that its pattern
matches, or once it has begun; a line that it does not take is the grammar's.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainui.metrics.formats.decoder import Decoded
from trainui.metrics.formats.rows import row_points
from trainui.metrics.formats.text import processes
from trainui.metrics.formats.text import state as states
from trainui.metrics.formats.text.log_lines import LogDecoder, lines_with_ends, message
from trainui.metrics.formats.text.names import is_no_metric, is_setting
from trainui.metrics.formats.text.pairs import STEP, Row
from trainui.metrics.formats.text.processes import ProcessLines
from trainui.metrics.formats.text.state import LogState
from trainui.model.definition import METRIC_PRESETS
from trainui.plugin import LineReader, LogLines, registry
from trainui.plugin.registry import PluginError

SOUGHT = "sought"
"""Key in the state: the metric that a search asks for, which one line shows for certain."""
_MEMORY, _OTHERS, _LABELS = "memory", "processes", "labels"
"""Keys in the state: of the main process, of others by label, and what was seen of the labels."""
_CONFIRMED, _HELD = "confirmed", "held"
"""Keys in the state: that there are metrics; the rows that wait for that. One line may be a chance
match, so two lines of different steps are required, except where an earlier attempt was read, and
for a line that shows the metric of the attempt's search."""
_CONFIRMING_LINES, _MANY = 20, 5
"""This many lines of the same step are no chance match either; and so many steps, if no name is a
metric's for certain."""
_MOST_PROCESSES = 1024


class TextLines(LogDecoder):
    """Decodes the lines of a log."""

    name = "text"

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
        *,
        is_named: bool = False,
    ) -> None:
        """Continue from a state; a source that the pipeline file names needs no confirmation."""
        super().__init__(step, state, path)
        self._is_named = is_named

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        return self._decoded(lines_with_ends(block), first_row, finish=False)

    def finish(self, first_row: int) -> Decoded:
        """Decode rows that were waiting for further lines."""
        return self._decoded((), first_row, finish=True)

    def _decoded(self, lines: Iterable[str], first_row: int, *, finish: bool) -> Decoded:
        state = copy.deepcopy(self.state)
        reader = _Reader(state, is_named=self._is_named)
        rows = reader.read(lines)
        if finish:
            rows += reader.finish()
        self.state = state
        return Decoded(row_points(rows, first_row=first_row, step=self._step or STEP), len(rows))


class _Reader:
    """Reads lines by the state of their process."""

    def __init__(self, state: dict[str, Any], *, is_named: bool) -> None:
        self._state = state
        self._is_named = is_named
        self._held: list[list[Any]] = state.setdefault(_HELD, [])
        self._processes = ProcessLines(state.setdefault(_LABELS, {}))
        self._read: dict[str, _Process] = {}

    def read(self, lines: Iterable[str]) -> list[Row]:
        """Return the rows that some lines complete."""
        rows: list[Row] = []
        main = self._process("")
        assert main is not None
        for line in lines:
            if line[0] in processes.STARTS and processes.may_be_labelled(line):
                rows += self._labelled(self._processes.split(line))
                continue
            try:
                found = main.read(line)
            except (ValueError, OverflowError):  # a number of 400 digits costs no other line
                continue
            if found:
                rows += self._confirmed("", found, is_sure=self._is_sure(main))
            elif found is states.RANKS:
                rows += self._labelled(self._named(main, line))
        return rows

    def finish(self) -> list[Row]:
        """Return the rows that were waiting for further lines."""
        rows = self._labelled(self._processes.finish())
        for label in ("", *self._state.get(_OTHERS, {})):
            if (process := self._process(label)) is not None:
                rows += self._confirmed(label, process.finish(), is_sure=True)
        return rows if not self._is_named else [*rows, *self._release()]

    def _named(self, process: _Process, line: str) -> processes.Lines:
        """Return a line, or its parts, with the processes that it names."""
        return [(process.rank, line)] if process.rank else processes.by_rank(message(line))

    def _is_sure(self, process: _Process) -> bool:
        """Return False if what a process has read last may be a chance match."""
        return not process.is_doubtful or (self._is_named and not process.is_bare)

    def _labelled(self, lines: Iterable[tuple[str, str]]) -> list[Row]:
        rows: list[Row] = []
        for label, text in lines:
            process = self._process(label)
            if process is None:
                continue
            try:
                found = process.read(text)
            except (ValueError, OverflowError):
                continue
            if found:
                rows += self._confirmed(label, found, is_sure=self._is_sure(process))
            elif found is states.RANKS and not label:
                rows += self._labelled(self._named(process, text))
        return rows

    def _process(self, label: str) -> _Process | None:
        process = self._read.get(label)
        if process is None:
            others = self._state.setdefault(_OTHERS, {}) if label else self._state
            if label and label not in others and len(others) >= _MOST_PROCESSES:
                return None
            memory = others.setdefault(label or _MEMORY, {})
            process = self._read[label] = _Process(memory, self._held, is_main=not label)
        return process

    def _confirmed(self, label: str, rows: Sequence[Row], *, is_sure: bool) -> Sequence[Row]:
        """Return rows, with those that waited, once they are no chance match."""
        state = self._state
        if state.get(_CONFIRMED) or not rows:
            return self._prefixed(label, rows)
        held = self._held
        held += [[label, row] for row in rows]
        is_sure = is_sure or any(state.get(SOUGHT) in row for row in rows)
        steps = len({row[STEP] for _label, row in held})
        is_metric = any(
            not is_setting(name) for _label, row in held for name in row if name != STEP
        )
        if not is_sure and (steps < (2 if is_metric else _MANY)) and len(held) < _CONFIRMING_LINES:
            return ()
        return self._release()

    def _release(self) -> list[Row]:
        """Return the rows that waited, and read all further ones at once."""
        self._state[_CONFIRMED] = True
        released = [one for label, row in self._held for one in self._prefixed(label, [row])]
        self._held.clear()
        return released

    def _prefixed(self, label: str, rows: Sequence[Row]) -> Sequence[Row]:
        prefix = self._processes.prefix(label) if rows else ""
        if not prefix:
            return rows
        return [
            {name if name == STEP else f"{prefix}{name}": row[name] for name in row} for row in rows
        ]


class _Process:
    """Reads the lines of one process, by the plugins and the grammar."""

    def __init__(self, memory: dict[str, Any], held: list[list[Any]], *, is_main: bool) -> None:
        self._log = LogState(memory, held, is_main=is_main)
        self._memory: dict[str, dict[str, Any]] = memory.setdefault("plugins", {})
        self._active: list[tuple[LogLines, LineReader]] = []
        self._waiting = _plugins(registry.records(LogLines))
        for plugin, _search in self._waiting:
            if plugin.name in self._memory:
                self._begin(plugin)

    def _begin(self, plugin: LogLines) -> None:
        """Begin to ask a plugin whose pattern a line has, or that has a memory."""
        self._waiting = [one for one in self._waiting if one[0] is not plugin]
        reader = registry.ask(plugin, plugin.reader, self._memory.setdefault(plugin.name, {}))
        if reader is not None:
            self._active.append((plugin, reader))
            self._active.sort(key=lambda one: (one[0].rank, one[0].name))

    @property
    def is_doubtful(self) -> bool:
        """True if what was read last may be a chance match."""
        return self._log.is_doubtful

    @property
    def rank(self) -> str:
        """The process that the line names that was read last."""
        return self._log.rank

    @property
    def is_bare(self) -> bool:
        """True if what was read last had no counter of its own."""
        return self._log.is_bare

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows that a line completes."""
        self._log.is_doubtful = False
        for plugin, search in self._waiting:
            if search(line):
                self._begin(plugin)
        for plugin, reader in self._active:
            rows = self._ask(plugin, reader, "read", line)
            if rows is None or rows:
                return self._taken(rows or (), counts_epochs=plugin.counts_epochs)
        return self._log.read(line)

    def finish(self) -> Sequence[Row]:
        """Return the rows that were waiting for further lines."""
        rows: list[Row] = []
        for plugin, reader in self._active:
            found = self._ask(plugin, reader, "finish") or ()
            rows += self._taken(found, counts_epochs=plugin.counts_epochs)
        return [*rows, *self._log.finish()]

    def _taken(self, rows: Sequence[Row], *, counts_epochs: bool) -> Sequence[Row]:
        if not rows:
            return ()
        self._log.seen(rows[-1].get(STEP, 0.0), is_step=not counts_epochs)
        kept = [
            {name: row[name] for name in row if name == STEP or not is_no_metric(name)}
            for row in rows
        ]
        return [row for row in kept if len(row) > 1]

    def _ask(
        self, plugin: LogLines, reader: LineReader, verb: str, *line: str
    ) -> Sequence[Row] | None:
        """Ask a plugin; one that fails reads nothing more of a log."""
        try:
            rows: Sequence[Row] | None = getattr(reader, verb)(*line)
            return rows
        except (ValueError, OverflowError):
            return ()
        except Exception as error:  # noted here: a guard around each line costs time
            with suppress(PluginError), registry.guarded(plugin):
                raise error
        self._active = [one for one in self._active if one[0] is not plugin]
        return ()


@lru_cache(2)
def _plugins(
    records: tuple[LogLines, ...],
) -> Sequence[tuple[LogLines, Callable[[str], object]]]:
    """Return the plugins, each with the search for its first line.

    One by one: a pattern that begins with a letter is found far faster than one of several.
    """
    return [(one, re.compile(one.pattern).search) for one in records]


def preset_names() -> list[str]:
    """Return the names that mean printed lines: the plugins', and those of earlier presets."""
    return sorted({*METRIC_PRESETS, *registry.names(LogLines)})


def is_preset(name: str) -> bool:
    """Return True for a name that means printed lines."""
    return name in METRIC_PRESETS or name in registry.names(LogLines)


def has_steps(state: Mapping[str, Any]) -> bool:
    """Return False for a log that counts epochs, or its lines, where files have steps."""
    memories = (state.get(_MEMORY, {}), *state.get(_OTHERS, {}).values())
    return any(memory.get("has_steps") for memory in memories)


def unread(state: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many lines look like metrics and were not read, and the first such line."""
    memories = (state.get(_MEMORY, {}), *state.get(_OTHERS, {}).values())
    found = [memory["unread"] for memory in memories if "unread" in memory]
    return sum(count for count, _line in found), found[0][1] if found else ""


def carried_over(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state to begin an attempt's log with, from that at the end of the one before."""

    def handed(memory: Mapping[str, Any]) -> dict[str, Any]:
        kinds = {one.name: one for one in registry.records(LogLines)}
        plugins = {
            name: carried
            for name, one in memory.get("plugins", {}).items()
            if name in kinds and (carried := registry.code(kinds[name].reader).carried_over(one))
        }
        return {**states.carried_over(memory), **({"plugins": plugins} if plugins else {})}

    found: dict[str, Any] = {
        _CONFIRMED: state.get(_CONFIRMED),
        _MEMORY: handed(state.get(_MEMORY, {})),
        _OTHERS: {label: handed(one) for label, one in state.get(_OTHERS, {}).items()},
        _LABELS: processes.carried_over(state.get(_LABELS, {})),
    }
    return {key: value for key, value in found.items() if value}
