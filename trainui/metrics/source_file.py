"""A file that may contain metrics, and how it is read: its decoder, and the decoder's options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainui import clock
from trainui.metrics import formats, lenient
from trainui.metrics.formats import HEAD_BYTES, Decoder, UnknownFormatError, detect, jsonl
from trainui.metrics.formats.decoder import (
    Decoded,
    flatten,
    is_configuration,
    names_part,
    step_fields,
)
from trainui.metrics.formats.text.pattern import PatternLines
from trainui.metrics.formats.text.single_values import SingleValues
from trainui.metrics.formats.text.text_lines import SOUGHT, TextLines
from trainui.metrics.tail import FileState, GrowingFile, UnreadableFileError
from trainui.store.points.chunks import NO_TIME, Points
from trainui.store.points.point_sources import EPOCHS, SourceRecord

WHOLE_BYTES = 64 << 20
"""The largest document that is read as a whole."""

SKIPPING, LEFT_OUT = "skipping", "left_out"
"""Keys in a source's state: its offset is inside a line that is being skipped; the offset of the
first record left out, and how many were."""

MAX_NAME = 256
"""Characters of a metric's name."""

_DOCUMENT = re.compile(rb'\s*\{\s*"')
_METRIC_WORDS = re.compile("metric|log|history|scalar|progress|loss")
"""Files with these words in their name contain metrics, whatever their first line is."""


@dataclass(frozen=True, slots=True)
class DecoderChoice:
    """How to read a source."""

    format: str | None = None
    """None: detected from the content."""
    step: str | None = None
    """The field or group with the step."""
    pattern: re.Pattern[str] | None = None
    """A pattern for log lines."""
    preset: str | None = None
    """The name of a preset, in place of a pattern."""
    single: str | None = None
    """Only lines that state this metric are read; empty: those that state a usual one once."""
    sought: str | None = None
    """The metric that a search asks for: a line that shows it is no chance match of a preset."""
    prefix: str = ""
    """Prefix of all metric names."""
    part: str = ""
    """Prefix of metric names that do not already say which part of the data they are of."""
    continues: bool = False
    """Its steps restart from zero at each attempt, and continue from the last attempt's."""
    doubtful: bool = False
    """The file was not named, so its content must show that it contains metrics."""


def find_decoder(
    file: GrowingFile, at: SourceRecord, reading: DecoderChoice, *, complete: bool
) -> Decoder | None:
    """Return the decoder that continues at a position; None while there are too few bytes.

    A file that is `complete` will not grow.

    Raises:
        UnknownFormatError: the format is unknown.
    """
    own = (SKIPPING, LEFT_OUT, EPOCHS)
    state = {name: value for name, value in at.state.items() if name not in own}
    if reading.single is not None:
        return SingleValues(reading.single, state)
    if reading.pattern is not None:
        return PatternLines(reading.pattern, reading.step, state)
    if reading.preset is not None:
        return TextLines(reading.step, state, is_named=True)
    known = at.format if at.rows or state else None
    if not at.offset and formats.is_document(known):
        known = None  # what looked like a document may be the first of many lines
    name = reading.format or known or _recognise(file, reading, complete=complete)
    if name is None:
        return None
    if formats.is_preset_too(name) and _DOCUMENT.match(file.read(0, HEAD_BYTES)) is None:
        return TextLines(reading.step, state, is_named=True)
    if name == "text" and reading.sought is not None:
        state.setdefault(SOUGHT, reading.sought)
    decoder = formats.decoder(name, reading.step, state, file.path)
    decoder.begin_at(at.offset)
    if at.offset and not state and decoder.name == "csv":
        head = file.read(0, HEAD_BYTES)
        decoder.decode(head[: decoder.cut(head)], 0)  # the header is at the start
    return decoder


def decoded_parts(path: Path, size: int, *, with_end: bool = False) -> Iterator[Decoded]:
    """Yield the content of a file's first `size` bytes, and of its last ones; none if too short.

    Raises:
        OSError: the file cannot be read, or UnreadableFileError.
        UnknownFormatError: the format is unknown, or the file does not contain metrics.
    """
    with closing(GrowingFile(path)) as file:
        reading = DecoderChoice(doubtful=True)
        decoder = find_decoder(file, SourceRecord(0, "", ""), reading, complete=False)
        if decoder is not None:
            end = max(0, file.look().size - size) if with_end else 0
            for offset in sorted({0, end}):
                block = file.read(offset, size)
                yield decoder.decode(block[: decoder.cut(block)], 0)


def _recognise(file: GrowingFile, reading: DecoderChoice, *, complete: bool) -> str | None:
    head = file.read(0, HEAD_BYTES)
    name = detect(head, file.path, complete=complete)
    if reading.doubtful and name == "jsonl" and not _are_metrics(head, file.path):
        raise UnknownFormatError(
            f"{file.path}: no metrics found; list it in `metrics` if it has some"
        )
    return name


def _are_metrics(head: bytes, path: Path) -> bool:
    """Return True if JSON lines are metrics and not data: they have a step, or only numbers."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    text = text if jsonl.are_no_lines(text) else b"\n".join(text.split(b"\n", 2)[:2])
    rows, _end = lenient.first_objects(text.decode("utf-8", "replace"))
    row = next((flatten(row) for row in rows if not is_configuration(row, None)), {})
    if _METRIC_WORDS.search(path.name.lower()):
        return True
    numbers = [isinstance(value, int | float) for value in row.values()]
    return any(numbers) and (all(numbers) or bool(step_fields(tuple(row), None)))


def read_whole(file: GrowingFile, look: FileState) -> bytes:
    """Return all bytes of a document.

    Raises:
        UnreadableFileError: it is too large to be read again at each change.
    """
    if look.size > WHOLE_BYTES:
        raise UnreadableFileError(
            f"{file.path} is a document of {look.size >> 20} MiB, too large to be read again at "
            f"each change (limit {WHOLE_BYTES >> 20} MiB); write JSON lines instead"
        )
    return file.read(0, look.size)


def with_times(series: Mapping[str, Points], look: FileState) -> dict[str, Points]:
    """Return points that all have a time: by default, when the file was last written."""
    when = min(clock.now(), look.modified // 1000)
    filled = {id(found.times): found.times for found in series.values()}  # columns share theirs
    filled = {key: np.where(times == NO_TIME, when, times) for key, times in filled.items()}
    return {
        name: Points(found.ordinals, found.steps, found.values, filled[id(found.times)])
        for name, found in series.items()
    }


def full_name(reading: DecoderChoice, name: str) -> str:
    """Return a metric's full name: distinct from other files' metrics, and fit for display.

    It has no control characters, and a limited length.
    """
    name = f"{reading.prefix}{'' if names_part(name) else reading.part}{name}"
    if not name.isprintable():
        name = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may contain metrics."""

    key: str
    """Identifies the source in the store, also after its history continues in another file."""
    path: Path
    reading: DecoderChoice
    family: str | None = None
    """Set for a file that was discovered: the same numbers in another kind of file are the same
    series."""
    named: bool = False
    """The stage names it, so finding no metrics in it is a problem."""
    ours: bool = True
    """It is in the stage's own directory, so no other program has written it."""
    is_fallback: bool = False
    """Log lines for people: their metrics are read where no file has the same."""
    is_final: bool = False
    """It is read once, when the attempt has ended: until then other files have the same metrics."""
    begin: int = 0
    """Bytes that were there before the attempt, so another program has written them."""
    run: str = ""
    """The id of a run, if the file is a tracker's database."""
    one_of_many: bool = False
    """It was found by a pattern, so another path may be the same file, renamed."""
