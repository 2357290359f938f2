"""Reading one file as the reader would, and what is stored then."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from tests.unit.store import readings
from tests.unit.store.readings import connect as connect
from trainui.metrics.formats import DecoderChoice
from trainui.metrics.reader.source import DatabaseReader, EndOfFile, ReadOptions, SourceReader
from trainui.metrics.tail import OpenFiles
from trainui.model.records import SeriesSummary
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, read_points, write_points

JSONL = DecoderChoice(format="jsonl")


def open_reader(
    store: Database,
    path: Path,
    reading: DecoderChoice = JSONL,
    *,
    owner: str = "stage",
    attempt: int = 1,
    replays: bool = True,
    follows: bool = True,
    files: OpenFiles | None = None,
    run: str = "",
    masked: Callable[[str], str] | None = None,
) -> SourceReader:
    """A reader that begins where the store says, as after a restart."""
    with store.write() as connection:
        source = point_sources.add_source(connection, owner, str(path), attempt=attempt)
    options = ReadOptions(
        attempt=attempt, replays=replays, follows=follows, files=files, masked=masked
    )
    if run:
        return DatabaseReader(store, source, path, reading, options, run=run)
    return SourceReader(store, source, path, reading, options)


def read_on(reader: SourceReader) -> int:
    """Read all there is now; return how many points were stored."""
    count, more = 0, True
    while more:
        step = reader.advance()
        count, more = count + step.points, step.more
    return count


def read_to_end(store: Database, reader: SourceReader, *, clean: bool = True) -> None:
    read_on(reader)
    while reader.advance(EndOfFile(clean)).more:
        pass
    with store.write() as connection:
        write_points.finish(connection, reader.source.owner)
    reader.close()


def summaries(store: Database, *owners: str) -> dict[str, SeriesSummary]:
    with closing(connect(store)) as connection:
        found = read_points.summaries(connection, owners or ("stage",))
    return {series.name: series for series in found}


def all_points(store: Database, owner: str = "stage") -> list[tuple[str, float, float]]:
    with closing(connect(store)) as connection:
        return [(p.name, p.step, p.value) for p in read_points.points(connection, [owner])]


def kept_points(store: Database, name: str, owner: str = "stage") -> list[tuple[float, float]]:
    with closing(connect(store)) as connection:
        curve = readings.curve(connection, owner, name)
    return list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))


def lines(steps: Sequence[int], **more: float) -> str:
    return "".join(json.dumps({"step": step, "loss": step / 2, **more}) + "\n" for step in steps)
