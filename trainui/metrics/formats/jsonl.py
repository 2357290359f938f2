"""JSON: lines as rows, decoded at speed where all have the same keys, and whole files."""

from __future__ import annotations

import copy
import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, groupby, zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from trainui.metrics import lenient
from trainui.metrics.formats.decoder import (
    Decoded,
    Decoder,
    JsonRecord,
    TableColumn,
    WholeTable,
    find,
    flatten,
    is_configuration,
    is_count,
    names_settings,
    number_column,
    row_points,
    step_fields,
    table_points,
)
from trainui.metrics.formats.text.forms import LEVELS, MESSAGES, record_fields, record_message
from trainui.metrics.formats.text.state import LogState
from trainui.metrics.lenient import to_number
from trainui.model.headline_metric import names_part
from trainui.store.points.chunks import Floats, np

MAX_FIELDS = 500
"""A file with more fields does not contain metrics."""

_PATIENCE = 16
"""Parts for which this decoder is skipped after one that it could not decode."""

_GAP_BITS = 0x7FF8_0000_0000_0A3D

_PART_BYTES = 131_072
"""Bytes decoded at once: the results of more do not fit the CPU cache and take a third longer."""

(_GAP,) = struct.unpack("d", struct.pack("q", _GAP_BITS))
"""Marks a missing field: a NaN that no decoder produces."""

_STAND_INS = {
    b"-Infinity": (b"-3.141592653589e-309", float("-inf")),
    b"Infinity": (b"3.141592653589e-309", float("inf")),
    b"NaN": (b"2.718281828459e-309", float("nan")),
}
"""By what Python's json writes and no strict decoder reads: a number that no training reports as a
metric, and the value that it stands for."""

ANYTHING = msgspec.json.Decoder()
"""Decodes any JSON."""


# Lines with only numbers and strings are decoded straight into a table of numbers. Lines of several
# kinds, e.g. of training and evaluation, share one table: a line has a gap for each field that it
# does not have. Lines with anything else are left to the slower decoders.


