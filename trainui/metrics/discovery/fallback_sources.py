"""Fallback sources: text for people, whose metrics are read where no file has the same.

The rules: a text waits until it has shown a metric, and then a little longer, since many trainers
print a line just before they write it to a file, and longer still where files are likely to come.
Lines with steps do not wait for what is flushed late: a file that has them later replaces them.
It waits less if its metric is that of a search, and not at all if other trials were read from
their texts. A text without metrics for long is given up, also once its attempt has ended.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui.metrics import lenient
from trainui.metrics.formats import DecoderChoice, SourceFile
from trainui.metrics.formats.text import grammar
from trainui.metrics.formats.text.forms import MAX_LINE, MAX_PRINTED, NUMBER, text_lines
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import STEP, is_no_metric, is_step_name, names_metric
from trainui.metrics.formats.text.text_lines import (
    SOUGHT,
    SingleValues,
    TextLines,
    has_steps,
    unread,
)
from trainui.metrics.tail import FileState, GrowingFile, UnreadableFileError, look_at
from trainui.pipeline.masking import Masker
from trainui.record import dataclass
from trainui.store.points.point_sources import key_of
from trainui.supervisor import protocol

WAIT = 3.0
"""Seconds to wait after a text's first metric."""

WAIT_IF_SEARCHED = 1.0
"""The same if the metric is the one that the attempt's search asks for, and the lines have steps:
where they count epochs, a file is worth the wait, since it has the steps."""

WAIT_FOR_FLUSH = 150.0
"""The same if the trainer has opened files that have no metrics yet: those of some trackers are
written every two minutes."""

WAIT_FOR_FILES = 600.0
"""The same if files had the metrics of an earlier attempt, or those of another trial."""

MAX_BYTES = 8 << 20
"""A text with no metric in this many bytes is given up."""

MAX_LINES = 100_000
"""The same in lines: each one takes about ten microseconds, however short."""

MAX_FORMS = 20_000
"""The same in lines none of which is like another, once its attempt has ended: each takes a tenth
of a millisecond, and the stage's end waits for them."""

LAST_BYTES = 8 << 20
"""The end of a text in which a search's metric is looked for."""

LAST_BYTES_OF_ANY = 1 << 20
"""The same for a metric of any usual name, for which all lines are parsed."""

_SOON = 2.0
"""Seconds after the wait in which a text is still read soon, and not at the next usual scan."""

_AT_ONCE = 65_536
"""Bytes that are read at once, so that other files get a turn."""

_BYTES = 1 << 20
"""Bytes of a text without metrics in which lines for a suggested pattern are looked for."""

_MANY = 20
"""Lines of one kind that may be measured values."""

_EXAMPLES = 100
"""Lines of one kind whose numbers are compared."""

_MOST_NUMBERS = 12
"""Groups of a suggested pattern: it may leave the end of a line out."""

_TRYING = 2.0
"""Seconds for which a suggested pattern is tried on the whole of a text."""

_SHOWN = 80
"""Characters of the line that a message quotes."""

_WORDS = 3
"""Words before a number that name it."""


def of_single_values(text: SourceFile, metric: str) -> SourceFile | None:
    """Return a text as a source of single values, e.g. a final accuracy; None if it has none.

    An empty metric: all metrics with usual names.
    """
    most = LAST_BYTES if metric else LAST_BYTES_OF_ANY
    try:
        with closing(GrowingFile(text.path)) as file:
            begin = max(text.begin, file.look().size - most)
            data = file.read(begin, most)
    except (OSError, UnreadableFileError):
        return None
    cut = data.find(b"\n") + 1 if begin > text.begin else 0
    lines = SingleValues(metric, {})
    if not lines.decode(data[cut:], 0).records and not lines.finish(0).records:
        return None
    reading = DecoderChoice(single=metric, prefix=text.reading.prefix, doubtful=True)
    key, ours = f"{key_of(text.path)}#single", text.ours and begin == 0
    return replace(text, key=key, reading=reading, begin=begin + cut, ours=ours)


