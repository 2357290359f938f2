"""JSON lines: one object a line, as most trainings that log to a file write them.

Objects that span several lines, or follow each other without a separator, are read too, slower. A
log record without a step is read by its message, as a printed line.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from trainui.metrics.formats import lenient_json
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.number_lines import ANYTHING, NumberLines
from trainui.metrics.formats.rows import Row, is_configuration, row_points
from trainui.metrics.formats.table import Decoded, WholeTable, step_fields, table_points
from trainui.metrics.formats.text.log_prefix import record_fields, record_message
from trainui.metrics.formats.text.presets.print_statements import PrintStatements
from trainui.store.points.lazy_numpy import Floats

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
            end = lenient_json.first_objects(data[mark:].decode("latin-1"))[1]
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
            rows, _end = lenient_json.first_objects(block.decode("utf-8", "replace"))
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
        printed, found = PrintStatements(memory), list[Row]()
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
                    found += lenient_json.first_objects(text)[0] if is_several else [row]
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
    row = lenient_json.load(text)
    return row if isinstance(row, dict) else None
