"""JSON lines: records as rows, or decoded at speed where all lines have the same keys."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from trainui.metrics.formats import labels, lenient_text, rows
from trainui.metrics.formats.decoder import (
    Decoded,
    Decoder,
    TableColumn,
    WholeTable,
    step_fields,
    table_points,
)
from trainui.metrics.formats.lenient_text import to_number
from trainui.metrics.formats.rows import Row, is_configuration, row_points
from trainui.metrics.formats.text.log_lines import LEVELS, MESSAGES, record_fields, record_message
from trainui.metrics.formats.text.state import LogState
from trainui.store.points.chunks import Floats

# Lines with only numbers and strings are decoded straight into a table of numbers. Lines of several
# kinds, e.g. of training and evaluation, share one table: a line has a gap for each field that it
# does not have. Lines with anything else are left to the slower decoders.


MAX_FIELDS = 500
"""A file with more fields does not contain metrics."""

_PATIENCE = 16
"""Parts for which this decoder is skipped after one that it could not decode."""

_GAP_BITS = 0x7FF8_0000_0000_0A3D
_GAP = float(np.array(_GAP_BITS).view(np.float64))
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
        return np.fromiter(numbers, np.float64, len(lines) * width).reshape(len(lines), width)

    def _tuples(self, lines: list[Any]) -> Iterator[tuple[float, ...]]:
        if not self._texts:
            return map(msgspec.structs.astuple, lines)
        fields = [f"number_{at}" for at in range(len(self._numbers))]
        if len(fields) < 2:
            return ((getattr(row, field),) for row in lines for field in fields)
        return map(attrgetter(*fields), lines)


def _check_texts(numbers: tuple[str, ...], texts: tuple[str, ...]) -> None:
    """Raise ValueError if the texts of a line say what its numbers are, or have numbers."""
    if texts and labels.find((*numbers, *texts)) is not None:
        raise ValueError("a text labels the numbers")
    if not set(texts).isdisjoint(MESSAGES) and not set(texts).isdisjoint(LEVELS):
        raise ValueError("a log's message may have numbers")
    if any(map(rows.is_count, texts)):
        raise ValueError("a text counts something")
    if any(map(rows.names_settings, (*numbers, *texts))):
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

_PART_BYTES = 131_072
"""Bytes decoded at once: the results of more do not fit the CPU cache and take a third longer."""


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
            end = lenient_text.first_objects(data[mark:].decode("latin-1"))[1]
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
            rows, _end = lenient_text.first_objects(block.decode("utf-8", "replace"))
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
        series = table_points(columns, rows, first_row=first_row, step=self._step)
        return Decoded(series, len(values))

    def _decode_rows(self, rows: list[Row], first_row: int) -> Decoded:
        rows = self._metrics(rows)
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))

    def _metrics(self, rows: list[Row]) -> list[Row]:
        memory = copy.deepcopy(self.state.get(_PRINTED, {}))
        printed, found = LogState(memory, []), list[Row]()
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

    def _rows(self, part: bytes) -> list[Row]:
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
                    found += lenient_text.first_objects(text)[0] if is_several else [row]
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


def _load_leniently(line: bytes) -> Row | None:
    """Parse one line as Python's json does: with NaN, Infinity and numbers beyond floats."""
    text = line.strip(b" \t\r\n\0\x1e,").removeprefix(_BOM).decode("utf-8", "replace")
    row = lenient_text.load_json(text)
    return row if isinstance(row, dict) else None
