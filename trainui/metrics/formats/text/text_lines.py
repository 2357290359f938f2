"""The lines of a log: those of other languages are read by plugins, all others by the grammar.

The rule: each process has a state of its own. A plugin is asked about a line that its pattern
matches, or once it has begun; a line that it does not take is the grammar's.

Values that a log states without a series are read once an attempt has ended without the metric. The
metric of a search is evidence enough, so each line that names it is a value, at the line's step,
else at the number of the value. Without a search only a name that is a metric's counts, in a dict
or in a line of names and numbers, and only where the log states it once.
"""

from __future__ import annotations

import pickle
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from trainui.metrics import lenient
from trainui.metrics.formats.decoder import Decoded, numbers, row_points, step_fields
from trainui.metrics.formats.text import runs
from trainui.metrics.formats.text import state as states
from trainui.metrics.formats.text.forms import (
    COUNTER,
    NUMBER,
    LogDecoder,
    form_of,
    lex,
    lines_with_ends,
    number,
    text_lines,
)
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import (
    PRINTED_SETTING,
    QUALIFIER,
    STEP,
    USUAL,
    WRAPPED,
    Row,
    find,
    is_no_metric,
    plain_text,
    step_in,
)
from trainui.metrics.formats.text.state import LogState
from trainui.metrics.lenient import to_number
from trainui.plugin import LineReader, LogLines, registry
from trainui.plugin.registry import PluginError

_CONFIRMING_LINES, _MANY = 20, 5
"""This many lines of the same step are no chance match either; and so many steps, if no name is a
metric's for certain."""
_MOST_PROCESSES = 1024
"""Labels that are taken for processes; lines with further ones are left out."""
_LAST, _DENIED = "last", "denied"
"""Keys in the state: of series the last step and value, and how often another value had the same
step, and another step; and the series whose step stood still so often that it is not theirs."""
_MOST_LAST = 200
"""Series whose steps are watched."""
_MOST_AT_A_STEP = 8
"""Values a step, on average, that ranks without a label or parts of a batch may print."""

_MOST_HELD = 64
"""Lines that wait until it is clear if their numbers are labels."""
_ENOUGH = 4
"""Numbers that only went up, and by more than one, in lines that have no other step."""

# Separates the lines of several processes, by the labels that launchers put before them.
#
# The rules: `[rank0]`, `[default1]:`, `[1,0]<stdout>:`, `GPU 0 |`, `Process 1:` and `rank0 step
# 3` name a rank. `0: ` (of `srun -l`), `worker-1: `, `node2 | ` and `(Worker pid=123)` are labels
# once there are two that alternate; the metrics of the one that has them first get no prefix. A
# number that counts up is no label.

