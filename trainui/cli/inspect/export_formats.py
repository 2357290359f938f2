"""Writers of points as CSV, JSON lines and Parquet, block by block."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from trainui.cli.output import printing
from trainui.errors import UnfitEnvironmentError, install_advice
from trainui.store.points.chunks import step_number
from trainui.store.points.column_packing import NO_TIME

if TYPE_CHECKING:
    from trainui.store.points.read_points import ExportBlock

COLUMNS = ("stage", "name", "attempt", "step", "value", "time")
SUPERSEDED = "superseded"
"""The extra column, present only if superseded points are exported."""


class Format(StrEnum):
    """An export format."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Writer(ABC):
    """Writes points to a file, e.g. one line per point."""

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        self._file = file
        self._superseded = superseded

    @abstractmethod
    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""

    def _write(self, lines: Iterable[str]) -> None:
        self._file.write(("\n".join(lines) + "\n").encode("utf-8", errors="replace"))

    def close(self) -> None:  # noqa: B027 (nothing is left of lines)
        """Flush the remaining points; the file stays open."""


class CsvWriter(Writer):
    """One point per line below a header; times in ISO 8601, empty if unknown."""

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        super().__init__(file, superseded)
        self._write([",".join(_columns(superseded))])

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""
        start = io.StringIO()
        csv.writer(start, lineterminator="").writerow((stage, block.name, block.attempt))
        about = start.getvalue()
        ends = {flag: f",{str(flag).lower()}" * self._superseded for flag in (True, False)}
        self._write(
            f"{about},{step},{value!r},{time}{ends[flag]}"
            for step, value, time, flag in _points(block)
        )


class JsonlWriter(Writer):
    """One JSON object per point and line, as `trainui metrics --points` prints them."""

    def write(self, stage: str, block: ExportBlock) -> None:
        """Add points of a stage."""
        about = {"stage": stage, "name": block.name, "attempt": block.attempt}
        start = json.dumps(about)[:-1]
        ends = {
            flag: f', "{SUPERSEDED}": {json.dumps(flag)}' * self._superseded
            for flag in (True, False)
        }
        self._write(
            f'{start}, "step": {json.dumps(printing.number(step))}, '
            f'"value": {json.dumps(printing.number(value))}, '
            f'"time": {json.dumps(time or None)}{ends[flag]}}}'
            for step, value, time, flag in _points(block)
        )


class ParquetWriter(Writer):
    """Writes a row group per some hundred thousand points, to bound memory use."""

    GROUP = 1 << 17

    def __init__(self, file: BinaryIO, superseded: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise UnfitEnvironmentError(
                f"Parquet needs pyarrow: {install_advice('parquet')}; "
                "or use `--format csv` or `--format jsonl`"
            ) from error
        super().__init__(file, superseded)
        self._arrow = pyarrow
        text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        kinds = [
            *(text, text, pyarrow.int32(), pyarrow.float64(), pyarrow.float64()),
            pyarrow.timestamp("us", tz="UTC"),
            pyarrow.bool_(),
        ]
        columns = _columns(superseded)
        self._schema = pyarrow.schema(list(zip(columns, kinds[: len(columns)], strict=True)))
        self._rows = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
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
        self._rows.write_table(table.unify_dictionaries(), row_group_size=2 * self.GROUP)
        self._waiting = []

    def close(self) -> None:
        """Write the last rows and the file's footer."""
        if self._waiting:
            self._flush()
        self._rows.close()


WRITERS: dict[Format, type[Writer]] = {
    Format.CSV: CsvWriter,
    Format.JSONL: JsonlWriter,
    Format.PARQUET: ParquetWriter,
}


def _columns(superseded: bool) -> tuple[str, ...]:
    return (*COLUMNS, SUPERSEDED) if superseded else COLUMNS


def _points(block: ExportBlock) -> Iterator[tuple[int | float, float, str, bool]]:
    """Yield step, value, time in ISO 8601 (in UTC; empty if unknown), and the superseded flag."""
    import numpy as np

    points = block.points
    written = np.datetime_as_string(points.times.astype("datetime64[us]"), unit="us")
    times = ["" if time == "NaT" else f"{time}Z" for time in written.tolist()]
    steps = map(step_number, points.steps.tolist())
    return zip(steps, points.values.tolist(), times, block.superseded.tolist(), strict=True)