class NumberLines:
    """Decodes such lines; learns their fields as they appear."""

    def __init__(self) -> None:
        self._numbers: tuple[str, ...] = ()
        self._texts: tuple[str, ...] = ()
        self._lines: msgspec.json.Decoder[Any] | None = None
        self._skipping = 0

    def values(self, part: bytes) -> Floats | None:
        """Return the numbers of whole lines, one row a line; None if they have anything else."""
        if self._skipping:
            self._skipping -= 1
            return None
        for way in (self._decode, self._decode_spelt, self._decode_new):
            try:
                return way(part)
            except (ValueError, RecursionError):
                continue
        self._skipping = _PATIENCE
        return None

    def columns(self, values: Floats) -> dict[str, TableColumn]:
        """Return the decoded numbers by field name."""
        columns = {}
        own = np.ascontiguousarray(values.T)
        present = own.view(np.int64) != _GAP_BITS
        everywhere = present.all(axis=1).tolist()
        # fields may have been added since: the table is as wide as its lines
        for at, name in enumerate(self._numbers[: len(own)]):
            if everywhere[at]:
                columns[name] = TableColumn(own[at])
            elif present[at].any():
                columns[name] = TableColumn(own[at], present[at])
        return columns

    def _decode_spelt(self, part: bytes) -> Floats:
        """Decode lines that contain a NaN or an infinity."""
        plain, count = _without_words(part)
        if not count:
            raise ValueError("there is none")
        values = self._decode(plain)
        for stand_in, value in _STAND_INS.values():
            met = values == float(stand_in)
            values[met] = value
            count -= int(np.count_nonzero(met))
        if count:
            raise ValueError("one of them stood in a text")
        return values

    def _decode_new(self, part: bytes) -> Floats:
        """Decode lines with fields not seen before."""
        plain, count = _without_words(part)
        self._learn(plain)
        return self._decode_spelt(part) if count else self._decode(part)

    def _learn(self, part: bytes) -> None:
        numbers, texts = dict.fromkeys(self._numbers), dict.fromkeys(self._texts)
        for row in ANYTHING.decode_lines(part):
            if not isinstance(row, dict):
                raise ValueError("no object")
            for name, value in row.items():
                if type(value) in (int, float):
                    numbers[name] = None
                elif type(value) is str:
                    texts[name] = None
                else:
                    raise ValueError("neither a number nor a text")
        known = len(self._numbers) + len(self._texts)
        if not known < len(numbers) + len(texts) <= MAX_FIELDS or numbers.keys() & texts.keys():
            raise ValueError("nothing new, or too much")
        _check_texts(tuple(numbers), tuple(texts))
        self._numbers, self._texts = tuple(numbers), tuple(texts)
        self._lines = _decoder(self._numbers, self._texts)

    def _decode(self, part: bytes) -> Floats:
        """Return the numbers of some lines, one row a line."""
        if self._lines is None or not self._numbers:
            raise ValueError("no field is known")
        lines = self._lines.decode_lines(part)
        texts = [attrgetter(f"text_{at}") for at in range(len(self._texts))]
        different = chain.from_iterable(set(map(text, lines)) for text in texts)
        if any(to_number(text) is not None for text in different):
            raise ValueError("a number is written as a text")
        width = len(self._numbers)
        numbers = chain.from_iterable(self._tuples(lines))
        values = np.fromiter(numbers, np.float64, len(lines) * width).reshape(len(lines), width)
        self._check_parts(lines, values)
        return values

    def _check_parts(self, lines: list[Any], values: Floats) -> None:
        """Raise ValueError if a line's text says what its numbers are, and none of their names."""
        named = [at for at, name in enumerate(self._numbers) if names_part(name)]
        if not named or not self._texts:
            return
        fields = find((*(one for one in self._numbers if not names_part(one)), *self._texts))
        if fields is None or fields.part not in self._texts:
            return
        text = attrgetter(f"text_{self._texts.index(fields.part)}")
        is_named = (np.ascontiguousarray(values[:, named]).view(np.int64) != _GAP_BITS).any(axis=1)
        if any(text(line) and not own for line, own in zip(lines, is_named.tolist(), strict=True)):
            raise ValueError("a text labels the numbers of a line")

    def _tuples(self, lines: list[Any]) -> Iterator[tuple[float, ...]]:
        if not self._texts:
            return map(msgspec.structs.astuple, lines)
        fields = [f"number_{at}" for at in range(len(self._numbers))]
        if len(fields) < 2:
            return ((getattr(row, field),) for row in lines for field in fields)
        return map(attrgetter(*fields), lines)


def _check_texts(numbers: tuple[str, ...], texts: tuple[str, ...]) -> None:
    """Raise ValueError if the texts of a line say what its numbers are, or have numbers."""
    if texts and find((*numbers, *texts)) is not None:
        raise ValueError("a text labels the numbers")
    if not set(texts).isdisjoint(MESSAGES) and not set(texts).isdisjoint(LEVELS):
        raise ValueError("a log's message may have numbers")
    if any(map(is_count, texts)):
        raise ValueError("a text counts something")
    if any(map(names_settings, (*numbers, *texts))):
        raise ValueError("a line may be no metrics")


def _without_words(part: bytes) -> tuple[bytes, int]:
    """Return lines with NaN and infinities replaced by numbers, and how many were replaced."""
    count = 0
    for word, (stand_in, _value) in _STAND_INS.items():
        if found := part.count(word):
            part, count = part.replace(word, stand_in), count + found
    return part, count


