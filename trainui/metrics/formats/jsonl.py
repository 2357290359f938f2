"""JSON lines: an object a line, as most trainings that log to a file write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from trainui.metrics.formats.rows import Row, row_points
from trainui.metrics.formats.table import Column, Decoded, table_points
from trainui.store.chunks import Points

_BOM = b"\xef\xbb\xbf"

_PATIENCE = 16
"""Blocks for which the fast way is not tried after one that it could not decode."""


class JsonLines:
    """Decodes JSON lines; it remembers nothing between blocks that matters."""

    name = "jsonl"
    whole = False

    def __init__(self, step: str | None = None, state: dict[str, Any] | None = None) -> None:
        self.state: dict[str, Any] = state or {}
        self._step = step
        self._numbers = msgspec.json.Decoder(dict[str, float])
        self._names: tuple[str, ...] = ()
        self._anything = msgspec.json.Decoder()
        self._lines: msgspec.json.Decoder[Any] = self._anything
        self._slow_blocks = 0

    def cut(self, data: bytes) -> int:
        """Return how many bytes of whole lines there are."""
        return data.rfind(b"\n") + 1

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Tell whether a last line without a line end is a record all the same."""
        del clean  # braces tell, whoever wrote them
        return _load_leniently(rest) is not None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        if not first_row and block.startswith(_BOM):
            block = block[len(_BOM) :]
        return self._decode_numbers(block, first_row) or self._decode_anything(block, first_row)

    def finish(self, first_row: int) -> Decoded:
        """Return nothing: each line stands for itself."""
        del first_row
        return Decoded()

    def _decode_numbers(self, block: bytes, first_row: int) -> Decoded | None:
        """Decode lines that hold numbers only, all with the same fields; None for any others."""
        if self._slow_blocks:
            self._slow_blocks -= 1
            return None
        try:
            names = tuple(self._numbers.decode(block[: block.index(b"\n") + 1]))
            rows = self._same_fields(names).decode_lines(block)
        except (ValueError, RecursionError):  # a text, a NaN, an object, other fields
            self._slow_blocks = _PATIENCE
            return None
        values = np.fromiter(
            chain.from_iterable(map(msgspec.structs.astuple, rows)),
            np.float64,
            len(rows) * len(names),
        )
        return _table(names, values.reshape(len(rows), len(names)), first_row, self._step)

    def _same_fields(self, names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
        """Return a decoder of lines that all have these fields: twice as fast as any other."""
        if names != self._names:
            fields = [(f"field_{at}", float) for at in range(len(names))]
            rename = {field: name for (field, _type), name in zip(fields, names, strict=True)}
            line = msgspec.defstruct(
                "Line", fields, rename=rename, forbid_unknown_fields=True, gc=False
            )
            self._names, self._lines = names, msgspec.json.Decoder(line)
        return self._lines

    def _decode_anything(self, block: bytes, first_row: int) -> Decoded:
        try:
            found = self._anything.decode_lines(block)
        except (ValueError, RecursionError):
            return self._decode_line_by_line(block, first_row)
        return self._decoded([row for row in found if isinstance(row, dict)], len(found), first_row)

    def _decode_line_by_line(self, block: bytes, first_row: int) -> Decoded:
        rows, lines = [], 0
        for line in block.split(b"\n"):
            if line.strip(b" \t\r\0"):
                lines += 1
                try:
                    row = self._anything.decode(line)
                except (ValueError, RecursionError):
                    row = _load_leniently(line)
                if isinstance(row, dict):
                    rows.append(row)
        return self._decoded(rows, lines, first_row)

    def _decoded(self, rows: Sequence[Row], lines: int, first_row: int) -> Decoded:
        series = row_points(rows, first_row=first_row, step=self._step)
        return Decoded(series, len(rows), lines - len(rows))


def _table(
    names: tuple[str, ...], values: np.ndarray[Any, Any], first_row: int, step: str | None
) -> Decoded:
    columns = {name: Column(np.ascontiguousarray(values[:, at])) for at, name in enumerate(names)}
    rows = np.arange(len(values), dtype=np.int64)
    series: dict[str, Points] = table_points(columns, rows, first_row=first_row, step=step)
    return Decoded(series, len(values))


def _load_leniently(line: bytes) -> Row | None:
    """Read one line as Python's json does, so with NaN, Infinity and numbers beyond floats."""
    try:
        text = line.strip(b" \t\r\n\0").removeprefix(_BOM).decode("utf-8", "replace")
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
