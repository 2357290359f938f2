"""TensorBoard's event files: framed records, of which only scalars are read.

Each frame (length, checksum, data, checksum) contains a protobuf message, of which a few fields
are read: https://github.com/tensorflow/tensorboard, `event.proto` and `summary.proto`. A trainer
writes the same few tags again and again, so nearly all records of one size have the same bytes
except for time, step and value: one record of each layout is parsed, the others are read as
columns.

In this order: checksums, columns of alike records, the decoder, records one by one, and what the
place of a file says.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trainui.plugin import Answer, FoundFile, Place, Training
from trainui.plugin.reading import PROTOBUF_ERRORS as DAMAGED
from trainui.plugin.reading import (
    Bools,
    Bytes,
    Decoded,
    Decoder,
    Ints,
    Points,
    clear_name,
    files,
    fold_prefix,
    is_part,
    of_directory,
    raise_shortage,
    signed,
)
from trainui.plugin.reading import protobuf_fields as fields
from trainui.plugin.records import fits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WALL_TIME, _STEP, _SUMMARY, _SESSION = 1, 2, 5, 7
"""Fields of an event."""
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
"""The field of a summary, and those of a value in it."""

MOST_BYTES = 1024
"""Longer records are not checked: they have images and histograms, which are not read."""
_CHECKSUM = struct.Struct("<I")
_AT_ONCE = 1024
"""Records that are checked at once: what they need fits into the processor's cache."""

_FEW = 16
"""Fewer records of one size than this are not worth vectorising."""

_LATEST = 1e11
"""Seconds since 1970 of the latest time that is kept."""

_HEAD_OF_PARAMETERS = 1 << 16
"""Bytes of a file in which hyperparameters are looked for."""

_ONES = np.uint32(0xFFFFFFFF)


# A record's checksum is CRC-32C, masked: the XOR of one table entry for each byte, chosen by the
# byte and by its distance from the end, so that many records of one size are checked at once.


def masked_crc(data: bytes) -> int:
    """Return the checksum of some bytes, of at most `MOST_BYTES`."""
    tables, starts = _tables()
    found = np.bitwise_xor.reduce(tables[_table_rows(len(data)) + np.frombuffer(data, np.uint8)])
    return int(_masked(np.atleast_1d(found ^ starts[len(data)]))[0])


def _has_checksum(frame: bytes) -> bool:
    """Return True if the data of a record has its checksum.

    Some writers give none, i.e. zero: then that of its length counts.
    """
    data, (given,) = frame[12:-4], _CHECKSUM.unpack_from(frame, len(frame) - 4)
    if not given:
        return bool(_CHECKSUM.unpack_from(frame, 8)[0] == masked_crc(frame[:8]))
    return len(data) > MOST_BYTES or given == masked_crc(data)


def _have_checksums(rows: Bytes, varied: NDArray[np.intp], given: NDArray[np.uint32]) -> Bools:
    """Return a mask of the records that have their checksums.

    Args:
        rows: records of one size.
        varied: the columns in which they may differ.
        given: their checksums.
    """
    size = rows.shape[1]
    if size > MOST_BYTES:
        return np.ones(len(rows), bool)
    tables, starts = _tables()
    places = _table_rows(size)
    parts = np.concatenate(
        [
            np.bitwise_xor.reduce(
                # column by column, and without a check of the bounds: half the time
                tables.take(some.T[varied] + places[varied, np.newaxis], mode="clip")
            )
            for some in np.split(rows, range(_AT_ONCE, len(rows), _AT_ONCE))
        ]
    )
    first = np.bitwise_xor.reduce(tables[rows[0] + places]) ^ starts[size]
    return np.asarray(given == _masked(parts ^ parts[0] ^ first))


def _table_rows(size: int) -> NDArray[np.intp]:
    """Return where the entries for each byte of a record begin."""
    return np.arange(size - 1, -1, -1) * 256


def _masked(sums: NDArray[np.uint32]) -> NDArray[np.uint32]:
    ended = sums ^ _ONES
    return np.asarray(((ended >> 15) | (ended << 17)) + np.uint32(0xA282EAD8), np.uint32)


