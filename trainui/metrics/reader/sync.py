"""`sync_metrics_from_file`: stores what is new in a metrics file, in one call."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from sqlmodel import Session

from trainui.errors import UsageError
from trainui.metrics.formats import DecoderChoice
from trainui.metrics.names import SeriesNames
from trainui.metrics.reader.source import ReadOptions, SourceReader
from trainui.metrics.tail import GrowingFile
from trainui.store.db.engine import Database
from trainui.store.points import point_sources
from trainui.store.points.point_sources import SourceRecord, key_of
from trainui.store.tables import store_of


class SyncResult(TypedDict):
    """The result of one call."""

    new_metrics_count: int
    """Points stored."""
    new_offset: int
    """The offset up to which the file was read: pass it to the next call."""
    file_size: int
    """Size of the file in bytes; 0 if it does not exist."""


def sync_metrics_from_file(
    job_uuid: str,
    metrics_file: str | os.PathLike[str],
    session: Session,
    batch_size: int = 100,
    last_offset: int = 0,
) -> SyncResult:
    """Store the points of a metrics file after an offset; the format is detected from its content.

    Idempotent: a range that is stored already is not stored again. A file that is now shorter than
    `last_offset` is read from its start. An incomplete last line is left for the next call.

    Args:
        job_uuid: the owner of the points: a stage's id, or any name.
        metrics_file: the file, which need not exist yet.
        session: a session on the database that stores them.
        batch_size: the least number of points worth a transaction. A backlog is stored in larger
            ones, of at most 4 MiB of the file; the remainder is stored too.
        last_offset: bytes from the file's start, at the end of a line: `new_offset` of the last
            call.

    Raises:
        UsageError: an argument is out of range.
        UnreadableFileError: the file cannot be read.
        UnknownFormatError: its format was not recognised.
        UnfitEnvironmentError: the database cannot be written.
    """
    if batch_size < 1 or last_offset < 0:
        raise UsageError(
            f"batch_size must be at least 1 and last_offset at least 0: {batch_size}, {last_offset}"
        )
    path = Path(os.path.abspath(Path(metrics_file).expanduser()))  # noqa: PTH100 (links stay)
    result = _sync(store_of(session), job_uuid, path, last_offset)
    session.commit()  # so that the session sees the new points
    return result


def _sync(store: Database, owner: str, path: Path, last_offset: int) -> SyncResult:
    try:
        file = GrowingFile(path)
    except FileNotFoundError:
        return SyncResult(new_metrics_count=0, new_offset=0, file_size=0)
    with closing(file):
        size = file.look().size
        known, gaps, attempt = _find_source(store, owner, path)
        if last_offset > size:
            last_offset = 0
        if known.identity and not file.continues(known.identity, known.offset):
            with store.write() as connection:
                for gap in gaps:
                    old = f"{gap.key} of an earlier content"
                    point_sources.rename_source(connection, gap.id, old)
            gaps = []
        elif last_offset > known.offset:
            known = _jump(store, known, file, last_offset, key=known.key)
    count = sum(_fill_gap(store, gap, path, last_offset) for gap in gaps)
    names = SeriesNames()
    options = ReadOptions(
        attempt=attempt, replays=False, accepts=lambda name, _found: names.accepts(name, None)
    )
    new, offset = _read_to_end(store, known, path, options)
    return SyncResult(new_metrics_count=count + new, new_offset=offset, file_size=size)


def _find_source(
    store: Database, owner: str, path: Path
) -> tuple[SourceRecord, list[SourceRecord], int]:
    """Return the file's source, its gaps, and the attempt that new points belong to."""
    key = key_of(path)
    with store.read() as connection:
        attempt = point_sources.last_attempt(connection, owner)
        known = point_sources.sources(connection, owner)
    named = [(source, _GAP.fullmatch(source.key)) for source in known]
    gaps = [source for source, gap in named if gap and gap[1] == key]
    source = next((one for one in known if one.key == key), None)
    if source is None:
        with store.write() as connection:
            source = point_sources.add_source(connection, owner, key, attempt=attempt)
    return source, gaps, attempt


def _read_to_end(
    store: Database, known: SourceRecord, path: Path, options: ReadOptions
) -> tuple[int, int]:
    """Store the new points of a source; return their number, and the offset of the end."""
    count, more = 0, True
    with closing(SourceReader(store, known, path, DecoderChoice(), options)) as reader:
        while more:
            step = reader.advance()
            count, more = count + step.points, step.more
        return count, reader.position.offset


# A range that a caller skips is recorded as a separate source, so a later call can still store it.

_GAP = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)


def _jump(
    store: Database, known: SourceRecord, file: GrowingFile, offset: int, *, key: str
) -> SourceRecord:
    """Move a source to an offset; record the skipped range as a gap of the file `key`."""
    jumped = known._replace(
        offset=offset, identity=file.identify(offset), version=known.version + 1
    )
    name = f"{key}[{known.offset}:{offset}]"
    with store.write() as connection:
        point_sources.move(connection, known, jumped)
        gap = point_sources.add_source(connection, known.owner, name, attempt=known.attempt)
        begun = gap._replace(offset=known.offset, rows=known.rows, version=gap.version + 1)
        point_sources.move(connection, gap, begun)
    return jumped


def _fill_gap(store: Database, gap: SourceRecord, path: Path, last_offset: int) -> int:
    """Store the points of a gap after an offset."""
    named = _GAP.fullmatch(gap.key)
    assert named is not None
    end = int(named[3])
    if last_offset >= end or gap.offset >= end:
        return 0
    if last_offset > gap.offset:
        with closing(GrowingFile(path)) as file:
            gap = _jump(store, gap, file, last_offset, key=named[1])
    options = ReadOptions(attempt=gap.attempt, replays=False, until=end)
    return _read_to_end(store, gap, path, options)[0]
