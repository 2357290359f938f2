"""Metric file formats: the open ones, one decoder module each, and those of plugins.

Here: a format's decoder by its name, the format of a file by its first bytes, and sources: files
that may contain metrics, each with its decoder and the decoder's options.
Read `decoder` first (the interface), then `csv_table` (a small decoder).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from trainui import clock
from trainui.errors import TrainuiError
from trainui.metrics import lenient
from trainui.metrics.formats.csv_table import CsvTable, find_delimiter, has_numbers, split_cells
from trainui.metrics.formats.decoder import (
    Decoded,
    flatten,
    is_configuration,
    step_fields,
)
from trainui.metrics.formats.decoder import Decoder as Decoder
from trainui.metrics.formats.jsonl import JsonFile, JsonLines, are_no_lines
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import names_metric, pairs_of
from trainui.metrics.formats.text.pattern import PatternLines
from trainui.metrics.formats.text.text_lines import SOUGHT, SingleValues, TextLines
from trainui.metrics.lenient import load_json, to_number
from trainui.metrics.tail import FileState, GrowingFile, UnreadableFileError
from trainui.model.headline_metric import names_part
from trainui.pipeline.field_names import is_preset, presets
from trainui.plugin import Answer, Format, Refused, Tracker, registry
from trainui.plugin.registry import PluginError
from trainui.record import dataclass
from trainui.store.points.chunks import NO_TIME, Points, np
from trainui.store.points.point_sources import EPOCHS, SourceRecord

HEAD_BYTES = 65_536
"""Bytes at the beginning of a file by which its format is recognised."""

WHOLE_BYTES = 64 << 20
"""The largest document that is read as a whole."""

MAX_NAME = 256
"""Characters of a metric's name."""


class UnknownFormatError(TrainuiError):
    """The format of a file was not recognised; the message says what to write instead."""

    code = "unknown_format"


CORE: dict[str, Callable[[str | None, dict[str, Any], Path], Decoder]] = {
    "jsonl": JsonLines,
    "csv": CsvTable,
    "tsv": CsvTable,
    "json": JsonFile,
    "text": TextLines,
}
"""Makers of decoders of the open formats by the name in a source's `format`; they take the
arguments of `Decoder`. `text` means printed lines. All others are plugins."""


def make_decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return a decoder of a format, or of a preset's lines, by its name.

    Raises:
        UnknownFormatError: there is no such format or preset.
        PluginError: the plugin with the format cannot be used.
    """
    if name == JsonFile.name:
        return JsonFile(step, state, path, is_summary=_is_summary(path))
    if (make := CORE.get(name)) is not None:
        return make(step, state, path)
    if (plugin := registry.find(Format, name)) is not None:
        made: Decoder = registry.run(plugin, plugin.decoder, step, state, path)
        with registry.guarded(plugin):  # it may be anything
            made.plugin = plugin
        return made
    if is_preset(name):
        return TextLines(step, state, is_named=True)
    if (tracker := registry.find(Tracker, name)) is not None:
        raise UnknownFormatError(
            f"{path} is not a database of {tracker.label}; leave its format out"
        )
    known = sorted({*CORE, *registry.names(Format)})
    raise UnknownFormatError(
        f"unknown format {name!r}; known: {', '.join(known)}, and the presets "
        f"({', '.join(presets())}); or leave it out to have it detected from the content"
    )


def _is_summary(path: Path) -> bool:
    """Return True if a plugin says that a file only has the last values of other files."""
    asked = (registry.ask(one, one.find, path, None) for one in registry.records(Format))
    return any(found is not None and found.is_final for found in asked)


def is_document(name: str | None) -> bool:
    """Return True if files of a format are read from the first byte at each change."""
    return name == JsonFile.name or any(
        one.is_document for one in registry.records(Format) if one.name == name
    )


def is_preset_too(name: str) -> bool:
    """Return True if a name is both a format's and a preset's: the first bytes decide."""
    return any(one.is_preset_too for one in registry.records(Format) if one.name == name)


_BOM = b"\xef\xbb\xbf"
_COMPRESSED = "is compressed; have the metrics written as plain text, or name the file that is not"
_WIDE = "is written in UTF-16; have it written in UTF-8"
_BINARIES = {
    b"\x1f\x8b": _COMPRESSED,
    b"BZh": _COMPRESSED,
    b"\xfd7zXZ": _COMPRESSED,
    b"\x28\xb5\x2f\xfd": _COMPRESSED,
    b"PK\x03\x04": "is a zip archive; name the file that contains metrics",
    b"SQLite format 3": "is an SQLite database; export its metrics, as JSON lines for example",
    b"\xff\xfe": _WIDE,
    b"\xfe\xff": _WIDE,
}
"""Messages for binary files that cannot contain readable metrics, by their first bytes."""

_NO_TEXT = bytes({*range(32)} - {*b"\t\n\f\r\b\x1b"})
"""Control characters, which no text has, whatever its encoding, but the terminal's."""