@cache
def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the entries by distance and byte, and what the start value comes to by size."""
    first: NDArray[np.uint32] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, first >> 1 ^ 0x82F63B78, first >> 1).astype(np.uint32)
    tables = np.empty((MOST_BYTES, 256), np.uint32)
    starts = np.empty(MOST_BYTES + 1, np.uint32)
    tables[0], starts[0] = first, _ONES
    for at in range(1, MOST_BYTES + 1):
        starts[at] = (starts[at - 1] >> 8) ^ first[starts[at - 1] & 0xFF]
        if at < MOST_BYTES:
            tables[at] = (tables[at - 1] >> 8) ^ first[tables[at - 1] & 0xFF]
    return tables.ravel(), starts


# Records of one layout, as columns.

Part = tuple[Any, Any, Any, Any]
"""Record numbers, steps, values and wall times (seconds): arrays, or one of each."""


_HEADER = struct.Struct("<QI")
_HEAD_BYTES, _SUM_BYTES = 12, 4
"""Bytes of a frame before and after its data."""


@dataclass
class Events:
    """Decoded scalars, and the records left to be read one by one."""

    by_tag: dict[str, list[Part]] = field(default_factory=dict)
    left: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, tag: str, numbers: Any, steps: Any, values: Any, walls: Any) -> None:
        """Add the points of a tag."""
        self.by_tag.setdefault(tag, []).append((numbers, steps, values, walls))


def _decode_alike(block: bytes, places: Ints) -> Events:
    """Decode the scalars of events that share a layout with others.

    `places` are the offsets of the records, and of the end of the last.
    """
    found, data = Events(), np.frombuffer(block, np.uint8)
    sizes = np.diff(places)
    left: list[Ints] = []
    order = np.argsort(sizes, kind="stable")
    for numbers in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        while len(numbers) >= _FEW:
            frames = sliding_window_view(data, int(sizes[numbers[0]]))[places[numbers]]
            rows = frames[:, _HEAD_BYTES:-_SUM_BYTES]
            layout = _layout(rows[0].tobytes())
            if layout is None:
                left.append(numbers[:1])
                numbers = numbers[1:]
                continue
            twins = layout.twins(rows)
            _read(found, layout, numbers[twins], frames[twins])
            numbers = numbers[~twins]
        left.append(numbers)
    if left:
        found.left = np.sort(np.concatenate(left))
    return found


class _Layout(NamedTuple):
    """The offsets of an event's fields, in bytes from its start."""

    tag: str
    wall: int
    step: int
    step_bytes: int
    value: int
    template: Bytes

    @property
    def varied(self) -> NDArray[np.intp]:
        """The columns of time, step and value."""
        places = (self.wall, 8), (self.step, self.step_bytes), (self.value, 4)
        return np.concatenate([np.arange(start, start + size) for start, size in places])

    def twins(self, rows: Bytes) -> Bools:
        """Return a mask of the rows that differ from the template only in time, step and value."""
        fixed = np.ones(len(self.template), bool)
        fixed[self.varied] = False
        same = (rows[:, fixed] == self.template[fixed]).all(axis=1)
        more = rows[:, self.step : self.step + self.step_bytes] >= 0x80
        return np.asarray(same & more[:, :-1].all(axis=1) & ~more[:, -1:].any(axis=1))


def _read(found: Events, layout: _Layout, numbers: Ints, frames: Bytes) -> None:
    """Add the points of some events of one layout except those with a wrong checksum."""
    sums = np.ascontiguousarray(frames[:, -_SUM_BYTES:]).view("<u4")[:, 0]
    rows = frames[:, _HEAD_BYTES:-_SUM_BYTES]
    sound = _have_checksums(rows, layout.varied, sums)
    for at in np.flatnonzero(~sound & (sums == 0)):
        sound[at] = _has_checksum(frames[at].tobytes())
    if not sound.all():
        numbers, rows = numbers[sound], rows[sound]

    def column(at: int, size: int, kind: str) -> Any:
        return np.ascontiguousarray(rows[:, at : at + size]).view(kind)[:, 0]

    steps = np.zeros(len(rows), np.int64)
    for index in range(layout.step_bytes):
        steps |= (rows[:, layout.step + index].astype(np.int64) & 0x7F) << (7 * index)
    walls, values = column(layout.wall, 8, "<f8"), column(layout.value, 4, "<f4")
    found.add(layout.tag, numbers, steps, values, walls)