class FallbackSources:
    """The fallback texts of an attempt that are still waiting."""

    def __init__(self, metric: str | None = None) -> None:
        """Start without texts; `metric` is the one that the attempt's search asks for."""
        self._metric = metric
        self._waiting: dict[str, _Text] = {}
        self.have_steps: dict[str, bool] = {}
        """By key: a text has steps, and not only epochs."""

    def __contains__(self, key: str) -> bool:
        return key in self._waiting

    def add(self, candidate: SourceFile) -> None:
        """Add a text to those waiting."""
        if candidate.key not in self:
            reading = replace(candidate.reading, sought=self._metric)
            self._waiting[candidate.key] = _Text(replace(candidate, reading=reading))

    def scan(self) -> bool:
        """Check the new part of each text; return True if there is more to check at once."""
        looked = [text.scan() for text in self._waiting.values()]
        return any(looked)

    @property
    def has_shown(self) -> bool:
        """True if a text has shown a metric."""
        return any(text.found_at is not None for text in self._waiting.values())

    @property
    def is_due(self) -> bool:
        """True if a text has just shown its first metric, or may soon show that of a search."""
        texts, is_sought = self._waiting.values(), self._metric is not None
        return any(text.has_just_shown or (is_sought and text.has_grown) for text in texts)

    @property
    def followed(self) -> set[str]:
        """The paths of texts that are checked whenever they grow: a search waits for its metric."""
        texts = () if self._metric is None else self._waiting.values()
        return {str(text.candidate.path) for text in texts if not text.is_abandoned}

    def unread(self) -> Iterator[tuple[SourceFile, int, str]]:
        """Yield the texts without metrics so far, with their lines that look like some."""
        for text in self._waiting.values():
            count, first = unread(text.state)
            if count and text.found_at is None:
                yield text.candidate, count, first

    def pop_ready(self, wait: float, *, all_of_them: bool) -> list[SourceFile]:
        """Remove and return the texts that no longer wait; at the attempt's end, all of them."""
        if all_of_them:
            for text in self._waiting.values():
                text.forms_left = MAX_FORMS
            while self.scan():
                pass
        ready = [
            key
            for key, text in self._waiting.items()
            if text.is_ready(0 if all_of_them else wait, at_once=all_of_them)
        ]
        # of two texts with the same metric, the one with steps is read
        have_steps = {key: self._waiting[key].has_steps for key in ready}
        ready.sort(key=lambda key: not have_steps[key])
        self.have_steps |= have_steps
        return [self._waiting.pop(key).candidate for key in ready]


class _Text:
    """A text that is checked for metrics without storing any."""

    def __init__(self, candidate: SourceFile) -> None:
        self.candidate = candidate
        self.found_at: float | None = None
        self.has_grown = False
        """True if the last scan found whole lines."""
        self._sought = candidate.reading.sought
        self._has_sought = False
        self._lines = TextLines(None, {SOUGHT: self._sought})
        self._offset = self._count = 0
        self.forms_left: int | None = None
        """How many forms of lines are still parsed; None: no limit."""
        self._seen: FileState | None = None
        """Of the file when it was last read to its end."""

    @property
    def is_abandoned(self) -> bool:
        is_used_up = self.forms_left is not None and self.forms_left <= 0
        is_long = self._offset >= MAX_BYTES or self._count >= MAX_LINES
        return self.found_at is None and (is_long or is_used_up)

    @property
    def state(self) -> Mapping[str, Any]:
        return self._lines.state

    @property
    def has_steps(self) -> bool:
        return has_steps(self.state)

    @property
    def has_just_shown(self) -> bool:
        found_at = self.found_at
        return found_at is not None and time.monotonic() < found_at + WAIT + _SOON

    def is_ready(self, wait: float, *, at_once: bool) -> bool:
        if at_once:
            return not self.is_abandoned
        if wait == WAIT_FOR_FLUSH and self.has_steps:
            wait = WAIT
        if wait == WAIT and self._has_sought and self.has_steps:
            wait = min(wait, WAIT_IF_SEARCHED)
        return self.found_at is not None and time.monotonic() >= self.found_at + wait

    def scan(self) -> bool:
        self.has_grown = False
        if self.found_at is not None or self.is_abandoned:
            return False
        look = look_at(self.candidate.path)  # cheaper than to open it at each turn
        if look is None or look == self._seen:
            return False
        try:
            with closing(GrowingFile(self.candidate.path)) as file:
                data = file.read(self._offset, _AT_ONCE)
        except (OSError, UnreadableFileError):
            return False
        is_full = len(data) == _AT_ONCE
        self._seen = None if is_full else look
        length = self._lines.cut(data) or (len(data) if is_full else 0)
        self.has_grown = length > 0
        if length and self._shows_metric(data[:length]):
            self.found_at = time.monotonic()
        return is_full and self.found_at is None

    def _shows_metric(self, block: bytes) -> bool:
        parsed = grammar.parse.cache_info().misses
        found = self._lines.decode(block, 0)
        if self.forms_left is not None:
            self.forms_left -= grammar.parse.cache_info().misses - parsed
        self._offset += len(block)
        self._count += block.count(b"\n") + block.count(b"\r")
        if not found.records and self.is_abandoned:  # unless a record has begun, e.g. a long bar
            found = self._lines.finish(0)
        self._has_sought = self._sought in found.series
        return bool(found.records)