_RANK = re.compile(
    r"[\[(](?:(?:rank|gpu|cuda)[ :=]?|default)(?P<rank>\d+)(?:/\d+)?[\])]:?\s?"
    r"|\[\d+,(?P<mpi>\d+)\]<std\w+>:\s?",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\W{0,2}(?:local_)?(?:rank|gpu|process|proc|device|worker|cuda)[ :=_#]{0,2}"
    r"(?P<rank>\d{1,4})\)?"
    rf"(?:\]?\s*[|:,-]\s+|[\]>]\s*|\s+(?=(?:{COUNTER})|\[))(?=\S)",
    re.IGNORECASE,
)
_ACTOR = re.compile(r"\((?:\w+ )?(?P<stem>pid)=(?P<number>\d+)[^()]*\)\s")
_LABEL = re.compile(
    r"\s*(?P<stem>(?:(?:[A-Za-z][\w.-]*[-_.]|(?:(?:compute|gpu)-?)?(?:worker|node|host|rank|trainer|task"
    r"|proc|gpu|actor|learner|pod|launcher|replica|server|slave|process))|(?:\d+\.){3})?)"
    r"(?P<number>\d{1,6})(?::|\s*\|) "
)
_PLACE = re.compile(
    rf"(?P<before>\d{{4}}-[^(]{{1,80}} )?(?P<stem>)[\[(](?P<number>\d{{1,3}})/\d{{1,4}}[\])]:?\s+"
    rf"(?=(?i:{COUNTER})\b)"
)
"""`[0/2] step 3`: a rank of how many, if these alternate; also behind a time."""
_COUNTS = re.compile(
    rf"(?:.*[-_.])?(?:{COUNTER}|e|s)[-_.]?",
    re.IGNORECASE,
)
_SEEN = "~"
"""Before the labels that are known only by being several."""

_may_be_labelled = re.compile(
    r"\s*+[\w.-]{1,41}+(?<=\d)(?::|\s*+\|) |\[(?i:rank|gpu|cuda|default|\d+,\d+\]<std|\d{1,3}/)"
    r"|\((?:\w+ )?pid=|(?:\d{4}-[^(]{1,80} )?\(\d{1,3}/"
    r"|\W{0,2}(?i:local_rank|rank|gpu|process|proc|device|worker|cuda)[ :=_#]{0,2}\d"
).match
"""Excludes most lines that no launcher has labelled, fast."""

_STARTS = frozenset(f"[(< {string.ascii_letters}{string.digits}")
"""First characters of labels."""

Lines = Sequence[tuple[str, str]]
"""Labels, empty for the main process, and the lines behind them."""


class ProcessLines:
    """Finds the process of each line; keeps what it has seen in a memory, as plain JSON."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory: the `last` label, lines that are `held`, and what is decided."""
        self.memory = memory

    def split(self, line: str) -> Lines:
        """Return a line, and those that waited for it, with their labels."""
        if _RANK.match(line):
            return by_rank(line)
        if found := _NAMED.match(line):
            return [(f"rank{found['rank']}", line[found.end() :])]
        label = _ACTOR.match(line) if line[:1] == "(" else _PLACE.match(line) or _LABEL.match(line)
        text = line[label.end() :] if label else ""
        if label and label.re is _PLACE:
            text = f"{label['before'] or ''}{text}"
        if label is None or _COUNTS.fullmatch(label["stem"]) or to_number(text) is not None:
            return [("", line)]  # no label, as in `epoch-3: loss 0.5` and `beta1: 0.9`
        return self._labelled(label["stem"], int(label["number"]), line, text)

    def finish(self) -> Lines:
        """Return the lines that still wait: their numbers are no labels."""
        return [("", line) for _label, line, _text in self._take_held()]

    def prefix(self, label: str) -> str:
        """Return the prefix of a process's metrics, whose label has just given some."""
        if label.startswith("rank"):
            return f"{label} "
        owner = self.memory.setdefault("owner", label)
        return "" if label == owner else f"{label.removeprefix(_SEEN)} "

    def _labelled(self, stem: str, number: int, line: str, text: str) -> Lines:
        label, memory = f"{stem or 'rank'}{number}", self.memory
        if memory.get("apart"):
            return [(self._own(label), text)]
        if memory.get("counts"):
            return [("", line)]
        last_stem, last, last_step = memory.get("last") or (stem, number - 1, None)
        step = step_in(text)
        held = memory.setdefault("held", [])
        is_known = bool(stem) or step is not None or last_step is not None
        memory["last"] = stem, number, last_step if step is None else step
        if (stem, number) == (last_stem, last) and len(held) < 2 and is_known:
            memory.update(main=label, repeats=True)
            return [("", text) for *_label, text in (*self._take_held(), (label, line, text))]
        held.append((label, line, text))
        continues = step is not None and last_step is not None and step > last_step
        starts_over = step is not None and last_step is not None and step <= last_step
        repeats = memory.get("repeats") and not continues  # a count has a line each
        if stem != last_stem or number < last or starts_over or repeats:
            memory["apart"] = True
            memory.setdefault("main", held[0][0])
            return [(self._own(label), text) for label, _line, text in self._take_held()]
        memory["seen"] = seen = [*memory.get("seen", ()), number][-_ENOUGH:]
        if step is None and len({*seen}) == _ENOUGH and number > last + 1:
            memory["counts"] = True
        if continues or len(held) > _MOST_HELD or memory.get("counts"):
            return self.finish()
        return []

    def _take_held(self) -> list[tuple[str, str, str]]:
        """Return the lines that waited: the label of each, the line, and the text behind it."""
        held: list[tuple[str, str, str]] = self.memory.get("held", [])
        self.memory["held"] = []
        return held

    def _own(self, label: str) -> str:
        """Return the label, which is empty for the process that was read as the main one."""
        return "" if label == self.memory["main"] else f"{_SEEN}{label}"


def by_rank(line: str) -> Lines:
    """Return a line, or the two that ranks have written at once, with their ranks."""
    marks = [*_RANK.finditer(line)]
    if not line[marks[0].end() :].strip():  # `loss 0.5 (gpu 1)`
        return [(f"rank{marks[0]['rank'] or marks[0]['mpi']}", line[: marks[0].start()])]
    ends = [*(mark.start() for mark in marks[1:]), len(line)]
    return [
        (f"rank{mark['rank'] or mark['mpi']}", line[mark.end() : end])
        for mark, end in zip(marks, ends, strict=True)
    ]


SOUGHT = "sought"
"""Key in the state: the metric that a search asks for, which one line shows for certain."""
_MEMORY, _OTHERS, _LABELS = "memory", "processes", "labels"
"""Keys in the state: of the main process, of others by label, and what was seen of the labels."""
_CARRIED_LABELS = ("apart", "main", "owner", "counts")
"""What the next attempt's log needs to know of the labels."""
_CONFIRMED, _HELD = "confirmed", "held"
"""Keys in the state: that there are metrics; the rows that wait for that. One line may be a chance
match, so two lines of different steps are required, except where an earlier attempt was read, and
for a line that shows the metric of the attempt's search."""
_UNREADABLE = (ValueError, OverflowError, LookupError)
"""A line with a number of 400 digits, say, costs no other line."""


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
        return self._decoded([*lines_with_ends(block)], first_row, finish=False)

    def finish(self, first_row: int) -> Decoded:
        """Decode rows that were waiting for further lines."""
        return self._decoded((), first_row, finish=True)

    def _decoded(self, lines: Sequence[str], first_row: int, *, finish: bool) -> Decoded:
        state = pickle.loads(pickle.dumps(self.state))  # faster than a deep copy
        reader = _Reader(state, is_named=self._is_named)
        rows = reader.read(lines)
        if finish:
            rows += reader.finish()
        self.state = state
        series = row_points(rows, first_row=first_row, step=self._step or STEP)
        counts_epochs = any(memory.get("has_epochs") for memory in _memories(state))
        if counts_epochs and not has_steps(state):
            self.epochs.update(series)
        return Decoded(series, len(rows))


class _Reader:
    """Reads lines by the state of their process."""

    def __init__(self, state: dict[str, Any], *, is_named: bool) -> None:
        self._state = state
        self._is_named = is_named
        self._held: list[list[Any]] = state.setdefault(_HELD, [])
        self._processes = ProcessLines(state.setdefault(_LABELS, {}))
        self._last: dict[str, list[float]] = state.setdefault(_LAST, {})
        self._denied: list[str] = state.setdefault(_DENIED, [])
        self._read: dict[str, _Process] = {}
        self._plain_label: str | None = None
        """That of the process whose rows need no prefix and no confirmation."""
        self._main = self._read[""] = _Process(state.setdefault(_MEMORY, {}), self._held, "")

    def read(self, lines: Sequence[str]) -> list[Row]:
        """Return the rows that some lines complete."""
        rows: list[Row] = []
        labels, split, main = self._processes.memory, self._processes.split, self._main
        passed = 0
        for at, line in enumerate(lines):
            if at < passed:
                continue
            parts = split(line) if line[0] in _STARTS and _may_be_labelled(line) else None
            if parts is not None and parts != [("", line)]:
                rows += self._labelled(parts)
                continue
            rows += self._agreeing(self._rows("", line), line)
            log = main.log
            if log.steady and main.is_alone and self._plain_label == "" and not labels.get("held"):
                more = runs.following(log.steady, lines, at)
                rows += more
                passed = at + 1 + len(more)
                for name in (self._last.keys() & more[0].keys()) if more else ():
                    self._last[name][3] += len(more)
        return rows

    def finish(self) -> list[Row]:
        """Return the rows that were waiting for further lines."""
        rows = self._labelled(self._processes.finish())
        for label in ("", *self._state.get(_OTHERS, {})):
            if (process := self._read.get(label) or self._process(label)) is not None:
                rows += self._confirmed(label, process.finish(), is_sure=True)
        return rows if not self._is_named else [*rows, *self._release()]

    def _labelled(self, lines: Lines) -> list[Row]:
        return [
            row for label, text in lines for row in self._agreeing(self._rows(label, text), text)
        ]

    def _agreeing(self, rows: Sequence[Row], text: str) -> Sequence[Row]:
        """Return rows without the series whose step does not go on from line to line."""
        last, denied = self._last, self._denied
        for row in rows:
            step = row[STEP]
            for name, value in row.items():
                seen = last.get(name)
                if seen is None:
                    if len(last) < _MOST_LAST:
                        last[name] = [step, value, 0, 0]
                elif seen[0] != step:
                    seen[:] = step, value, seen[2], seen[3] + 1
                elif seen[1] != value:
                    seen[1:3] = value, seen[2] + 1
                    if seen[2] >= _MOST_AT_A_STEP * max(seen[3], 1) and name not in denied:
                        denied.append(name)
        if not denied or not rows:
            return rows
        kept = [{name: row[name] for name in row if name not in denied} for row in rows]
        if sum(map(len, kept)) < sum(map(len, rows)):
            states.note_unread(self._state, text)
        return [row for row in kept if len(row) > 1]

    def _rows(self, label: str, text: str) -> Sequence[Row]:
        """Return the rows that a process's line completes."""
        if (process := self._read.get(label) or self._process(label)) is None:
            states.count_unread(self._state, f"[{label.removeprefix(_SEEN)}] {text}")
            return ()
        try:
            found = process.read(text)
        except _UNREADABLE:
            return ()
        log = process.log
        if found and label == self._plain_label:
            return found
        if found:
            is_sure = not log.is_doubtful or (self._is_named and not log.is_bare)
            return self._confirmed(label, found, is_sure=is_sure)
        if found is not states.RANKS or label:
            return ()
        return self._labelled([(log.rank, text)] if log.rank else by_rank(message(text)))

    def _process(self, label: str) -> _Process | None:
        """Return the process of a label; None if there are too many."""
        others = self._state.setdefault(_OTHERS, {})
        if label not in others and len(others) >= _MOST_PROCESSES:
            return None
        self._read[label] = _Process(others.setdefault(label, {}), self._held, label)
        return self._read[label]

    def _confirmed(self, label: str, rows: Sequence[Row], *, is_sure: bool) -> Sequence[Row]:
        """Return rows, with those that waited, once they are no chance match."""
        state = self._state
        if not rows:
            return ()
        if state.get(_CONFIRMED):
            return self._prefixed(label, rows)
        held = self._held
        held += [[label, row] for row in rows]
        is_sure = is_sure or any(state.get(SOUGHT) in row for row in rows)
        steps = len({row[STEP] for _label, row in held})
        is_metric = any(
            not PRINTED_SETTING.fullmatch(name)
            for _label, row in held
            for name in row
            if name != STEP
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
        prefix = self._processes.prefix(label)
        if not prefix:
            self._plain_label = label
            return rows
        return [
            {name if name == STEP else f"{prefix}{name}": row[name] for name in row} for row in rows
        ]


_NO_LINE = re.compile(r"(?!)")


class _Plugin:
    """A plugin: asked about lines like its first one, and about all once it has a memory."""

    def __init__(self, record: LogLines, memory: dict[str, Any], above: dict[str, Any]) -> None:
        self.record, self.memory, self._above = record, memory, above
        self.may_be_first: Callable[[str], object] = _NO_LINE.search
        with suppress(PluginError), registry.guarded(record):
            self.may_be_first = re.compile(record.pattern).search

    @cached_property
    def reader(self) -> LineReader:
        """The reader, which is made when it is first asked."""
        return registry.ask(self.record, self.record.reader, self.memory) or _Silent(self.memory)

    def read(self, line: str) -> Sequence[Row] | None:
        """Return what it says of a line."""
        try:
            self.reader.epoch, self.reader.at = self._above.get("heading"), None
            rows = self.reader.read(line)
            if self.reader.at is not None and states.STEPPED.isdisjoint(self._above):
                self._above["at"] = self.reader.at
            return rows and [dict(row) for row in rows]
        except (Exception, SystemExit) as error:
            return self._failed(error)

    def finish(self) -> Sequence[Row]:
        """Return the rows that were waiting for further lines."""
        try:
            return [dict(row) for row in self.reader.finish()]
        except (Exception, SystemExit) as error:
            return self._failed(error)

    def _failed(self, error: BaseException) -> Sequence[Row]:
        """Ask it no more, unless a number of a line was at fault."""
        if not isinstance(error, ValueError | OverflowError):
            self.reader = _Silent(self.memory)
            with suppress(PluginError), registry.guarded(self.record):
                raise error
        return ()


class _Silent(LineReader):
    """Stands for a reader that does not work."""

    def read(self, line: str) -> Sequence[Row]:  # noqa: ARG002
        """Return nothing."""
        return ()


_BAR_AND_TEXT = re.compile(r".*?\d%\|[^|]*\|[^\[\]]*\[[^\[\]]*\](?=[A-Za-z{]|\[[A-Z])")
"""A bar on the terminal, and what was printed behind it."""


_DESCRIBED = re.compile(r"(.*\w.*?)[.:\s]*: +\d+$")
"""A bar's description: a line of its own if it has an epoch, a step and metrics."""


class _Process:
    """Reads the lines of one process, by the plugins and the grammar."""

    def __init__(self, memory: dict[str, Any], held: list[list[Any]], label: str) -> None:
        self.log = LogState(memory, held, label)
        self._memories: dict[str, dict[str, Any]] = memory.setdefault("plugins", {})
        self._plain: set[str] = set()
        """Forms of lines that are no plugin's first."""
        self._plugins = [
            _Plugin(one, self._memories.get(one.name, {}), memory)
            for one in registry.records(LogLines)
        ]
        self._sort()

    def _sort(self) -> None:
        names = self._memories
        self._active = [one for one in self._plugins if one.record.name in names]
        self._waiting = [one for one in self._plugins if one.record.name not in names]

    @property
    def is_alone(self) -> bool:
        """True if no plugin has to be asked about each line."""
        return not self._active

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows that a line completes."""
        if "%|" in line:
            if glued := _BAR_AND_TEXT.match(line):
                return [*self.read(glued[0]), *self.read(line[glued.end() :])]
            described = _DESCRIBED.match(line.partition("%|")[0])
            if described and self.log.is_row(described[1]):
                line = described[1]
        self.log.is_doubtful, self.log.steady = False, None
        for plugin in self._active:
            if (rows := plugin.read(line)) is None or rows:
                return self._taken(plugin.record, rows or ())
        if (form := form_of(line)) not in self._plain:
            first = [one for one in self._waiting if one.may_be_first(line)]
            for plugin in first:
                rows = plugin.read(line)
                if plugin.memory or rows:
                    self._memories[plugin.record.name] = plugin.memory
                    self._sort()
                if rows is None or rows:
                    return self._taken(plugin.record, rows or ())
            if not first:
                self._plain.add(form)
        return self.log.read(line)

    def finish(self) -> Sequence[Row]:
        """Return the rows that were waiting for further lines."""
        rows: list[Row] = []
        for plugin in self._active:
            rows += self._taken(plugin.record, plugin.finish())
        return [*rows, *self.log.finish()]

    def _taken(self, plugin: LogLines, rows: Sequence[Row]) -> Sequence[Row]:
        if not rows:
            return ()
        metrics = [
            {name: row[name] for name in row if name == STEP or not is_no_metric(name)}
            for row in rows
        ]
        kept = [row for row in metrics if len(row) > 1]
        return self.log.placed(kept, counts_epochs=plugin.counts_epochs)


def _memories(state: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (state.get(_MEMORY, {}), *state.get(_OTHERS, {}).values())


def has_steps(state: Mapping[str, Any]) -> bool:
    """Return False for a log that counts epochs, or its lines, where files have steps."""
    return any(memory.get("has_steps") for memory in _memories(state))


def denied(state: Mapping[str, Any]) -> Sequence[str]:
    """Return the series that are not drawn after all."""
    return tuple(state.get(_DENIED, ()))


def unread(state: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many lines look like metrics and were not read, and the first such line."""
    found = [one["unread"] for one in (state, *_memories(state)) if "unread" in one]
    return sum(count for count, _line in found), found[0][1] if found else ""


def waiting_rows(state: Mapping[str, Any]) -> Sequence[Row]:
    """Return the rows that wait for more of their kind."""
    held = [row for _label, row in state.get(_HELD, ())]
    return [*held, *(row for memory in _memories(state) for row in memory.get("waiting", ()))]


def _handed_on(record: LogLines, memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plugin's memory hands on to the next attempt's log; nothing if that fails."""
    with suppress(PluginError), registry.guarded(record):
        method = getattr(registry.code(record.reader), "carried_over", LineReader.carried_over)
        return dict(method(memory))
    return {}


def carried_over(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state to begin an attempt's log with, from that at the end of the one before."""

    def handed(memory: Mapping[str, Any]) -> dict[str, Any]:
        kinds = {one.name: one for one in registry.records(LogLines)}
        plugins = {
            name: carried
            for name, one in memory.get("plugins", {}).items()
            if name in kinds and (carried := _handed_on(kinds[name], one))
        }
        return {**states.carried_over(memory), **({"plugins": plugins} if plugins else {})}

    labels = state.get(_LABELS, {})
    found: dict[str, Any] = {
        _CONFIRMED: state.get(_CONFIRMED),
        _DENIED: state.get(_DENIED),
        _MEMORY: handed(state.get(_MEMORY, {})),
        _OTHERS: {label: handed(one) for label, one in state.get(_OTHERS, {}).items()},
        _LABELS: {key: labels[key] for key in _CARRIED_LABELS if key in labels},
    }
    return {key: value for key, value in found.items() if value}


_SEPARATORS = re.compile(r"[\s_/.-]+")
_OBJECT = re.compile(r"[^{]*(\{.*\})\s*")


class SingleValues(LogDecoder):
    """Decodes the lines that name one metric; or those of usual names, of which each is once."""

    name = "text"

    def __init__(self, metric: str, state: dict[str, Any]) -> None:
        """Continue from a stored state; an empty metric means those of usual names."""
        super().__init__(None, state)
        self._metric = metric
        self._lines = None if metric else TextLines(None, self.state)
        self._plain = _plain(metric)
        self._word = self._plain.split(" ")[0]

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        if self._lines is not None:
            rows = self._lines.state.get(_ROWS, 0) + sum(map(_is_row, text_lines(block)))
            self._lines.decode(block, 0)
            self.state = self._lines.state
            self.state[_ROWS] = rows
            return Decoded()
        lines = (line for line in text_lines(block) if self._word in line.lower())
        rows = [row for line in lines if (row := self._row(line))]
        return Decoded(row_points(rows, first_row=first_row, step=STEP), len(rows))

    def finish(self, first_row: int) -> Decoded:
        """Decode the values of usual names that the log states once."""
        is_alone = self._lines is not None and self.state.get(_ROWS, 0) < _MANY
        waiting = waiting_rows(self.state) if is_alone else ()
        seen = Counter(name for row in waiting for name in row)
        rows = [
            {STEP: row[STEP], name: row[name]}
            for row in waiting
            for name in row
            if seen[name] == 1 and USUAL.fullmatch(name)
        ]
        return Decoded(row_points(rows, first_row=first_row, step=STEP), len(rows))

    def _row(self, line: str) -> Row | None:
        """Return the metric's value in a line, with the line's step."""
        fields = _fields(line)
        own = [name for name in fields if _plain(name) == self._plain]
        if own:
            step = fields.get(next(iter(step_fields(tuple(fields), None)), ""))
            return _row(self._metric, fields[own[0]], step)
        text = plain_text(line)
        form, written = lex(text.replace(" | ", ": "))
        for pair in find(WRAPPED.sub(r"\1", form)):
            if _plain(pair.name) == self._plain and form[pair.start - 1 : pair.start] != "-":
                return _row(self._metric, number(pair.value, written), step_in(text))
        return None


_ROWS = "rows"
"""Key in the state: how many rows of numbers the log has. What it states once sums these up."""


def _is_row(line: str) -> bool:
    return len(re.findall(NUMBER, line)) > 1 and not re.search(r"[^\W\d_]{2}", line)


def _row(name: str, value: float, step: float | None) -> Row:
    return {name: value} if step is None else {STEP: step, name: value}


def _plain(name: str) -> str:
    """Return a name in the spelling that is compared: `Final val_loss` is `val loss`."""
    words = [word for word in _SEPARATORS.split(name.casefold()) if word]
    while len(words) > 1 and re.fullmatch(f"{QUALIFIER}|the", words[0]):
        del words[0]
    return " ".join(words)


def _fields(line: str) -> Row:
    """Return the numbers of an object in a line, by their full names."""
    found = _OBJECT.fullmatch(line) if "{" in line else None
    value = lenient.load_json(found[1]) if found else None
    return numbers(value) if isinstance(value, dict) else {}