def _layout(data: bytes) -> _Layout | None:
    """Parse an event's layout; None unless it is a single scalar of four bytes."""
    try:
        wall, step, summary = _only(data, (0, len(data)), _WALL_TIME, _STEP, _SUMMARY)
        (value,) = _only(data, summary, _VALUE)
        (begin, end), number = _only(data, value, _TAG, _SIMPLE_VALUE)
    except (ValueError, LookupError, struct.error):
        return None
    if number[1] - number[0] != 4:
        return None
    tag, size = data[begin:end].decode("utf-8", "replace"), step[1] - step[0]
    return _Layout(tag, wall[0], step[0], size, number[0], np.frombuffer(data, np.uint8))


def _only(data: bytes, inside: tuple[int, int], *keys: int) -> list[tuple[int, int]]:
    """Return the start and end offsets of a message's fields, which it must have once each.

    Raises:
        ValueError: it has others, or one twice.
        KeyError: one is missing.
    """
    found: dict[int, tuple[int, int]] = {}
    for key, value, at in fields(data, *inside):
        if key in found or key not in keys:
            raise ValueError("not of this layout")
        is_varint = isinstance(value, int)
        size = max(1, (value.bit_length() + 6) // 7) if is_varint else len(value)
        found[key] = (at, at + size)
    return [found[key] for key in keys]


_FRAME = 16
"""Bytes of a record around its data."""


_START = b"\x08\x01"
_STARTED = b"\x3a\x02" + _START
"""The event field that marks the start of a session, i.e. a writer's restart, in bytes."""
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4
_DIM, _SIZE = 2, 1

_DTYPES: dict[int, tuple[str, int]] = {
    # By data type: how its bytes are decoded, and the field that may have the value instead.
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    9: ("<q", 10),
    14: ("bfloat16", 13),
    19: ("<e", 13),
}


class EventFile(Decoder):
    """Decodes the scalars of an event file; needs no state.

    A record that marks a writer's restart is always the first of its block.
    """

    name = "tfevents"
    has_marked_ends = True

    _frames: tuple[int, list[int]] = (0, [])
    """Of the last block cut: its size, the offsets of its records, and the end of the last.
    Cached, since finding them takes as long as all the rest."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records."""
        places = _walk(data)
        start = _next_start(data, places)
        self.stops_short = start is not None
        if start is not None:
            places = places[: start + 1]
        self._frames = (places[-1], places)
        return places[-1]

    def record_size(self, data: bytes) -> int:
        """Return the size of the record at the start, with its frame; a huge one if truncated."""
        if len(data) < _HEADER.size:
            return 2**63
        length, _checksum = _HEADER.unpack_from(data)
        return int(length) + _FRAME

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        size, places = self._frames
        if size != len(block):
            places = _walk(block)
        self.restarts = len(places) > 1 and _is_start(block, places, 0)
        found = _decode_alike(block, np.array(places, np.int64))
        for number in found.left.tolist():
            frame = block[places[number] : places[number + 1]]
            if _has_checksum(frame):
                with suppress(*DAMAGED):
                    _read_event(frame[_HEADER.size : -4], number, found)
        series = {tag: _points(parts) for tag, parts in found.by_tag.items()}
        return Decoded(series, len(places) - 1)


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a file that begins with a record whose length matches its checksum."""
    del path, complete
    if len(head) < _HEADER.size:
        return Answer.MORE if b"\0" in head else Answer.NO
    _length, given = _HEADER.unpack_from(head)
    return Answer.YES if given == masked_crc(head[:8]) else Answer.NO


def _walk(block: bytes) -> list[int]:
    """Return the offsets of whole records, and of the end of the last."""
    at, places, size, unpack = 0, [0], len(block), struct.Struct("<Q").unpack_from
    while at + _FRAME <= size:
        at += unpack(block, at)[0] + _FRAME
        if at > size:
            break
        places.append(at)
    return places


def _next_start(data: bytes, places: list[int]) -> int | None:
    """Return the number of the next record, after the first, that marks a writer's restart."""
    at = places[min(1, len(places) - 1)]
    while (at := data.find(_STARTED, at, places[-1])) >= 0:
        number = bisect.bisect_right(places, at) - 1
        if number and _is_start(data, places, number):
            return number
        at += 1
    return None


def _is_start(data: bytes, places: list[int], number: int) -> bool:
    record = data[places[number] + _HEADER.size : places[number + 1] - 4]
    if _STARTED not in record:
        return False
    try:
        return any(key == _SESSION and value == _START for key, value, _at in fields(record))
    except DAMAGED:
        return False


def _read_event(data: bytes, number: int, found: Events) -> None:
    wall_time, step = 0.0, 0
    summaries = []
    for key, value, _at in fields(data):
        if key == _WALL_TIME:
            (wall_time,) = struct.unpack("<d", value)
        elif key == _STEP:
            step = signed(value)
        elif key == _SUMMARY:
            summaries.append(value)
    for summary in summaries:
        for key, value, _at in fields(summary):
            if key == _VALUE and (scalar := _scalar(value)) is not None:
                tag, number_value = scalar
                found.add(tag, number, step, number_value, wall_time)


def _scalar(data: bytes) -> tuple[str, float] | None:
    """Return a summary value's tag and number; None for histograms, images and texts."""
    tag, number = "", None
    for key, value, _at in fields(data):
        if key == _TAG:
            tag = value.decode("utf-8", "replace")
        elif key == _SIMPLE_VALUE:
            (number,) = struct.unpack("<f", value)
        elif key == _TENSOR:
            number = _tensor_scalar(value)
    return None if number is None else (tag, float(number))


def _tensor_scalar(data: bytes) -> float | None:
    """Return the only number of a tensor; None if it has more than one or is not numeric."""
    given = {key: value for key, value, _at in fields(data)}
    code, instead = _DTYPES.get(given.get(_DTYPE, 0), ("", 0))
    dims = [dim for key, dim, _at in fields(given.get(_SHAPE, b"")) if key == _DIM]
    sizes = [size for dim in dims for key, size, _at in fields(dim) if key == _SIZE]
    if not code or any(size != 1 for size in sizes):
        return None
    raw = given.get(_CONTENT, given.get(instead, b""))
    if isinstance(raw, int):  # a single varint
        return float(signed(raw))
    if code == "bfloat16":
        code, raw = "<f", b"\0\0" + raw[:2]
    return float(struct.unpack(code, raw)[0]) if len(raw) == struct.calcsize(code) else None


def _points(parts: list[Part]) -> Points:
    numbers, steps, values, walls = (
        np.concatenate([np.atleast_1d(part[column]) for part in parts]) for column in range(4)
    )
    order = np.argsort(numbers, kind="stable")
    walls = np.nan_to_num(walls[order]).clip(0, _LATEST)  # a damaged record may have any time
    times = np.rint(walls * 1e3).astype(np.int64) * 1000
    return Points(numbers[order], steps[order], values[order].astype(np.float64), times)


# The place of a file: its run's name, and the training that it is of.

_OF_PARAMETERS = re.compile(r"\d{9,11}\.\d+")
"""Directories that `add_hparams` makes, beside the files of the training: a time."""
_PARAMETERS_TAG = b"_hparams_/session_start_info"
_METADATA, _PLUGIN, _CONTENT_OF_PLUGIN, _SESSION_START, _ENTRIES = 9, 1, 2, 3, 1
"""The fields on the way to them, from `summary.proto` and the plugin's `plugin_data.proto`."""
_AS_NUMBER, _AS_TEXT, _AS_BOOL = 2, 3, 4

_IN_DIRECTORY = re.compile(r"(.+/)[^/]*\.tfevents[^/]*")
_FILES = ("out.tfevents*", "*.out.tfevents*")


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how an event file is read: TensorBoard shows its directory as a run of its own.

    It has a prefix if the directory above has event files too, or if its name is a part of the
    data.
    """
    if not fits(path.name, _FILES):
        return None
    if root is None:
        return FoundFile()
    directory, fold = path.parent, fold_prefix(path.parent, root)
    for parent in directory.parents:
        if parent.is_relative_to(root) and _has_events(parent):
            return FoundFile(f"{fold}{directory.relative_to(parent).as_posix()}/")
    if directory != root and is_part(directory.name):
        return FoundFile(f"{fold}{directory.name}/")
    return FoundFile(fold)


def _has_events(directory: Path) -> bool:
    try:
        return any(fits(path.name, _FILES) for path in directory.iterdir())
    except OSError as error:
        raise_shortage(error)
        return False


def history(key: str) -> str | None:
    """Return the directory of an event file, whose files are one history; None for another file."""
    found = _IN_DIRECTORY.fullmatch(key)
    return found[1] if found else None


def training(place: Place) -> Training | None:
    """Return the training of a directory of event files, with what writers put below it."""
    parts = [Place.of(place / name) for name in place.directories if is_part(name)]
    if any(fits(name, _FILES) for one in (place, *parts) for name in one.files):
        events = [name for name in place.files if fits(name, _FILES)]
        params = parameters(place / events[0]) if events else None
        return of_directory("tfevents", place, clear_name(place), params)
    return None


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for the file of `add_hparams`: parameters, and last values without steps."""
    in_own = bool(directories) and _OF_PARAMETERS.fullmatch(directories[-1]) is not None
    return in_own and fits(name, _FILES)


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return what `add_hparams` wrote for the training of an event file; None if it did not."""
    if not fits(path.name, _FILES):
        return None
    place = Place.of(path.parent)
    below = [Place.of(place / one) for one in place.directories if _OF_PARAMETERS.fullmatch(one)]
    beside = [one / name for one in below for name in one.files if fits(name, _FILES)]
    found: dict[str, Any] = {}
    for file in (path, *beside):
        found |= _parameters(files.head(file, _HEAD_OF_PARAMETERS))
    return found or None


def _parameters(block: bytes) -> dict[str, Any]:
    """Return the parameters in some records: messages in a summary's metadata."""
    found: dict[str, Any] = {}
    places = _walk(block) if _PARAMETERS_TAG in block else [0]
    for begin, end in pairwise(places):
        with suppress(*DAMAGED):
            frame = block[begin:end]
            if _PARAMETERS_TAG not in frame or not _has_checksum(frame):
                continue
            message = frame[_HEADER.size : -_CHECKSUM.size]
            for key in (_SUMMARY, _VALUE, _METADATA, _PLUGIN, _CONTENT_OF_PLUGIN, _SESSION_START):
                message = _inside(message, key)
            for key, entry, _at in fields(message):
                if key == _ENTRIES:
                    name, value = _inside(entry, 1), _inside(entry, 2)
                    found[name.decode("utf-8", "replace")] = _any_value(value)
    return found


def _inside(message: bytes, wanted: int) -> bytes:
    """Return the first field of a message with some key."""
    found = (value for key, value, _at in fields(message) if key == wanted)
    return next((value for value in found if isinstance(value, bytes)), b"")


def _any_value(message: bytes) -> Any:
    """Return the value in a `google.protobuf.Value`: a number, a text or a bool."""
    for key, value, _at in fields(message):
        if key == _AS_NUMBER:
            (number,) = struct.unpack("<d", value)
            return int(number) if number.is_integer() else number
        if key == _AS_TEXT:
            return value.decode("utf-8", "replace")
        if key == _AS_BOOL:
            return bool(value)
    return None
