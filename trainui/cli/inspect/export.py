"""The command `export`: write a run's points to a file for other programs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from trainui.cli import lookup, options
from trainui.cli.inspect.export_formats import WRITERS, Format, Writer
from trainui.cli.output import printing, progress, whole_file
from trainui.errors import UsageError
from trainui.store.db.protocol import Connection
from trainui.store.read import views

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
    _found, stages = lookup.find(run, stage)
    owners = {one.id: one.name for one in stages}
    with views.reading() as connection, _opened(file) as stream:
        writer = WRITERS[form](stream, superseded)
        count = _write(connection, owners, writer, superseded)
        writer.close()
        stream.flush()
    if file != STDOUT:
        data = {"file": str(Path(file).absolute()), "format": str(form), "points": count}
        printing.answer(as_json, data, [f"{file}: {count:,} points"])


def _write(connection: Connection, owners: dict[str, str], writer: Writer, superseded: bool) -> int:
    from trainui.store.points import read_points, segments

    found = segments.series(connection, owners)
    total = sum(segment.stats.n for series in found for segment in series.segments)
    count = 0
    with progress.display("exporting", total) as shown:
        for block in read_points.blocks(connection, owners):
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
    return whole_file.writing(Path(file).expanduser())
