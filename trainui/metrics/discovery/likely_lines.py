"""Finds the printed lines that are likeliest to be metrics, in a text in which none were found.

The rule: lines that differ in nothing but their numbers are of one kind. The pattern that is
proposed is such a line, with a group for each number and the text between them as it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trainui.metrics import lenient_files
from trainui.metrics.formats.text.forms import MAX_PRINTED, NUMBER
from trainui.metrics.formats.text.log_lines import message, text_lines
from trainui.metrics.formats.text.names import is_step_name, names_metric
from trainui.metrics.formats.text.pairs import STEP
from trainui.metrics.source_file import SourceFile
from trainui.pipeline.masking import Masker
from trainui.supervisor import protocol

_BYTES = 1 << 20
"""Bytes examined."""

_MANY = 20
"""Lines of one kind that may be measured values."""

_EXAMPLES = 100
"""Lines of one kind whose numbers are compared."""

_MOST_NUMBERS = 12
"""Groups of a pattern: it may leave the end of a line out."""

_SHOWN = 80
"""Characters of the line that a message quotes."""

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH = r"(?:~|\.{1,2})?/[^\s,;'\")\]]+"
_NUMBERS = re.compile(
    rf"(?<![\w.@])(?:(?P<other>{_UUID}|{_PATH}|\d+(?:[-:/,]\d[\d.]*)+)|(?P<number>(?i:{NUMBER})))"
)
"""A number; or digits of an id, a path, a date, a time, a position or with commas."""

_ALIGNING = re.compile(r"[ \t]{2,}|\t| $")
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")

_WORD = re.compile(r"[A-Za-z_][\w.@/%^-]*(?: ?\([A-Za-z]+\))?")
_NO_WORD = re.compile(r"(?:is|was|are|of|to|at|in|the|a|after|over|with|for|and)", re.IGNORECASE)
_WORDS = 3
"""Words before a number that name it."""

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
    printed = text_lines(lenient_files.head(text.path, _BYTES))
    lines = [message(line)[:MAX_PRINTED] for line in masker.text("\n".join(printed)).split("\n")]
    kinds: dict[_LineShape, list[str]] = defaultdict(list)
    for line in lines:
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


def describe_unread(text: SourceFile, masker: Masker, count: int, first: str) -> str:
    """Return how many lines of a text were not read although they look like metrics."""
    printed = text_lines(lenient_files.head(text.path, _BYTES))
    lines = [message(line)[:MAX_PRINTED] for line in masker.text("\n".join(printed)).split("\n")]
    quoted = masker.text(first)
    kind = _kind(quoted)
    examples = [line for line in lines if kind is not None and _kind(line) == kind]
    stream = _STREAMS.get(text.path.name)
    advice = ""
    if kind is not None and examples and stream is not None:
        pattern = _pattern(kind, examples[:_EXAMPLES])
        if _reads_all(pattern, examples):
            escaped = pattern.replace("'", "''")
            sources = f"{{{stream}: print}}, {{{stream}: '{escaped}'}}"
            advice = f"; to read them too, add `metrics: [{sources}]` to the stage"
    many = f"{count:,} lines look like metrics and are"
    of = "1 line looks like a metric and is" if count == 1 else many
    return f"{text.path}: {of} not read, e.g. {quoted[:_SHOWN]!r}{advice}"


def _reads_all(pattern: str, lines: Sequence[str]) -> bool:
    """Return True if a pattern reads all lines of a kind."""
    compiled = re.compile(pattern)
    return all(compiled.search(line) for line in lines)


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
    stream = _STREAMS.get(text.path.name)
    if stream is None:
        return "name the step in each line, or write JSON lines to $TRAINUI_METRICS_FILE"
    pattern = _pattern(kind, examples)
    if not _reads_all(pattern, examples):
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
    parts = []
    for at, name in enumerate(kind.names()[:_MOST_NUMBERS]):
        text = kind.between[at] if at else kind.between[at].lstrip()
        parts.append(_SPECIAL.sub(r"\\\g<0>", text).replace("\t", r"\s*"))
        if not kind.is_number[at]:
            parts.append(r"\S+?")
            continue
        names.append(STEP if at == step else _unique(name or "value", names))
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
