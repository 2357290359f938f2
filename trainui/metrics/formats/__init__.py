"""Metric file formats: the open ones, one decoder module each, and those of plugins.

Here: a format's decoder by its name, and the format of a file by its first bytes.
Read `decoder` first (the interface), then `jsonl` (a small decoder).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.csv_table import CsvTable, find_delimiter, has_numbers, split_cells
from trainui.metrics.formats.decoder import Decoder as Decoder
from trainui.metrics.formats.jsonl import JsonFile, JsonLines, are_no_lines
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import names_metric, pairs_of
from trainui.metrics.formats.text.text_lines import TextLines
from trainui.metrics.lenient import load_json, to_number
from trainui.pipeline.field_names import is_preset, presets
from trainui.plugin import Answer, Format, Refused, Tracker, registry
from trainui.plugin.registry import PluginError


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


def decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
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


HEAD_BYTES = 65_536
"""Bytes examined."""

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
    return answer if isinstance(answer, Answer) else Answer.NO


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
