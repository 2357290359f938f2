"""Text tables with or without a header; cells are split by commas, semicolons, tabs or spaces."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from trainui.metrics.formats.decoder import (
    Decoded,
    Decoder,
    TableColumn,
    WholeTable,
    find,
    split,
    table_points,
)
from trainui.metrics.formats.text.names import names_metric
from trainui.metrics.lenient import numbers_with_unit, to_number
from trainui.store.points.chunks import Points, np

_DELIMITERS = (",", ";", "\t", "|")
_SPACES = " "
"""The delimiter that means any run of blanks."""
_HELD = "held"
"""Key in the state: a first line that can only be interpreted with the next one."""
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
Cells = list[str]
MAX_QUOTED_BYTES = 65_536
"""Bytes of lines held back until a quote is closed; a longer quote is taken for a mistake."""


class CsvTable(Decoder):
    """Decodes rows; the state keeps the header and the delimiter."""

    name = "csv"

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole rows; a quoted cell may span several lines."""
        end = data.rfind(b"\n") + 1
        begun = _begun_row(data[:end]) if b'"' in data else None
        return end if begun is None else begun

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if a last line without a line end is a whole record.

        It is not if the writer was killed: `0.12` may be the beginning of `0.1234`.
        """
        if "columns" not in self.state:
            whole = CsvTable(self._step, dict(self.state))
            return clean and bool(whole.decode(rest, 0).records)
        rows = self._rows(_text(rest))
        names = self.state.get("columns") or ()
        return clean and bool(rows) and len(rows[-1]) == len(names) and bool(rows[-1][-1].strip())

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        text = _text(block)
        if "columns" not in self.state:
            text = self._read_header(text)
        whole = WholeTable()
        for rows in self._parts(self._rows(text)):
            whole.add(Decoded(self._table(rows, first_row + whole.records), len(rows)))
        return whole.decoded()

    def _read_header(self, text: str) -> str:
        """Find the header in the first lines; return the text after it.

        A header that can only be recognised with the line after it is held back until then.
        """
        held = self.state.pop(_HELD, "")
        lines = [line.strip("\r\ufeff") for line in f"{held}{text}".split("\n")]
        for at, head in enumerate(lines):
            if not head.strip() or head.startswith("#{"):
                continue
            following = next((line for line in lines[at + 1 :] if line.strip()), None)
            if following is None and _is_ambiguous(head):
                self.state[_HELD] = f"{head}\n"
                return ""
            delimiter = find_delimiter(head.lstrip("#"), [following] if following else [])
            if following is not None and _is_comment(head, following, delimiter):
                continue
            cells = split_cells([head], delimiter)[0]
            self.state["delimiter"] = delimiter
            if any(to_number(cell) is not None for cell in cells):
                self._name_by_number(cells)
                return "\n".join(lines[at:])
            self._name(split_cells([head.lstrip("#")], delimiter)[0])
            return "\n".join(lines[at + 1 :])
        return ""

    def _name(self, cells: Cells) -> None:
        """Use a header's cells as column names; a repeated name gets a number."""
        names: list[str] = []
        for cell in cells:
            name, count = cell.strip(), 0
            while name and (f"{name}.{count}" if count else name) in names:
                count += 1
            names.append(f"{name}.{count}" if count else name)
        self.state["columns"] = names
        self.state.pop("step", None)

    def _name_by_number(self, cells: Cells) -> None:
        """Name the columns of a table without a header; a first column of integers is the step."""
        self.state["columns"] = names = [str(at) for at in range(len(cells))]
        first = to_number(cells[0])
        if len(cells) > 1 and first is not None and first >= 0 and first.is_integer():
            self.state["step"] = "0"
        others = len(names) - ("step" in self.state)
        # a single column is named by its file, as in `loss.txt`
        if others == 1 and self._path is not None and names_metric(self._path.stem):
            names[-1] = self._path.stem

    def _rows(self, text: str) -> list[Cells]:
        lines = text.replace("\r", "").split("\n")
        if '"' in text and self.state["delimiter"] != _SPACES:
            lines = _joined_rows(lines, self.state["delimiter"])
        lines = [line for line in lines if line.strip()]
        if "#" in text:
            lines = [line for line in lines if not self._is_comment_line(line)]
        return split_cells(lines, self.state["delimiter"]) if lines else []

    def _is_comment_line(self, line: str) -> bool:
        """Return True if a line between rows is a comment for people and not another header."""
        if not line.startswith("#"):
            return False
        cells = split_cells([line.lstrip("# ")], self.state["delimiter"])
        return not cells or not self._is_header(cells[0])

    def _parts(self, rows: list[Cells]) -> Iterator[list[Cells]]:
        """Yield the rows between headers, reading each header before the rows after it.

        A second run that appends to a file may write the header again, or another one.
        """
        start = 0
        for at, cells in enumerate(rows):
            if cells[0].lstrip("# ")[:1].isalpha() and self._is_header(cells):
                yield rows[start:at]
                self._name([cells[0].lstrip("# "), *cells[1:]])
                start = at + 1
        if start < len(rows):
            yield rows[start:]

    def _is_header(self, cells: Cells) -> bool:
        """Return True if a row is a header: no numbers, and half of its names or more are known."""
        names = set(self.state["columns"]) - {""}
        found = [cell.strip("# ") for cell in cells]
        known = sum(cell in names for cell in found)
        return 2 * known >= len(found) and all(to_number(cell) is None for cell in found)

    def _table(self, rows: list[Cells], first_row: int) -> dict[str, Points]:
        names = self.state["columns"]
        if not rows:
            return {}
        if {len(cells) for cells in rows} != {len(names)}:
            rows = [(cells + [""] * len(names))[: len(names)] for cells in rows]
        words = dict(zip(names, zip(*rows, strict=True), strict=True))
        columns = {
            name: column
            for name, cells in words.items()
            if name and (column := self._column(cells)) is not None
        }
        numbers = np.arange(len(rows), dtype=np.int64)
        step = self._step or self.state.get("step")
        series = table_points(columns, numbers, first_row=first_row, step=step, epochs=self.epochs)
        fields = find(tuple(names))
        if fields is None:
            return series
        parts = split(series, fields, numbers, words)
        self.epochs.update(parts if self.epochs.intersection(series) else ())
        return parts

    def _column(self, cells: Sequence[str]) -> TableColumn | None:
        try:
            return TableColumn(np.array(cells, np.float64))
        except ValueError:  # a blank cell, or text
            numbers = [self._number(cell) for cell in cells]
        if all(number is None for number in numbers):
            numbers = numbers_with_unit(cells)
        present = np.array([number is not None for number in numbers])
        if not present.any():
            return None
        return TableColumn(np.array([number or 0.0 for number in numbers], np.float64), present)

    def _number(self, cell: str) -> float | None:
        if self.state["delimiter"] == ";" and _DECIMAL_COMMA.fullmatch(cell):
            cell = cell.replace(",", ".")
        return to_number(cell)


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    # Text with only carriage returns (old Mac line ends) is one long line until the file's end.
    return text if "\n" in text else text.replace("\r", "\n")