_JSON = re.compile(
    # An object or a list of objects; `[0] loss: 0.5` and `{'loss': 0.5}` are log lines.
    rb'\{\s*(?:["}]|\Z)|\[\s*(?:\{\s*(?:["}]|\Z)|\]|\Z)'
)


def detect(head: bytes, path: Path, *, complete: bool) -> str | None:
    """Return the name of a file's format; None while there are too few bytes to decide.

    A file that is `complete` will not grow beyond these bytes.

    Raises:
        UnknownFormatError: the format is unknown.
    """
    if (why := registry.why_left_alone(path.name)) is not None:
        raise UnknownFormatError(f"{path}: {why}")
    waits = False
    for plugin in registry.records(Format):
        answer = Answer.NO if plugin.refines else _answer(plugin, head, path, complete=complete)
        if answer is Answer.YES:
            return plugin.name
        waits |= answer is Answer.MORE
    text = head.removeprefix(_BOM).lstrip(b" \t\r\n\0")
    if not text:
        return None
    if _JSON.match(text):
        return _which_json(text, path, complete=complete)
    if waits and not complete:
        return None
    if b"\0" in text or len(text.translate(None, _NO_TEXT)) < 0.95 * len(text):
        raise UnknownFormatError(f"{path} {_describe_binary(head)}")
    return _which_text(text, path, complete=complete)


def _answer(plugin: Format, head: bytes, path: Path, *, complete: bool) -> Answer:
    """Return what a plugin says about a file.

    Raises:
        UnknownFormatError: it refuses the file.
        PluginError: it has failed for a file that is named as its own.
    """
    if not plugin.recognise:
        return Answer.NO
    try:
        answer = registry.run(plugin, plugin.recognise, head, path, complete)
    except PluginError:
        if plugin.fits(path.name):
            raise
        return Answer.NO
    if isinstance(answer, Refused):
        raise UnknownFormatError(f"{path} {answer.reason}")
    return answer or Answer.NO


def _refined(name: str, head: bytes, path: Path, *, complete: bool) -> str:
    """Return the name of the plugin that a JSON file is of, else the given one."""
    for plugin in registry.records(Format):
        if plugin.refines == name:
            answer = _answer(plugin, head, path, complete=complete)
            if answer is Answer.YES:
                return plugin.name
    return name


def _which_json(text: bytes, path: Path, *, complete: bool) -> str | None:
    line, end, _rest = text.partition(b"\n")
    document = _refined("json", text, path, complete=complete)
    if text[:1] == b"[":
        return "json" if complete or text.strip() != b"[" else None
    if path.suffix == ".jsonl" and (end or are_no_lines(text)):
        return _refined("jsonl", line, path, complete=complete)
    if end:
        first = _load(line)
        if isinstance(first, dict):
            return _refined("jsonl", line, path, complete=complete)
        return document
    if path.suffix == ".jsonl":
        return "jsonl" if complete or len(text) >= HEAD_BYTES // 2 else None
    if _load(text) is not None and (complete or path.suffix == ".json"):
        return document  # else its line feed may still come
    # One long line so far: an unfinished document, or the beginning of one.
    return document if complete or len(text) >= HEAD_BYTES // 2 else None


