"""`sync_metrics_from_file`: what is new in a metrics file, stored by one call."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from sqlmodel import Session

from trainui.errors import UsageError
from trainui.metrics.discovery.naming import Names
from trainui.metrics.reader.decoder_choice import DecoderChoice
from trainui.metrics.reader.source import SourceReader
from trainui.metrics.reader.tail import GrowingFile
from trainui.store.db.engine import Store, store_of
from trainui.store.points import sources
from trainui.store.points.source_record import SourceRecord, key_of


class SyncResult(TypedDict):
    """What one call did."""

    new_metrics_count: int
    """Points stored."""
    new_offset: int
    """Bytes up to which the file is read: to be given at the next call."""
    file_size: int
    """Bytes of the file; 0 while there is none."""


def sync_metrics_from_file(
    job_uuid: str,
    metrics_file: str | os.PathLike[str],
    session: Session,
    batch_size: int = 100,
    last_offset: int = 0,
) -> SyncResult:
    """Store what a metrics file holds after an offset; its format is found from its content.

    A range that is stored already is stored no second time. A file that is shorter than
    `last_offset` now is read from its start. A last line without its end is left for the next call.

    Args:
        job_uuid: whose points these are: a stage's id, or any name.
        metrics_file: the file, which need not be there yet.
        session: on the database in which they are stored.
        batch_size: the least number of points worth a transaction. A backlog is stored in larger
            ones, of at most 4 MiB of the file; what is left at the end is stored too.
        last_offset: bytes from the file's start, the end of a line: `new_offset` of the last call.

    Raises:
        UsageError: an argument is out of range.
        UnreadableFileError: the file cannot be read.
        UnknownFormatError: what it holds was not recognised.
        UnfitEnvironmentError: the database cannot be written.
    """
    if batch_size < 1 or last_offset < 0:
        raise UsageError(
            f"batch_size is at least 1 and last_offset at least 0, not {batch_size}, {last_offset}"
        )
    path = Path(os.path.abspath(Path(metrics_file).expanduser()))  # noqa: PTH100 (links stay)
    result = _sync(store_of(session), job_uuid, path, last_offset)
    session.commit()  # so that it sees them
    return result


def _sync(store: Store, owner: str, path: Path, last_offset: int) -> SyncResult:
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
            _drop(store, gaps)
            gaps = []
        elif last_offset > known.offset:
            known = _jump(store, known, file, last_offset, key=known.key)
    count = sum(_fill_gap(store, gap, path, last_offset) for gap in gaps)
    names = Names()
    reader = SourceReader(
        store,
        known,
        path,
        DecoderChoice(),
        attempt=attempt,
        replays=False,
        accepts=lambda name: names.accepts(name, None),
    )
    with closing(reader):
        count += _advance_to_end(reader)
    return SyncResult(new_metrics_count=count, new_offset=reader.position.offset, file_size=size)


def _find_source(
    store: Store, owner: str, path: Path
) -> tuple[SourceRecord, list[SourceRecord], int]:
    """Return the file's source, its gaps, and the attempt that new points belong to."""
    key = key_of(path)
    with store.read() as connection:
        attempt = sources.last_attempt(connection, owner)
        known = sources.sources(connection, owner)
    named = [(source, _GAP.fullmatch(source.key)) for source in known]
    gaps = [source for source, gap in named if gap and gap[1] == key]
    for source in known:
        if source.key == key:
            return source, gaps, attempt
    with store.write() as connection:
        return sources.add_source(connection, owner, key, attempt=attempt), gaps, attempt


def _advance_to_end(reader: SourceReader) -> int:
    count, more = 0, True
    while more:
        step = reader.advance()
        count, more = count + step.points, step.more
    return count


# A range that a caller leaves out is a source of its own, so that a later call may still store it.

_GAP = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)


def _jump(
    store: Store, known: SourceRecord, file: GrowingFile, offset: int, *, key: str
) -> SourceRecord:
    """Move a source on without storing what lies between, which becomes a gap of the file `key`."""
    jumped = replace(
        known, offset=offset, identity=file.identify(offset), version=known.version + 1
    )
    name = f"{key}[{known.offset}:{offset}]"
    with store.write() as connection:
        sources.move(connection, known, jumped)
        gap = sources.add_source(connection, known.owner, name, attempt=known.attempt)
        begun = replace(gap, offset=known.offset, rows=known.rows, version=gap.version + 1)
        sources.move(connection, gap, begun)
    return jumped


def _fill_gap(store: Store, gap: SourceRecord, path: Path, last_offset: int) -> int:
    """Store what lies in a gap after an offset."""
    named = _GAP.fullmatch(gap.key)
    assert named is not None
    end = int(named[3])
    if last_offset >= end or gap.offset >= end:
        return 0
    if last_offset > gap.offset:
        with closing(GrowingFile(path)) as file:
            gap = _jump(store, gap, file, last_offset, key=named[1])
    reader = SourceReader(
        store, gap, path, DecoderChoice(), attempt=gap.attempt, replays=False, until=end
    )
    with closing(reader):
        return _advance_to_end(reader)


def _drop(store: Store, gaps: Sequence[SourceRecord]) -> None:
    """Forget the gaps of a file that holds something else now."""
    with store.write() as connection:
        for gap in gaps:
            sources.rename_source(connection, gap.id, f"{gap.key} of an earlier content")