def _decoder(numbers: tuple[str, ...], texts: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder for lines that have some of these fields and no others."""
    fields: list[tuple[str, type, Any]] = [
        *((f"number_{at}", float, _GAP) for at in range(len(numbers))),
        *((f"text_{at}", str, "") for at in range(len(texts))),
    ]
    rename = {field: name for (field, *_), name in zip(fields, (*numbers, *texts), strict=True)}
    line = msgspec.defstruct("Line", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(line)


# JSON lines: one object a line, as most trainings that log to a file write them.
#
# Objects that span several lines, or follow each other without a separator, are read too, slower. A
# log record without a step is read by its message, as a printed line.


_BOM = b"\xef\xbb\xbf"
_SPREAD = re.compile(rb"(?:\xef\xbb\xbf)?[\s\0]*\{[ \t\r]*\n")
_SEVERAL = re.compile(rb"\}\s*\{")

_PRINTED = "printed"
"""Key in the state: the memory of the reader of messages."""


class JsonLines(Decoder):
    """Decodes JSON lines; the state is what printed messages need."""

    name = "jsonl"

    @cached_property
    def _numbers(self) -> NumberLines:
        return NumberLines()

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole lines, or of whole objects without line ends."""
        if are_no_lines(data):
            mark = len(_BOM) if data.startswith(_BOM) else 0
            end = lenient.first_objects(data[mark:].decode("latin-1"))[1]
            return end and mark + end
        return data.rfind(b"\n") + 1

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if a last line without a line end is a whole record."""
        del clean  # closing braces show it, however the writer ended
        return _load_leniently(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        if not first_row and block.startswith(_BOM):
            block = block[len(_BOM) :]
        if are_no_lines(block):
            rows, _end = lenient.first_objects(block.decode("utf-8", "replace"))
            return self._decode_rows(rows, first_row)
        whole = WholeTable()
        decoded = ((part, self._numbers.values(part)) for part in _parts(block))
        for width, group in groupby(decoded, key=_width):
            if width:
                values = np.concatenate(
                    [numbers for _part, numbers in group if numbers is not None]
                )
                whole.add(self._table(values, first_row + whole.records))
            else:
                for part, _nothing in group:
                    whole.add(self._decode_rows(self._rows(part), first_row + whole.records))
        return whole.decoded()

    def _table(self, values: Floats, first_row: int) -> Decoded:
        rows = np.arange(len(values), dtype=np.int64)
        columns = self._numbers.columns(values)
        series = table_points(
            columns, rows, first_row=first_row, step=self._step, epochs=self.epochs
        )
        return Decoded(series, len(values))

    def _decode_rows(self, rows: list[JsonRecord], first_row: int) -> Decoded:
        rows = self._metrics(rows)
        series = row_points(rows, first_row=first_row, step=self._step, epochs=self.epochs)
        return Decoded(series, len(rows))

    def _metrics(self, rows: list[JsonRecord]) -> list[JsonRecord]:
        memory = copy.deepcopy(self.state.get(_PRINTED, {}))
        printed, found = LogState(memory, []), list[JsonRecord]()
        for row in rows:
            text = record_message(row)
            if text is not None and not step_fields(tuple(row), self._step):
                row = record_fields(row)
            if text is not None and not step_fields(tuple(row), self._step):
                found += [one for line in text.splitlines() for one in printed.read(line)]
            elif not is_configuration(row, self._step):
                found.append(row)
        if memory:
            self.state = {**self.state, _PRINTED: memory}
        return found

    def _rows(self, part: bytes) -> list[JsonRecord]:
        """Return the objects of some lines."""
        found: list[Any] = []
        try:
            found = ANYTHING.decode_lines(part)
        except (ValueError, RecursionError):
            for line in filter(None, (line.strip(b" \t\r\0") for line in part.split(b"\n"))):
                try:
                    found.append(ANYTHING.decode(line))
                except (ValueError, RecursionError):
                    row = _load_leniently(line)
                    is_several = row is None and _SEVERAL.search(line)
                    text = line.decode("utf-8", "replace")
                    found += lenient.first_objects(text)[0] if is_several else [row]
        return [row for row in found if isinstance(row, dict)]


def are_no_lines(data: bytes) -> bool:
    """Return True if the first object spans several lines, or several objects share a line."""
    return _SPREAD.match(data) is not None or (
        b"\n" not in data and _SEVERAL.search(data) is not None
    )


def _width(decoded: tuple[bytes, Floats | None]) -> int:
    """Return the number of numeric fields; 0 for lines that have anything else."""
    _part, values = decoded
    return 0 if values is None else values.shape[1]


def _parts(block: bytes) -> Iterator[bytes]:
    """Yield whole lines of a block in parts small enough for the CPU cache."""
    at = 0
    while at < len(block):
        end = block.rfind(b"\n", at, at + _PART_BYTES) + 1 or block.find(b"\n", at) + 1
        end = end or len(block)
        yield block[at:end]
        at = end


def _load_leniently(line: bytes) -> JsonRecord | None:
    """Parse one line as Python's json does: with NaN, Infinity and numbers beyond floats."""
    text = line.strip(b" \t\r\n\0\x1e,").removeprefix(_BOM).decode("utf-8", "replace")
    row = lenient.load_json(text)
    return row if isinstance(row, dict) else None


# A JSON document: records in one of many shapes, or the newest values alone.
#
# A document is rewritten at each change, so it is always read as a whole. In an unfinished list,
# and in concatenated objects, the complete objects are read.

_STEP = "step"
_NUMBERED = re.compile(r"(?:(?:epoch|step|iter|iteration|round|fold)[ _-]?)?(-?\d+)", re.IGNORECASE)

_GROUPS = ("learn", "test")
"""The lists of unnamed numbers in each iteration of CatBoost's log; `meta` has their names."""


class JsonFile(Decoder):
    """Decodes a document."""

    name = "json"
    whole = True
    records: str | None = None
    """The name of its list of records, if all such documents have the same."""

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
        *,
        alone: bool = True,
        is_summary: bool = False,
    ) -> None:
        """Start, or continue from a stored state.

        If no other file has its values (`alone`), a single record's step is a metric too. Those of
        a summary have no steps.
        """
        super().__init__(step, state, path)
        self._alone = alone
        self._is_summary = is_summary

    def cut(self, data: bytes) -> int:
        """Return the document's length; 0 while it is incomplete."""
        return len(data) if _load(data) is not None else 0

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if a document that no longer grows is complete."""
        del clean  # closing brackets show it, however the writer ended
        return _load(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode the document."""
        document = _load(block)
        records = document.get(self.records) if isinstance(document, dict) else None
        rows = find_rows(records if isinstance(records, list) else document)
        self.state["snapshot"] = len(rows) == 1 and rows[0] is document
        if self.state["snapshot"]:
            return self._decode_newest(rows[0], first_row)
        series = row_points(rows, first_row=first_row, step=self._step, epochs=self.epochs)
        return Decoded(series, len(rows))

    def _decode_newest(self, document: JsonRecord, first_row: int) -> Decoded:
        """Decode newest values, which have no history."""
        first_row = 0 if self._is_summary else first_row
        fields = flatten(document)
        step = next(iter(step_fields(tuple(fields), self._step)), None)
        series = row_points([fields], first_row=first_row, step=self._step)
        if self._is_summary:
            series = {name: replace(found, steps=found.steps * 0) for name, found in series.items()}
        own = None if step is None else number_column([fields[step]])
        if self._alone and step is not None and series and own is not None:
            series[step] = replace(next(iter(series.values())), values=own.values)
        steps = [found.steps[0].item() for found in series.values()]
        self.replaces = bool(steps) and max(steps) <= self.state.get("step", -math.inf)
        if steps:
            self.state["step"] = max(steps)
        return Decoded(series, 1)