def _load(text: bytes) -> Any:
    return load_json(text.strip(b"\0 \t\r\n,").decode("utf-8", "replace"))


def _describe_binary(text: bytes) -> str:
    """Describe some binary data, and say what to do."""
    for begins, words in _BINARIES.items():
        if text.startswith(begins):
            return words
    if len(text) > 1 and not (any(text[::2]) and any(text[1::2])) and any(text):
        return _WIDE  # without a byte order mark
    return "is binary, in no known format; name the file that contains metrics"


def _which_text(text: bytes, path: Path, *, complete: bool) -> str | None:
    """Return `csv` for a table, else `text`: a preset may read its lines."""
    lines = [line for line in re.split(r"[\r\n]+", text.decode("utf-8", "replace")) if line.strip()]
    if not text.endswith(b"\n") and not complete:
        lines = lines[:-1]
    rows = [line for line in lines if not line.startswith("#{")]
    plain = [line for line in rows if not line.startswith("#")]
    rows = (plain if len(plain) > 1 else rows)[:2]
    if len(rows) < 2 and not complete:
        return None
    # `loss.txt` may have one number a line
    is_column = names_metric(path.stem) and all(to_number(row) is not None for row in rows)
    named = path.suffix in (".csv", ".tsv") or is_column
    return "csv" if rows and _is_table(rows, named=named) else "text"


def _is_table(rows: list[str], *, named: bool) -> bool:
    """Return True if a header and a row, or two rows, have the same cells, numbers among them.

    A file that is named so is a table, unless it has lines like `epoch: 1, loss: 0.5`.
    """
    if named:
        return not all(len(pairs_of(row)) > 1 and not has_numbers(row) for row in rows)
    rows = [rows[0].lstrip("# "), *rows[1:]]
    delimiter = find_delimiter(rows[0], rows[1:])
    if delimiter.isspace() and any(message(row) != row for row in rows):
        return False  # a logger's lines
    cells = split_cells(rows, delimiter)
    head, values = (
        [to_number(cell) is not None for cell in line] for line in (cells[0], cells[-1])
    )
    same_width = len(cells) == 2 and len(head) == len(values) > 1
    return same_width and (all(head) or not any(head)) and 2 * sum(values) >= len(values)


# Sources.


SKIPPING, LEFT_OUT = "skipping", "left_out"
"""Keys in a source's state: its offset is inside a line that is being skipped; the offset of the
first record left out, and how many were."""


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
    if not at.offset and is_document(known):
        known = None  # what looked like a document may be the first of many lines
    name = reading.format or known or _recognise(file, reading, complete=complete)
    if name is None:
        return None
    if is_preset_too(name) and _DOCUMENT.match(file.read(0, HEAD_BYTES)) is None:
        return TextLines(reading.step, state, is_named=True)
    if name == "text" and reading.sought is not None:
        state.setdefault(SOUGHT, reading.sought)
    decoder = make_decoder(name, reading.step, state, file.path)
    decoder.begin_at(at.offset)
    if at.offset and not state and decoder.name == "csv":
        head = file.read(0, HEAD_BYTES)
        decoder.decode(head[: decoder.cut(head)], 0)  # the header is at the start
    return decoder


def decoded_parts(path: Path, size: int) -> Iterator[Decoded]:
    """Yield the content of a file's first `size` bytes, and of its last ones; none if too short.

    Raises:
        OSError: the file cannot be read, or UnreadableFileError.
        UnknownFormatError: the format is unknown, or the file does not contain metrics.
        PluginError: the plugin with the format has failed.
    """
    with closing(GrowingFile(path)) as file:
        reading = DecoderChoice(doubtful=True)
        decoder = find_decoder(file, SourceRecord(0, "", ""), reading, complete=False)
        if decoder is not None:
            end = max(0, file.look().size - size)
            plugin = decoder.plugin
            for offset in sorted({0, end}):
                block = file.read(offset, size)
                with nullcontext() if plugin is None else registry.guarded(plugin):
                    decoded = decoder.decode(block[: decoder.cut(block)], 0)
                yield decoded


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
    text = text if are_no_lines(text) else b"\n".join(text.split(b"\n", 2)[:2])
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