def _is_ambiguous(head: str) -> bool:
    """Return True if a first line may be a comment, or names separated by blanks."""
    bare = _QUOTED.sub("", head)
    separated = any(delimiter in bare for delimiter in _DELIMITERS)
    return head.startswith("#") or (not separated and len(bare.split()) > 1)


def _is_comment(head: str, following: str, delimiter: str) -> bool:
    """Return True if a first line is a comment: a header has as many cells as the row after it."""
    if not head.startswith("#"):
        return False
    names, row = split_cells([head.lstrip("# "), following], delimiter)
    is_row = any(to_number(cell) is not None for cell in row)
    return len(names) != len(row) or not is_row or following.startswith("#")


def find_delimiter(line: str, following: Sequence[str]) -> str:
    """Return the delimiter between the cells of a header or a row.

    The line after it, if known, distinguishes columns from names with spaces.
    """
    bare = _QUOTED.sub("", line)
    best = max(_DELIMITERS, key=bare.count)
    if best in bare:
        return best
    width = len(line.split())
    spaced = width > 1 and any(len(other.split()) == width for other in following)
    return _SPACES if spaced else _DELIMITERS[0]


def has_numbers(line: str) -> bool:
    """Return True if a cell of a row is a number."""
    (cells,) = split_cells([line], find_delimiter(line, []))
    return any(to_number(cell) is not None for cell in cells)


def split_cells(lines: Sequence[str], delimiter: str) -> list[Cells]:
    """Return the cells of some lines, without their quotes."""
    if delimiter == _SPACES:
        return [line.split() for line in lines]
    if any('"' in line for line in lines):
        # Line by line: a stray quote must not swallow the lines after it.
        return [cells for line in lines for cells in _parse([line], delimiter)]
    return _parse(lines, delimiter)


def _parse(lines: Sequence[str], delimiter: str) -> list[Cells]:
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a cell of more than 128 KiB, or a NUL
        return [line.split(delimiter) for line in lines]


def _begun_row(lines: bytes) -> int | None:
    """Return the offset of the last row, if it is incomplete."""
    if lines.count(b'"') % 2 == 0:
        return None
    end = len(lines)
    while True:
        start = lines.rfind(b"\n", 0, end - 1) + 1
        if len(lines) - start > MAX_QUOTED_BYTES:
            return None
        if lines.count(b'"', start, end) % 2:
            return start
        end = start


def _joined_rows(lines: Sequence[str], delimiter: str) -> list[str]:
    """Return the rows of a table, joining the lines of those with line feeds in a cell (RFC 4180).

    A quote that is never closed, or whose closing quote does not end a cell, is a writer's mistake
    and swallows no line.
    """
    odd = [at for at, line in enumerate(lines) if line.count('"') % 2]
    found: list[str] = []
    at = 0
    for first, last in pairwise(odd):
        if first < at:
            continue  # it was part of the row before
        row = "\n".join(lines[first : last + 1])
        if len(row) <= MAX_QUOTED_BYTES and _is_row(row, delimiter):
            found += [*lines[at:first], row]
            at = last + 1
    return [*found, *lines[at:]]


def _is_row(text: str, delimiter: str) -> bool:
    """Return True if a text is one row with its quotes balanced."""
    try:
        cells = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return False
    return len(cells) == 1