def _load(data: bytes) -> Any:
    text = data.strip(b"\0 \t\r\n").decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return lenient.load_objects(text)


def find_rows(document: Any) -> Sequence[JsonRecord]:
    """Return the records of a document, in any of the usual shapes.

    These are a list of records, also below a name; lists of numbers by name, with or without their
    steps; records by step; pandas' columns and rows. Any other document is itself the only record.
    """
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    if not isinstance(document, dict):
        return []
    lists = [value for value in document.values() if isinstance(value, list)]
    records = [rows for rows in lists if rows and all(isinstance(row, dict) for row in rows)]
    if records:
        names = _catboost_names(document.get("meta"))
        return [_named(row, names) for row in max(records, key=len)]
    if [] in lists:
        return []  # its list has no records yet
    if document.keys() <= {"columns", "index", "data"} and "columns" in document:
        return _of_table(document)
    if any(_are_numbers(value) for value in document.values()):
        return _transposed(document)
    if pairs := {name: value for name, value in document.items() if _are_pairs(value)}:
        return _by_step(pairs)
    inner = {name: value for name, value in document.items() if isinstance(value, dict)}
    return _nested(document, inner) if inner else [document]


def _nested(document: JsonRecord, inner: Mapping[str, JsonRecord]) -> Sequence[JsonRecord]:
    """Return the records of a document that has records inside it."""
    if len(inner) == len(document):
        if all(map(_NUMBERED.fullmatch, document)):
            return [{_STEP: _number_in(name), **row} for name, row in inner.items()]
        if all(row and all(map(_NUMBERED.fullmatch, row)) for row in inner.values()):
            return [
                {_STEP: _number_in(at), name: value}
                for name, row in inner.items()
                for at, value in row.items()
            ]
    stepped = {  # as Sacred writes them
        name: zip(row["steps"], row["values"], strict=False)
        for name, row in inner.items()
        if isinstance(row.get("steps"), list) and isinstance(row.get("values"), list)
    }
    if stepped:
        return _by_step(stepped)
    lists = {
        name if len(inner) == 1 else f"{group}/{name}": value
        for group, row in inner.items()
        for name, value in row.items()
        if _are_numbers(value)
    }
    return _transposed(lists) if lists else [document]


