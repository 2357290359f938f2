"""The first picture of a long file that nobody has read yet: a few hundred of its records.

They are read at even distances, so that a file of a gigabyte costs what one of a megabyte does. It
is a picture to look at while the file is read, and nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.metrics import formats, sources
from trainui.metrics.candidate import Candidate
from trainui.metrics.decoding import full_name
from trainui.metrics.formats import UnknownFormatError, tfevents
from trainui.metrics.formats.detect import HEAD_BYTES, detect
from trainui.metrics.tail import GrowingFile, ShortageError, UnreadableFileError
from trainui.store.chunks import Points
from trainui.store.driver import Connection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainui.store.chunks import Steps

PLACES = 400
"""Records of a picture: two for each column of a wide plot."""

AT_A_PLACE = 4096
"""Bytes read at once there; a record that is longer is looked for in sixteen times as many."""

LEAST_AHEAD = 8 << 20
"""Bytes that are not stored yet and that take so long to read that a picture is worth it."""

_NUMBERED = 1 << 52

_LINES = ("jsonl", "csv", "tsv")
_ALONE = ("jsonl", "tfevents")
"""Formats whose records mean something without the file's start."""

Records = Callable[[bytes, bool], tuple[int, int]]
"""Tells where whole records begin and end in some bytes; given too is whether one begins there."""


def sample(
    path: Path,
    *,
    format: str | None = None,
    step: str | None = None,
    begin: int = 0,
    places: int = PLACES,
) -> dict[str, Points]:
    """Return some points of a file, at even distances; of formats that are no records, none.

    Where a file's records hold no step, the number of each is estimated from its place.

    Args:
        path: the file.
        format: the format's name; None: found from the content.
        step: the field that is the step.
        begin: bytes of the file to leave out.
        places: how many records to read.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableFileError: it cannot be read.
    """
    with closing(GrowingFile(path)) as file:
        try:
            name = format or detect(file.read(0, HEAD_BYTES), path, complete=False)
        except UnknownFormatError:
            return {}
        if name not in (*_LINES, tfevents.EventFile.name):
            return {}
        records = _lines if name in _LINES else _events
        found = dict(_places(file, begin, places, records))
        return _decoded(name, step, path, file.read(0, HEAD_BYTES), found)


@dataclass(frozen=True, slots=True)
class Ahead:
    """A picture of what a stage's files hold and the store did not have."""

    points: Mapping[str, Points]
    sizes: Mapping[str, int]
    """Bytes of each file, by the key of its source."""

    def is_stored(self, connection: Connection, owner: str) -> bool:
        """Tell whether by now the store has so much that no picture is worth it."""
        stored = _offsets(connection, owner)
        return all(stored.get(key, 0) > size - LEAST_AHEAD for key, size in self.sizes.items())


def ahead(connection: Connection, stage: StageRecord, attempt: AttemptRecord) -> Ahead:
    """Return a picture of what a stage's files hold and the store does not have yet.

    Args:
        connection: on the store, for reading.
        stage: whose.
        attempt: its last one.
    """
    place = sources.Place(
        Path(attempt.directory), Path(stage.directory), Path(stage.definition.workdir)
    )
    stored = _offsets(connection, stage.id)
    found: dict[str, Points] = {}
    sizes: dict[str, int] = {}
    for candidate in _candidates(place, stage.definition):
        begin, reading = stored.get(candidate.key, 0), candidate.reading
        if candidate.is_fallback or reading.continues:
            continue
        size = _size(candidate.path)
        if size - begin < LEAST_AHEAD:
            continue
        try:
            series = sample(candidate.path, format=reading.format, step=reading.step, begin=begin)
        except (OSError, UnreadableFileError, ShortageError):
            continue
        for name, points in series.items():
            found.setdefault(full_name(reading, name), points)
        sizes[candidate.key] = size
    return Ahead(found, sizes)


def _candidates(place: sources.Place, definition: StageDefinition) -> list[Candidate]:
    try:
        return sources.find(place, definition).candidates
    except ShortageError:
        return []  # a picture can wait


def _offsets(connection: Connection, owner: str) -> dict[str, int]:
    query = 'SELECT key, "offset" FROM sources WHERE owner = ?'
    return {str(key): int(offset) for key, offset in connection.execute(query, (owner,))}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _places(
    file: GrowingFile, begin: int, places: int, records: Records
) -> Iterator[tuple[int, bytes]]:
    """Yield whole records, each some with their place; the first and the last bytes are among."""
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
    """Return where whole records begin and end: a length and its checksum tell."""
    at = 4 if is_start else data.find(bytes(4))
    while at >= 0:
        start = at - 4  # a length is below 4 GiB, so four of its bytes are nothing
        end = start + tfevents.EventFile().cut(data[start:]) if _is_frame(data, start) else start
        if end > start:
            return start, end
        at = data.find(bytes(4), at + 1)
    return 0, 0


def _is_frame(data: bytes, at: int) -> bool:
    header = data[at : at + tfevents.HEAD_BYTES] if at >= 0 else b""
    return int.from_bytes(header[:8], "little") < len(data) and _looks_like(header)


_looks_like = lru_cache(maxsize=1024)(tfevents.looks_like)
"""Remembered, since the records of a file are of a few lengths."""


def _decoded(
    name: str, step: str | None, path: Path, head: bytes, found: Mapping[int, bytes]
) -> dict[str, Points]:
    """Return the points of some records, by their places."""
    decoder = formats.decoder(name, step, {}, path)
    if name not in _ALONE:
        decoder.decode(head[: decoder.cut(head)], 0)  # its header stands at the start
    # At once, which costs a fifth of as many times as there are places. Records that hold no step
    # are numbered by the decoder, from a number on that is no step.
    decoded = decoder.decode(b"".join(found.values()), _NUMBERED).series
    numbers = _numbers(found)
    return {
        name: replace(points, steps=_stepped(points, numbers)) for name, points in decoded.items()
    }


def _stepped(points: Points, numbers: NDArray[np.int64]) -> Steps:
    """Return the steps of points, those that were only counted as they are in the file."""
    counted = points.steps >= _NUMBERED
    if not counted.any():
        return points.steps
    at = np.clip(points.steps - _NUMBERED, 0, len(numbers) - 1).astype(np.int64)
    return np.where(counted, numbers[at], points.steps)


def _numbers(found: Mapping[int, bytes]) -> NDArray[np.int64]:
    """Return about which lines of a file the lines of some places are."""
    counts = {place: data.count(b"\n") for place, data in found.items()}
    length = sum(map(len, found.values())) / max(sum(counts.values()), 1)
    return np.concatenate(
        [round(place / length) + np.arange(count) for place, count in counts.items()]
    )
