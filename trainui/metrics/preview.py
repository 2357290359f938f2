"""A preview of a long file that is not stored yet: a few hundred of its records.

They are sampled at even distances, so a 1 GB file costs no more than a 1 MB file.
The preview is shown while the file is being read; it is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from trainui import mounts
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.metrics import formats
from trainui.metrics.discovery import sources
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files
from trainui.metrics.files.decoder_choice import full_name
from trainui.metrics.files.tail import GrowingFile, ShortageError, UnreadableFileError
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.detect import HEAD_BYTES, detect
from trainui.metrics.formats.tensorboard import event_file
from trainui.store.db.protocol import Connection
from trainui.store.points import read_points
from trainui.store.points.chunks import Points
from trainui.store.points.lazy_numpy import Ints, Steps

PLACES = 400
"""Records in a preview: two for each column of a wide plot."""

AT_A_PLACE = 4096
"""Bytes read at each place; for a longer record, sixteen times as many are searched."""

_NUMBERED = 1 << 52

_LINES = ("jsonl", "csv", "tsv")
_ALONE = ("jsonl", "tfevents")
"""Formats whose records can be decoded without the start of the file."""

Records = Callable[[bytes, bool], tuple[int, int]]
"""Returns the start and end of whole records in some bytes; the flag: they begin with a record."""


def sample(
    path: Path,
    *,
    format: str | None = None,
    step: str | None = None,
    begin: int = 0,
    places: int = PLACES,
) -> dict[str, Points]:
    """Return some points of a file from a byte on; none if the format has no records.

    If the records have no step, the number of each is estimated from its offset.

    Raises:
        FileNotFoundError: the file does not exist.
        UnreadableFileError: it cannot be read.
    """
    with closing(GrowingFile(path)) as file:
        try:
            name = format or detect(file.read(0, HEAD_BYTES), path, complete=False)
        except UnknownFormatError:
            return {}
        if name not in (*_LINES, event_file.EventFile.name):
            return {}
        records = _lines if name in _LINES else _events
        found = dict(_places(file, begin, places, records))
        return _decoded(name, step, path, file.read(0, HEAD_BYTES), found)


@dataclass(frozen=True, slots=True)
class FilePreview:
    """A preview of the part of a stage's files that is not in the store."""

    points: Mapping[str, Points]
    sizes: Mapping[str, int]
    """Size of each file in bytes, by the key of its source."""

    def is_stored(self, connection: Connection, owner: str) -> bool:
        """Return True if so much is stored by now that no preview is needed."""
        stored = read_points.offsets(connection, owner)
        return all(
            stored.get(key, 0) > size - lenient_files.LEAST_AHEAD
            for key, size in self.sizes.items()
        )


def preview(connection: Connection, stage: StageRecord, attempt: AttemptRecord) -> FilePreview:
    """Return a preview of the part of a stage's files that is not in the store yet.

    The attempt is the stage's last one.
    """
    named = (one.path for one in stage.definition.metrics or () if one.path)
    if attempt.celery_task_id is None and mounts.remote_mount(stage.directory, *named):
        return FilePreview({}, {})  # an external run's file system may not answer
    place = sources.SearchDirectories(
        Path(attempt.directory), Path(stage.directory), Path(stage.definition.workdir)
    )
    stored = read_points.offsets(connection, stage.id)
    found: dict[str, Points] = {}
    sizes: dict[str, int] = {}
    candidates: list[SourceFile] = []
    with suppress(ShortageError):  # a preview is not urgent
        candidates = sources.find(place, stage.definition).candidates
    for candidate in candidates:
        begin, reading = stored.get(candidate.key, 0), candidate.reading
        if candidate.is_fallback or reading.continues:
            continue
        size = lenient_files.size(candidate.path)
        if size - begin < lenient_files.LEAST_AHEAD:
            continue
        try:
            series = sample(candidate.path, format=reading.format, step=reading.step, begin=begin)
        except (OSError, UnreadableFileError, ShortageError):
            continue
        for name, points in series.items():
            found.setdefault(full_name(reading, name), points)
        sizes[candidate.key] = size
    return FilePreview(found, sizes)


def _places(
    file: GrowingFile, begin: int, places: int, records: Records
) -> Iterator[tuple[int, bytes]]:
    """Yield whole records and their offsets at even distances, the first and last included."""
    size = file.look().size
    starts = np.linspace(begin, max(size - AT_A_PLACE, begin), places).astype(np.int64)
    file.fetch(starts.tolist(), AT_A_PLACE)
    for at in starts.tolist():
        for length in (AT_A_PLACE, AT_A_PLACE * 16):
            data = file.read(at, length)
            start, end = records(data, at in (0, begin))
            if start < end:
                yield at + start, data[start:end]
                break


def _lines(data: bytes, is_start: bool) -> tuple[int, int]:
    return (0 if is_start else data.find(b"\n") + 1 or len(data)), data.rfind(b"\n") + 1


def _events(data: bytes, is_start: bool) -> tuple[int, int]:
    """Return the start and end of whole records, recognised by length and checksum."""
    at = 4 if is_start else data.find(bytes(4))
    while at >= 0:
        start = at - 4  # a length is below 4 GiB, so its four high bytes are zero
        header = data[start : start + event_file.HEAD_BYTES] if start >= 0 else b""
        is_frame = int.from_bytes(header[:8], "little") < len(data) and _looks_like(header)
        if is_frame and (size := event_file.EventFile().cut(data[start:])):
            return start, start + size
        at = data.find(bytes(4), at + 1)
    return 0, 0


_looks_like = lru_cache(maxsize=1024)(event_file.looks_like)
"""Cached, since the records of a file have only a few lengths."""


def _decoded(
    name: str, step: str | None, path: Path, head: bytes, found: Mapping[int, bytes]
) -> dict[str, Points]:
    """Return the points of some records, by their offsets."""
    decoder = formats.decoder(name, step, {}, path)
    if name not in _ALONE:
        decoder.decode(head[: decoder.cut(head)], 0)  # the header is at the start
    # All at once, which is five times faster than one by one. Records without a step are numbered
    # by the decoder, from a number that cannot be a step.
    decoded = decoder.decode(b"".join(found.values()), _NUMBERED).series
    numbers = _numbers(found)
    return {
        name: replace(points, steps=_stepped(points, numbers)) for name, points in decoded.items()
    }


def _stepped(points: Points, numbers: Ints) -> Steps:
    """Return the steps of points; record numbers are replaced by estimated line numbers."""
    counted = points.steps >= _NUMBERED
    if not counted.any():
        return points.steps
    at = np.clip(points.steps - _NUMBERED, 0, len(numbers) - 1).astype(np.int64)
    return np.where(counted, numbers[at], points.steps)


def _numbers(found: Mapping[int, bytes]) -> Ints:
    """Return the estimated line numbers of the sampled lines."""
    counts = {place: data.count(b"\n") for place, data in found.items()}
    length = sum(map(len, found.values())) / max(sum(counts.values()), 1)
    return np.concatenate(
        [round(place / length) + np.arange(count) for place, count in counts.items()]
    )
