"""Adds a source to the store, without what others have written into its file before the attempt."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files
from trainui.metrics.files.tail import GrowingFile, UnreadableFileError
from trainui.metrics.formats.text.preset_lines import carried_over
from trainui.store.db.engine import Store
from trainui.store.db.protocol import Connection
from trainui.store.points import sources
from trainui.store.points.source_record import Identity, SourceRecord
from trainui.store.runs.metrics_progress import AttemptToRead


def add(
    store: Store, attempt: AttemptToRead, candidate: SourceFile, started: float
) -> SourceRecord:
    """Store a source unless it is stored; `started`: its attempt's start, in seconds since 1970."""
    # before the transaction, since a file system may block
    others = None if candidate.ours else _part_of_others(candidate, started)
    with store.write() as connection:
        source = sources.add_source(
            connection, attempt.stage_id, candidate.key, attempt=attempt.number
        )
        if candidate.ours or source.identity is not None:
            return _continued(connection, source, candidate)
        if others is not None:
            size, identity = others
            begun = source._replace(offset=size, identity=identity, version=source.version + 1)
            sources.move(connection, source, begun)
            return begun
    return source


def _continued(connection: Connection, source: SourceRecord, candidate: SourceFile) -> SourceRecord:
    """Begin a log with what its preset has seen in the log of the attempt before."""
    name = source.key.rpartition("/")[2]
    if source.state or source.offset or "#" not in name:
        return source
    earlier = [
        one
        for one in sources.sources(connection, source.owner)
        if one.attempt < source.attempt and one.key.endswith(f"/{name}") and one.state
    ]
    last = max(earlier, key=lambda one: one.attempt, default=None)
    state = carried_over(last.state, candidate.reading.preset) if last else {}
    if not state:
        return source
    begun = source._replace(state=state, version=source.version + 1)
    sources.move(connection, source, begun)
    return begun


def is_older(path: Path, started: float) -> bool:
    """Return True if a file was last written before an attempt started, so by another one."""
    return 0 < lenient_files.modified(path) < started


def _part_of_others(candidate: SourceFile, started: float) -> tuple[int, Identity] | None:
    """Return the size of what others have written into a file, and what identifies it."""
    is_theirs = is_older(candidate.path, started)
    if not is_theirs and not candidate.begin:
        return None
    try:
        with closing(GrowingFile(candidate.path)) as file:
            size = file.look().size if is_theirs else candidate.begin
            return size, file.identify(size)
    except (OSError, UnreadableFileError):
        return None