# Finds the printed lines that are likeliest to be metrics, in a text in which none were found.
#
# The rule: lines that differ in nothing but their numbers are of one kind. The pattern that is
# proposed is such a line, with a group for each number and the text between them as it is.


_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH = r"(?:~|\.{1,2})?/[^\s,;'\")\]]+"
_NUMBERS = re.compile(
    rf"(?<![\w.@])(?:(?P<other>{_UUID}|{_PATH}|\d+(?:[-:/,]\d[\d.]*)+)|(?P<number>(?i:{NUMBER})))"
)
"""A number; or digits of an id, a path, a date, a time, a position or with commas."""

_ERROR = re.compile(
    r"[A-Za-z](?:Error|Exception|Warning)\b|\b(?:ERROR|FATAL|CRITICAL|WARNING)\b"
    r"|^(?:\S+: )?(?:fatal )?(?:error|warning): "
)

_ALIGNING = re.compile(r"[ \t]{2,}|\t| $")
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")

_WORD = re.compile(r"[A-Za-z_][\w.@/%^-]*(?: ?\([A-Za-z]+\))?")
_NO_WORD = re.compile(r"(?:is|was|are|of|to|at|in|the|a|after|over|with|for|and)", re.IGNORECASE)

_NO_VALUE = re.compile(r"(?:\.py:|\+/?|±)\s*$")
"""Before the number of a source line, and before a deviation."""

_STREAMS = {protocol.STDOUT_FILE: "stdout", protocol.STDERR_FILE: "stderr"}


@dataclass(frozen=True, slots=True)
class _LineShape:
    """Lines that differ in nothing but their numbers."""

    between: tuple[str, ...]
    """The text before each number, and behind the last one."""
    is_number: tuple[bool, ...]
    """False for dates, times and other digits."""

    def names(self) -> list[str]:
        """Return the name of each number: the words before it."""
        return [_name(text) for text in self.between[:-1]]


def describe(text: SourceFile, masker: Masker) -> str | None:
    """Return which lines of a text look like metrics, and what to write to have them read."""
    lines = masker.text("\n".join(text_lines(lenient.head(text.path, _BYTES)))).split("\n")
    kinds: dict[_LineShape, list[str]] = defaultdict(list)
    for line in map(_message, _without_errors(lines)):
        if (kind := _kind(line)) is not None:
            kinds[kind].append(line)
    named = [kind for kind in kinds if any(map(names_metric, kind.names()))]
    likely = named or [  # numbers that are printed again and again
        kind
        for kind, examples in kinds.items()
        if len(examples) >= _MANY and 2 * len({*examples}) > len(examples)
    ]
    if not likely:
        return None
    kind = max(likely, key=lambda one: (len(kinds[one]), kinds[one][0].count(".")))
    examples = kinds[kind]
    size = "1 line" if len(lines) == 1 else f"{len(lines):,} lines"
    return (
        f"{text.path}: no metrics found in {size}; "
        f"{_problem(kind, len(examples), named=bool(named))}, "
        f"e.g. {examples[0].strip()[:_SHOWN]!r}; {_advice(text, kind, examples)}"
    )


def _message(line: str) -> str:
    return message(line)[:MAX_PRINTED].strip()


