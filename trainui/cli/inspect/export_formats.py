"""Writers of points as CSV, JSON lines and Parquet, block by block."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from trainui import extras
from trainui.cli.output import printing
from trainui.errors import UnfitEnvironmentError
from trainui.store.points.chunks import step_number
from trainui.store.points.column_packing import NO_TIME

if TYPE_CHECKING:
    from trainui.store.points.curves import ExportBlock

COLUMNS = ("stage", "name", "attempt", "step", "value", "time")
SUPERSEDED = "superseded"
"""The extra column, present only if superseded points are exported."""


class Format(StrEnum):
    """An export format."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Writer(Protocol):
    """Writes points to a file."""

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""

    def close(self) -> None:
        """Flush the remaining points; the file stays open."""


class CsvWriter:
    """One point per line below a header; times in ISO 8601, empty if unknown."""

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        self._file = file
        self._superseded = superseded
        file.write((",".join(_columns(superseded)) + "\n").encode())

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""
        start = _csv_cells(stage, block.name, str(block.attempt))
        ends = [str(flag).lower() for flag in block.superseded.tolist()]
        lines = [
            f"{start},{step},{value!r},{time}"
            for step, value, time in zip(
                _steps(block), block.points.values.tolist(), _times(block), strict=True
            )
        ]
        if self._superseded:
            lines = [f"{line},{end}" for line, end in zip(lines, ends, strict=True)]
        self._file.write(("\n".join(lines) + "\n").encode("utf-8", errors="replace"))

    def close(self) -> None:
        """Nothing is left."""


def _csv_cells(*cells: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue()


class JsonlWriter:
    """One JSON object per point and line, as `trainui metrics --points` prints them."""

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        self._file = file
        self._superseded = superseded

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""
        about = {"stage": stage, "name": block.name, "attempt": block.attempt}
        start = json.dumps(about)[:-1]
        numbers = zip(_steps(block), block.points.values.tolist(), _times(block), strict=True)
        lines = [
            f'{start}, "step": {json.dumps(printing.number(step))}, '
            f'"value": {json.dumps(printing.number(value))}, '
            f'"time": {json.dumps(time or None)}}}'
            for step, value, time in numbers
        ]
        if self._superseded:
            ends = map(json.dumps, block.superseded.tolist())
            lines = [
                f'{line[:-1]}, "{SUPERSEDED}": {end}}}'
                for line, end in zip(lines, ends, strict=True)
            ]
        self._file.write(("\n".join(lines) + "\n").encode())

    def close(self) -> None:
        """Nothing is left."""


class ParquetWriter:
    """Writes a row group per some hundred thousand points, to bound memory use."""

    GROUP = 1 << 17

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise UnfitEnvironmentError(
                f"Parquet needs pyarrow: {extras.advice('parquet')}; "
                "or use `--format csv` or `--format jsonl`"
            ) from error
        self._arrow = pyarrow
        self._superseded = superseded
        text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        kinds = [
            *(text, text, pyarrow.int32(), pyarrow.float64(), pyarrow.float64()),
            pyarrow.timestamp("us", tz="UTC"),
            pyarrow.bool_(),
        ]
        columns = _columns(superseded)
        self._schema = pyarrow.schema(list(zip(columns, kinds[: len(columns)], strict=True)))
        self._file = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Any] = []

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""
        arrow, count, points = self._arrow, len(block), block.points
        values = [
            arrow.DictionaryArray.from_arrays(arrow.array([0] * count, arrow.int32()), [text])
            for text in (stage, block.name)
        ]
        values += [
            arrow.array([block.attempt] * count, arrow.int32()),
            arrow.array(points.steps, arrow.float64()),
            arrow.array(points.values),
            arrow.array(points.times, mask=points.times == NO_TIME).cast(
                self._schema.field(5).type
            ),
            arrow.array(block.superseded),
        ]
        batch = arrow.record_batch(values[: len(self._schema)], schema=self._schema)
        self._waiting.append(batch)
        if sum(batch.num_rows for batch in self._waiting) >= self.GROUP:
            self._flush()

    def _flush(self) -> None:
        table = self._arrow.Table.from_batches(self._waiting, self._schema)
        self._file.write_table(table.unify_dictionaries(), row_group_size=2 * self.GROUP)
        self._waiting = []

    def close(self) -> None:
        """Write the last rows and the file's footer."""
        if self._waiting:
            self._flush()
        self._file.close()


WRITERS: dict[Format, Callable[[BinaryIO, bool], Writer]] = {
    Format.CSV: CsvWriter,
    Format.JSONL: JsonlWriter,
    Format.PARQUET: ParquetWriter,
}


def _columns(superseded: bool) -> tuple[str, ...]:
    return (*COLUMNS, SUPERSEDED) if superseded else COLUMNS


def _steps(block: ExportBlock) -> Sequence[int | float]:
    return [step_number(step) for step in block.points.steps.tolist()]


def _times(block: ExportBlock) -> Sequence[str]:
    """Return times in ISO 8601, in UTC; empty if unknown."""
    import numpy as np

    written = np.datetime_as_string(block.points.times.astype("datetime64[us]"), unit="us")
    return ["" if time == "NaT" else f"{time}Z" for time in written.tolist()]
