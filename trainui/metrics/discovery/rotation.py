"""Log rotation: files found by a pattern that now have another name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files.tail import GrowingFile, UnreadableFileError, look_at
from trainui.store.db.protocol import Connection
from trainui.store.points.point_sources import Identity, SourceRecord, rename_source


def is_another(path: Path, identity: Identity | None) -> bool:
    """Return True if a path now leads to another file than the one that was read."""
    now = look_at(path)
    return identity is not None and (now is None or not now.is_same_file(identity))


def find_renamed(
    candidates: Iterable[SourceFile], known: Sequence[SourceRecord]
) -> list[tuple[SourceRecord, SourceFile]]:
    """Return the known sources whose file now has another name."""
    identified = ((one.identity, one) for one in known if one.identity is not None)
    inodes = {(identity.device, identity.inode): one for identity, one in identified}
    found = []
    for candidate in candidates:
        if candidate.one_of_many and (now := look_at(candidate.path)):
            source = inodes.get((now.device, now.inode))
            if source and source.key != candidate.key and _continues(candidate.path, source):
                found.append((source, candidate))
    return found


def rename(
    connection: Connection,
    found: Sequence[tuple[SourceRecord, SourceFile]],
    known: Sequence[SourceRecord],
) -> set[str]:
    """Store the new names of renamed sources; return all names that now mean another file."""
    names = {candidate.key for _source, candidate in found}
    moved = {source.id for source, _candidate in found}
    for source in known:
        if source.key in names and source.id not in moved:
            rename_source(connection, source.id, f"{source.key} (gone, {source.id})")
    for source, candidate in found:
        rename_source(connection, source.id, candidate.key)
    return names | {source.key for source, _candidate in found}


def _continues(path: Path, source: SourceRecord) -> bool:
    try:
        with closing(GrowingFile(path)) as file:
            return source.identity is not None and file.continues(source.identity, source.offset)
    except (OSError, UnreadableFileError):
        return False
