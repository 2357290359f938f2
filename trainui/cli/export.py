"""The commands `export`, which writes a run's points to a file, and `report`, a run as Markdown."""

from __future__ import annotations

import csv
import io
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from trainui.cli import options, printing
from trainui.errors import UnfitEnvironmentError, UsageError, install_advice
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.points.chunks import NO_TIME, step_number
from trainui.store.read import views

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


STDOUT = "-"


@options.command(
    "trainui export digits > points.csv",
    "trainui export digits train --output points.parquet",
    "trainui export digits --format jsonl --superseded | gzip > points.jsonl.gz",
)
def export(
    run: options.Run,
    stage: options.OptionalStage = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Output format (default: from FILE's extension, else csv)."),
    ] = None,
    file: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Output file; `-` for stdout.")
    ] = STDOUT,
    superseded: Annotated[
        bool,
        typer.Option(
            "--superseded",
            help="Include points that a later attempt replaced, marked in an extra column.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Write the points of a run or a stage, for pandas, DuckDB or a spreadsheet.

    The columns are stage, name, attempt, step, value and time; series follow each other. The file
    appears only once it is complete. Parquet needs the extra `parquet`.
    """
    suffix = Path(file).suffix.removeprefix(".").lower()
    form = form or (Format(suffix) if suffix in list(Format) else Format.CSV)
    if file == STDOUT and as_json:
        raise UsageError(
            "--json needs --output FILE; to write points as JSON, use `--format jsonl`"
        )
    if file == STDOUT and form == Format.PARQUET and sys.stdout.isatty():
        raise UsageError("Parquet cannot be shown on a terminal; name a file with --output FILE")
    _found, stages = options.find(run, stage)
    owners = {one.id: one.name for one in stages}
    with engine.reading() as connection, _opened(file) as stream:
        writer = WRITERS[form](stream, superseded)
        count = _write(connection, owners, writer, superseded)
        writer.close()
        stream.flush()
    if file != STDOUT:
        data = {"file": str(Path(file).absolute()), "format": str(form), "points": count}
        printing.answer(as_json, data, [f"{file}: {count:,} points"])


def _write(connection: Connection, owners: dict[str, str], writer: Writer, superseded: bool) -> int:
    from trainui.store.points.read_points import blocks, series

    found = series(connection, owners)
    total = sum(segment.stats.n for one in found for segment in one.segments)
    count = 0
    with printing.progress("exporting", total) as shown:
        for block in blocks(connection, owners):
            shown.advance(len(block))
            if not superseded and block.superseded.any():
                kept = ~block.superseded
                block = replace(block, points=block.points[kept], superseded=block.superseded[kept])
            if len(block):
                writer.write(owners[block.owner], block)
            count += len(block)
    return count


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    """Open the output: stdout, or a file."""
    if file == STDOUT:
        return nullcontext(sys.stdout.buffer)
    return printing.whole_file(Path(file).expanduser())


@options.command(
    "trainui report digits", "trainui report digits | gh issue comment 12 --body-file -"
)
def report(run: options.Run, as_json: options.Json = False) -> None:
    """Print a run as Markdown: its stages, the parameters that differ, its metrics and curves.

    Parameters are compared with those of the previous run of the same pipeline. For failed stages
    it includes the end of the log. In the screen, `Y` on a run copies the same text.
    """
    from trainui.control import report as reports

    with options.view() as connection, printing.progress("reading"):
        found = views.find_run(connection, run)
        written = reports.markdown(connection, found)
    if as_json:
        printing.value({"run": found.id, "markdown": written})
    else:
        printing.exact(*written.rstrip("\n").split("\n"))