def _without_errors(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that are no error, no warning, and not within a traceback."""
    is_inside = False
    for line in lines:
        is_inside = line.startswith("Traceback (") or (is_inside and line[:1] == " ")
        if not (is_inside or _ERROR.search(line)):
            yield line


def describe_unread(
    text: SourceFile, masker: Masker, count: int, first: str, *, ended: bool = True
) -> str:
    """Return how many lines of a text were not read although they look like metrics."""
    printed = text_lines(lenient.head(text.path, _BYTES))
    lines = [*map(_message, masker.text("\n".join(printed)).split("\n"))]
    quoted = masker.text(first)
    kind = _kind(quoted)
    examples = [line for line in lines if kind is not None and _kind(line) == kind]
    stream = _STREAMS.get(text.path.name)
    advice = ""
    if kind is not None and examples and stream is not None:
        pattern = _pattern(kind, examples[:_EXAMPLES])
        if _reads_all(pattern, kind, text.path):
            escaped = pattern.replace("'", "''")
            sources = f"{{{stream}: print}}, {{{stream}: '{escaped}'}}"
            advice = f"; to read them too, add `metrics: [{sources}]` to the stage"
    many = f"{count:,} lines look like metrics and are"
    of = "1 line looks like a metric and is" if count == 1 else many
    so_far = "" if ended else " so far"
    return f"{text.path}: {of} not read{so_far}, e.g. {quoted[:_SHOWN]!r}{advice}"


def _reads_all(pattern: str, kind: _LineShape, path: Path) -> bool:
    """Return True if a pattern reads all lines of a kind in a file, which is read to its end.

    False also if that takes too long: what was not tried is not proposed.
    """
    compiled, until = re.compile(pattern), time.monotonic() + _TRYING
    if compiled.groupindex.keys() <= {STEP}:
        return False
    sure = max(kind.between, key=len).split("\t")
    text = max(sure, key=len).encode()
    try:
        with path.open("rb") as file:
            rest = b""
            while block := file.read(_BYTES):
                if time.monotonic() > until:
                    return False
                whole, _end, rest = (rest + block).rpartition(b"\n")
                rest = rest[-MAX_LINE:]
                if text not in whole:
                    continue
                lines = map(_message, text_lines(whole))
                if any(_kind(line) == kind and not compiled.search(line) for line in lines):
                    return False
    except OSError:
        return False
    return True


def _problem(kind: _LineShape, count: int, *, named: bool) -> str:
    """Return why the lines of a kind, of which a text has some, were not read."""
    if count == 1:
        return "one line with numbers is not enough to recognise a metric"
    if not named:
        return f"{count:,} have numbers but no name that is a metric's"
    if any(map(is_step_name, kind.names())):
        return f"{count:,} have numbers in no layout that is recognised"
    return f"{count:,} have numbers but no step that is recognised"


def _kind(line: str) -> _LineShape | None:
    """Return what a line shares with others of its kind; None for one without numbers."""
    found = [*_NUMBERS.finditer(line)]
    if not any(one["number"] for one in found):
        return None
    starts, ends = [0, *(one.end() for one in found)], [*(one.start() for one in found), len(line)]
    texts = (line[at:end] for at, end in zip(starts, ends, strict=True))
    # blanks that align numbers are more or fewer
    between = tuple(_ALIGNING.sub("\t", text) for text in texts)
    return _LineShape(between, tuple(one["number"] is not None for one in found))


def _advice(text: SourceFile, kind: _LineShape, examples: Sequence[str]) -> str:
    stream, pattern = _STREAMS.get(text.path.name), _pattern(kind, examples)
    if stream is None or not _reads_all(pattern, kind, text.path):
        return "name the step in each line, or write JSON lines to $TRAINUI_METRICS_FILE"
    quoted = pattern.replace("'", "''")
    return f"to read them, add `metrics: [{{{stream}: '{quoted}'}}]` to the stage"


def _pattern(kind: _LineShape, examples: Sequence[str]) -> str:
    """Return a pattern that reads the lines of a kind; the first number that counts is the step."""
    numbered = (_NUMBERS.findall(line) for line in examples[:_EXAMPLES])
    columns = list(zip(*numbered, strict=True))
    numbers = [[number for _other, number in column] for column in columns]
    steps = (at for at, values in enumerate(numbers) if _counts(values))
    named = (at for at, name in enumerate(kind.names()) if is_step_name(name))
    step = next(steps, next(named, None) if len(examples) == 1 else None)
    names: list[str] = []
    parts, before = [], ""
    for at, name in enumerate(kind.names()[:_MOST_NUMBERS]):
        text = kind.between[at]
        parts.append(_SPECIAL.sub(r"\\\g<0>", text).replace("\t", r"\s*"))
        # the 5 of `precision @ 5: 0.75` is of the name
        is_same = len({*numbers[at]}) < min(len(examples), 2)
        is_label = is_same and numbers[at][0].isdigit()
        is_value = not (is_label or is_no_metric(name) or _NO_VALUE.search(text))
        if not kind.is_number[at] or not (at == step or is_value):
            parts.append(r"\S+?")
            before = name if is_label else ""
            continue
        names.append(STEP if at == step else _unique(name or before or "value", names))
        parts.append(rf"(?P<{names[-1]}>[-+.\w]+)")
    return "".join(parts)


def _counts(values: Sequence[str]) -> bool:
    """Return True for whole numbers that go up from line to line."""
    if not all(value.isdigit() for value in values):
        return False
    counts = [int(value) for value in values]
    return counts == sorted(counts) and len({*counts}) > len(counts) // 2 and len(counts) > 1


def _name(text: str) -> str:
    """Return the words at the end of a text, as the name of a group."""
    words = [word for word in _WORD.findall(text) if not _NO_WORD.fullmatch(word)]
    count = 1 if text.endswith("=") else _WORDS
    return re.sub(r"\W+", "_", "_".join(words[-count:])).strip("_")


def _unique(name: str, taken: Sequence[str]) -> str:
    numbered = (f"{name}_{at}" for at in range(2, len(taken) + 3))
    return name if name not in (*taken, STEP) else next(one for one in numbered if one not in taken)