def _number_in(name: str) -> int:
    found = _NUMBERED.fullmatch(name)
    assert found is not None
    return int(found[1])


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, int | float) for item in value)


def _are_pairs(value: Any) -> bool:
    """Return True if a value is a list of (step, value) pairs."""
    pairs = value if isinstance(value, list) else ()
    return bool(pairs) and all(_are_numbers(pair) and len(pair) == 2 for pair in pairs)


def _by_step(series: Mapping[str, Iterable[Sequence[Any]]]) -> list[JsonRecord]:
    """Return the records of lists of (step, value) pairs that all grow at their end."""
    rows: dict[tuple[float, int], dict[str, Any]] = {}
    for name, points in series.items():
        met = Counter[float]()
        for step, value in points:
            if isinstance(step, int | float):
                rows.setdefault((step, met[step]), {_STEP: step})[name] = value
                met[step] += 1
    return [rows[at] for at in sorted(rows)]


def _of_table(document: JsonRecord) -> list[JsonRecord]:
    """Return the records of a table as pandas splits it: column names, then rows."""
    names = [str(name) for name in document["columns"] if not isinstance(name, list)]
    rows = [row for row in document.get("data") or () if isinstance(row, list)]
    return [dict(zip(names, row, strict=False)) for row in rows]


def _transposed(document: JsonRecord) -> list[JsonRecord]:
    """Return the records of lists by name; a shorter list has no points in the last records."""
    lists = {name: value for name, value in document.items() if _are_numbers(value)}
    return [dict(zip(lists, values, strict=True)) for values in zip_longest(*lists.values())]


def _catboost_names(meta: Any) -> Mapping[str, Sequence[str]]:
    if not isinstance(meta, dict):
        return {}
    return {
        part: [str(metric.get("name")) for metric in meta.get(f"{group}_metrics") or ()]
        for group in _GROUPS
        for part in meta.get(f"{group}_sets") or (group,)
    }


def _named(row: JsonRecord, names: Mapping[str, Sequence[str]]) -> JsonRecord:
    """Return a record with names given to its unnamed numbers."""
    named = dict(row)
    for group, metrics in names.items():
        if isinstance(values := named.pop(group, None), list):
            named[group] = dict(zip(metrics, values, strict=False))
    return named
