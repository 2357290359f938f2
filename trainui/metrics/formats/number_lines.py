"""JSON lines with only numbers and strings, decoded straight into a table of numbers.

Lines of several kinds, e.g. of training and evaluation, share one table: a line has a gap for each
field it does not have. Lines with anything else are left to the slower decoders.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from trainui.metrics.formats import labels, rows
from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.table import TableColumn
from trainui.metrics.formats.text.log_prefix import LEVELS, MESSAGES
from trainui.store.points.lazy_numpy import Floats

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
