"""Finds the printed lines that are likeliest to be metrics, in a text in which none were found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files.tail import GrowingFile, UnreadableFileError
from trainui.metrics.formats.text.log_lines import text_lines
from trainui.metrics.formats.text.log_prefix import message
from trainui.metrics.formats.text.presets import pairs
from trainui.metrics.formats.text.presets.base import MAX_PRINTED
from trainui.metrics.formats.text.presets.pairs import Pair
from trainui.supervisor import protocol

_BYTES = 1 << 20
"""Bytes examined."""

_MANY = 20
"""Lines of one kind that may be measured values."""

_SHOWN = 80
"""Characters of the line that a message quotes."""

_VALUE = re.compile(r"[-+.,\w]+(?:/\d+)?$")

_BLANKS = re.compile("  +")

_STREAMS = {protocol.STDOUT_FILE: "stdout", protocol.STDERR_FILE: "stderr"}


def describe(text: SourceFile) -> str | None:
    """Return which lines of a text look like metrics, and what to write to have them read."""
    lines = [message(line)[:MAX_PRINTED] for line in _lines(text.path)]
    kinds: dict[tuple[str, ...], list[tuple[str, list[Pair]]]] = defaultdict(list)
    for line in lines:
        if found := pairs.find(line):
            kinds[tuple(pair.name for pair in found)].append((line, found))
    named = [names for names in kinds if any(map(pairs.METRIC_WORDS.search, names))]
    likely = named or [names for names, examples in kinds.items() if _are_measured(examples)]
    if not likely:
        return None
    examples = kinds[max(likely, key=lambda names: len(kinds[names]))]
    line, found = examples[0]
    lack = "step that is recognised" if named else "name that is a metric's"
    return (
        f"{text.path}: no metrics found in {len(lines):,} lines; {len(examples):,} have numbers "
        f"but no {lack}, as {line.strip()[:_SHOWN]!r}; {_advice(text, found)}"
    )


def _are_measured(examples: Sequence[tuple[str, Sequence[Pair]]]) -> bool:
    """Return True for numbers that are printed again and again, behind no name of a metric."""
    values = {tuple(pair.value for pair in found) for _line, found in examples}
    return len(examples) >= _MANY and 2 * len(values) > len(examples)


def _advice(text: SourceFile, found: Sequence[Pair]) -> str:
    stream, quoted = _STREAMS.get(text.path.name), pattern(found).replace("'", "''")
    if stream is None or not quoted:
        return "name the step in each line, or write JSON lines to $TRAINUI_METRICS_FILE"
    return f"to read them, add `metrics: [{{{stream}: '{quoted}'}}]` to the stage"


def pattern(found: Sequence[Pair]) -> str:
    """Return a pattern that reads lines with these names and numbers."""
    groups: dict[str, str] = {}
    for pair in found:
        group = re.sub(r"\W", "_", pair.name.partition("/")[0])
        if before := _VALUE.sub("", pair.text):
            literal = _BLANKS.sub(" +", re.escape(before).replace("\\ ", " "))
            literal = re.sub(" [+]?$", " *", literal)  # numbers may be right-aligned
            groups.setdefault(group, f"{literal}(?P<{group}>[-+.\\w]+)")
    return ".*?".join(groups.values())


def _lines(path: Path) -> list[str]:
    try:
        with closing(GrowingFile(path)) as file:
            return list(text_lines(file.read(0, _BYTES)))
    except (OSError, UnreadableFileError):
        return []
