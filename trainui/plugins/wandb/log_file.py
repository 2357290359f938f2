"""W&B's `run-ID.wandb`, of which the history is read: rows, and definitions of step metrics.

Its records are in LevelDB's frames with another checksum; the messages are those of
`wandb_internal.proto`: https://github.com/wandb/wandb. Records are found by their first bytes, many
at once with NumPy: two of three are summaries, so walking from frame to frame takes most of the
time. A checksum distinguishes a record from bytes that only look like one, and from one that is not
written yet.

A row is a list of items, in random order, and a step. Nearly all items are a key and a short number
as JSON: those of many rows are decoded together, all others one by one.

The rule of steps: a run's `define_metric` says which metric is the step of which others, by name or
by the longest prefix that fits (`val/*`). A row without the step metric has its last value, and
W&B's own step before there was one.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trainui.plugin import Answer
from trainui.plugin.reading import (
    NO_TIME,
    Bools,
    Bytes,
    Decoded,
    Decoder,
    Floats,
    Ints,
    Points,
    Steps,
    UnknownFormatError,
    WholeTable,
    dotted_numbers,
    signed,
    whole_steps,
)
from trainui.plugin.reading import PROTOBUF_ERRORS as DAMAGED
from trainui.plugin.reading import protobuf_fields as fields

_NAME, _GLOB, _STEP_METRIC = 1, 2, 4

_LATEST = 1e11
"""Seconds since 1970 above which a time is none."""
_PADDING = 256
"""Bytes behind the rows: more than a short value has."""

_FEW = 4
"""Fewer rows than this are not worth decoding together."""

_LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""

_OWN_STEP = "_step"

Cells = Mapping[str, tuple[Ints, Floats]]
"""By key: the numbers of rows, and their values."""


class StepMetrics:
    """The step metrics that were defined so far, and their last values."""

    def __init__(self, named: str | None, state: dict[str, Any]) -> None:
        """Continue from a state, which is changed; `named` is the source's own step metric."""
        self.named = None if named == _OWN_STEP else named
        """The step that the source's definition names: it is no series."""
        self.state = state

    def define(self, message: bytes) -> None:
        """Note what a call of `define_metric` says."""
        found: dict[int, str] = {
            key: value.decode("utf-8", "replace")
            for key, value, _at in fields(message)
            if key in (_NAME, _GLOB, _STEP_METRIC)
        }
        of = "" if found.get(_STEP_METRIC) == _OWN_STEP else found.get(_STEP_METRIC, "")
        if _NAME in found:
            self.state.setdefault("names", {})[found[_NAME]] = of
        elif found.get(_GLOB, "").endswith("*"):
            self.state.setdefault("prefixes", {})[found[_GLOB][:-1]] = of

    def uses(self, name: str) -> bool:
        """Return True if a key may be the step metric of others."""
        known = (self.state.get(kind, {}).values() for kind in ("names", "prefixes"))
        return name == self.named or any(name in names for names in known)

    def steps(self, cells: Cells, own: Ints) -> Mapping[str, Steps]:
        """Return the steps of all rows for each metric that has a step metric.

        `own` are the rows' steps as W&B counts them.
        """
        if self.named is None and not self.state:
            return {}
        step_metrics = {name: found for name in cells if (found := self._of(name))}
        steps = {name: self._filled(cells, name, own) for name in set(step_metrics.values())}
        return {name: steps[of] for name, of in step_metrics.items()}

    def _of(self, name: str) -> str:
        """Return a metric's step metric; empty if it has none."""
        if self.named is not None:
            return self.named
        by_prefix = self.state.get("prefixes", {})
        fitting = max(filter(name.startswith, by_prefix), key=len, default=None)
        general = "" if fitting is None else str(by_prefix[fitting])
        if general == name:  # the step of all others is its own step too
            return name
        return str(self.state.get("names", {}).get(name, general))

    def _filled(self, cells: Cells, name: str, own: Ints) -> Steps:
        """Return the values of a step metric in all rows."""
        rows, values = cells.get(name, (np.empty(0, np.int64), np.empty(0)))
        known = np.isfinite(values)
        rows, values = rows[known], values[known]
        last = self.state.get("last", {}).get(name)
        before = own.astype(np.float64) if last is None else np.full(len(own), last)
        at = np.searchsorted(rows, np.arange(len(own)), side="right") - 1
        steps = np.where(at < 0, before, np.append(values, 0.0)[at])
        if len(values):
            self.state.setdefault("last", {})[name] = float(values[-1])
        return whole_steps(steps)


OWN = frozenset({"_step", "_runtime", "_timestamp", "_wandb"})
"""W&B's own keys."""
_TIME = "_timestamp"

_ITEM, _STEP = 1, 2
_ITEM_TAG, _STEP_TAG = 0x0A, 0x12
_KEY, _NESTED_KEY, _VALUE_JSON = 1, 2, 16
_VALUE_TAG = b"\x82\x01"
"""The tag of `value_json`."""
_BEFORE_VALUE = 3
"""Bytes from that tag to the value: the tag and the size."""
_BOOLEAN, _INTEGER, _NUMBER, _TEXT, _JSON = 4, 5, 6, 7, 8
"""Fields of an item whose value has a type, instead of being JSON."""

MEDIA = "._type"
"""Where a row has `img._type`, nothing below `img` is a metric."""


def series(rows: Sequence[bytes], step_metrics: StepMetrics) -> dict[str, Points]:
    """Return the series of some rows."""
    read = _Rows(rows, step_metrics)
    cells = read.cells()
    times, steps_of = _times(cells, len(rows)), step_metrics.steps(cells, read.steps)
    found = {}
    for name, (numbers, values) in cells.items():
        if name.partition(".")[0] in OWN or name == step_metrics.named:
            continue
        steps = steps_of.get(name, read.steps)
        if read.media:
            kept = [not _is_below(read.media, number, name) for number in numbers.tolist()]
            numbers, values = numbers[kept], values[kept]
        if len(numbers):
            found[name] = Points(numbers, steps[numbers], values, times[numbers])
    return found


class _Rows:
    """The steps and items of some rows."""

    def __init__(self, rows: Sequence[bytes], step_metrics: StepMetrics) -> None:
        self._step_metrics = step_metrics
        self.steps = np.zeros(len(rows), np.int64)
        self.media: set[tuple[int, str]] = set()
        """Numbers of rows, and names below which nothing is a metric."""
        self._parts: dict[str, list[tuple[Ints, Floats]]] = defaultdict(list)
        left = list(range(len(rows)))
        if len(rows) >= _FEW:
            known = self._add_together(_short_items(rows))
            left = left if known is None else known
        for number in left:
            with suppress(*DAMAGED):
                self._add_row(number, rows[number])

    def cells(self) -> Cells:
        """Return the numbers of each key."""
        return {name: _joined(parts) for name, parts in self._parts.items()}

    def _add_together(self, short: _ShortItems) -> list[int] | None:
        """Add rows of short items; return the numbers of the others; None if that is impossible."""
        named = list(self._named(short))
        every = np.concatenate([np.empty(0, np.int64), *(items for _name, items in named)])
        values = short.values(every)
        if values is None:
            return None
        self.steps[short.is_whole] = short.steps[short.is_whole]
        begin = 0
        for name, items in named:
            rows, found = short.rows[items], values[begin : begin + len(items)]
            begin += len(items)
            if isinstance(found, list):
                for row, value in zip(rows.tolist(), found, strict=True):
                    self._add(row, name, value)
            else:
                self._parts[name].append((rows, found))
        return np.flatnonzero(~short.is_whole).tolist()

    def _named(self, short: _ShortItems) -> Iterator[tuple[str, Ints]]:
        """Yield each name, of which something is shown, with the numbers of its items."""
        for head, items in _by_head(short):
            with suppress(*DAMAGED):
                name = read_item(head)[0]
                is_own = name != _TIME and name.partition(".")[0] in OWN
                if not is_own or self._step_metrics.uses(name):
                    yield name, items

    def _add_row(self, number: int, row: bytes) -> None:
        for key, message, _at in fields(row):
            if key == _ITEM:
                self._add(number, *read_item(message))
            elif key == _STEP:
                step = next((value for inner, value, _ in fields(message) if inner == 1), 0)
                self.steps[number] = signed(step % 2**64)

    def _add(self, row: int, name: str, value: Any) -> None:
        if name.endswith(MEDIA):
            self.media.add((row, name.removesuffix(MEDIA)))
        for inner, number in dotted_numbers(name, value):
            self._parts[inner].append((np.array([row]), np.array([number])))


def last_values(rows: Sequence[bytes]) -> tuple[dict[str, tuple[int, Any]], list[int]]:
    """Return the last value of each key, with its row's number, and the rows that are not read.

    These are rows that have other than short items.
    """
    if not rows:
        return {}, []
    short = _short_items(rows)
    values = short.values(np.arange(len(short.rows)))
    if values is None:
        return {}, list(range(len(rows)))
    found: dict[str, tuple[int, Any]] = {}
    for head, items in _by_head(short):
        last = int(items[-1])
        value: Any = values[last]
        if isinstance(value, float):  # one of NumPy's, too
            value = int(value) if value.is_integer() else float(value)
        found[read_item(head)[0]] = int(short.rows[last]), value
    return found, np.flatnonzero(~short.is_whole).tolist()


def read_item(item: bytes) -> tuple[str, Any]:
    """Return an item's name and its value."""
    names, value = [], None
    for key, content, _at in fields(item):
        if key in (_KEY, _NESTED_KEY):
            names.append(content.decode("utf-8", "replace"))
        elif key in (_VALUE_JSON, _JSON):
            value = _load(content)
        elif key == _NUMBER:
            (value,) = struct.unpack("<d", content)
        elif key == _INTEGER:
            value = (content >> 1) ^ -(content & 1)
        elif key == _BOOLEAN:
            value = bool(content)
        elif key == _TEXT:
            value = content.decode("utf-8", "replace")
    return ".".join(names), value


def _load(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _ShortItems(NamedTuple):
    """The items of those rows that have only short ones."""

    data: Bytes
    is_whole: Bools
    """Of each row: it is among them."""
    steps: Ints
    """Of each row."""
    rows: Ints
    """The number of each item's row."""
    heads: Ints
    """The offset of each item's key."""
    sizes: Ints
    """The size of each item's key."""
    ends: Ints
    """The offset of each item's end."""

    def values(self, items: Ints) -> Floats | list[Any] | None:
        """Return the values of some items: a list if they are not numbers alone; None: damaged."""
        begins = self.heads[items] + self.sizes[items] + _BEFORE_VALUE
        return _values(self.data, begins, self.ends[items])


def _short_items(rows: Sequence[bytes]) -> _ShortItems:
    """Return the short items, found by the tags of their values."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    ends = np.cumsum(lengths)
    data = np.frombuffer(b"".join(rows) + bytes(_PADDING), np.uint8)
    tags = np.flatnonzero(data[:-_PADDING] == _VALUE_TAG[0])
    tags = tags[data[tags + 1] == _VALUE_TAG[1]]
    row = np.searchsorted(ends, tags, side="right")
    # The last bytes of a row's step may look as a tag, but no size follows.
    has_size = tags + 2 < ends[row]
    tags, row = tags[has_size], row[has_size]
    following = tags + 3 + data[tags + 2]
    is_first = np.diff(row, prepend=-1) > 0
    begins = np.where(is_first, (ends - lengths)[row], np.roll(following, 1))
    begins = np.minimum(begins, tags)
    fits = (data[begins] == _ITEM_TAG) & (data[begins + 1] < 128) & (begins + 3 < tags)
    fits &= (begins + 2 + data[begins + 1] == following) & (following <= ends[row])
    items_end = np.full(len(rows), len(data) - 1)
    items_end[row] = following  # of the last one
    steps, is_whole = _steps(data, np.minimum(items_end, ends), ends)
    is_whole &= np.bincount(row, minlength=len(rows)) > 0
    is_whole &= np.bincount(row[~fits], minlength=len(rows)) == 0
    kept = is_whole[row]
    heads = begins[kept] + 2
    sizes = tags[kept] - heads
    return _ShortItems(data, is_whole, steps, row[kept], heads, sizes, following[kept])


def _steps(data: Bytes, begins: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """Return the rows' steps, and a mask of those that end with one or with nothing else."""
    sizes = ends - begins - 3
    steps = np.zeros(len(ends), np.int64)
    fits = (data[begins] == _STEP_TAG) & (data[begins + 1] == sizes + 1) & (sizes < 9)
    fits &= (data[begins + 2] == 0x08) & (sizes > 0)
    for index in range(8):
        byte, is_part = data[begins + 3 + index], fits & (index < sizes)
        steps |= np.where(is_part, (byte.astype(np.int64) & 0x7F) << (7 * index), 0)
        fits &= ~is_part | ((byte >= 128) == (index < sizes - 1))
    return steps, fits | (ends == begins)


def _values(data: Bytes, begins: Ints, ends: Ints) -> Floats | list[Any] | None:
    """Return the values at some places, decoded as one JSON list; None if they cannot be."""
    sizes = ends - begins
    order = np.argsort(sizes.astype(np.uint8), kind="stable")  # a size is a byte
    parts, at = [], 0
    for size, count in enumerate(np.bincount(sizes).tolist()):
        if count:
            cells = np.full((count, size + 1), ord(","), np.uint8)
            cells[:, :size] = sliding_window_view(data, size)[begins[order[at : at + count]]]
            parts.append(cells.tobytes())
            at += count
    whole = b"[" + b"".join(parts)[:-1] + b"]"
    try:
        decoded: Any = array("d", msgspec.json.decode(whole, type=list[float]))
    except msgspec.MsgspecError:
        decoded = _load(whole)  # with a NaN, or with something other than numbers
    if decoded is None or len(decoded) != len(begins):
        return None
    if isinstance(decoded, list):
        return [decoded[at] for at in np.argsort(order).tolist()]
    values = np.empty(len(begins))
    values[order] = decoded
    return values


def _by_head(short: _ShortItems) -> Iterator[tuple[bytes, Ints]]:
    """Yield the numbers of the items that have the same key, by its bytes."""
    for size in np.flatnonzero(np.bincount(short.sizes)).tolist():
        items = np.flatnonzero(short.sizes == size)
        words = _words(short.data, short.heads[items], size)
        while len(items):
            same = np.logical_and.reduce([column == column[0] for column in words])
            at = short.heads[items[0]]
            head = short.data[at : at + size].tobytes()
            if same.all():
                yield head, items
                break
            yield head, items[same]
            items, words = items[~same], [column[~same] for column in words]


def _words(data: Bytes, begins: Ints, size: int) -> list[Ints]:
    """Return some bytes at each place as numbers of eight bytes, which are compared faster."""
    count = (size + 7) // 8
    words = sliding_window_view(data, 8 * count)[begins].view("<i8")
    words[:, -1] &= (1 << 8 * (size - 8 * (count - 1))) - 1 if size % 8 else -1
    return list(words.T)


def _times(cells: Cells, count: int) -> Ints:
    times = np.full(count, NO_TIME, np.int64)
    if _TIME in cells:
        rows, seconds = cells[_TIME]
        plausible = (seconds > 0) & (seconds < _LATEST)
        times[rows[plausible]] = np.rint(seconds[plausible] * 1e6).astype(np.int64)
    return times


def _joined(parts: list[tuple[Ints, Floats]]) -> tuple[Ints, Floats]:
    """Return the parts of a column, in the order of their rows."""
    if len(parts) == 1:
        return parts[0]
    rows, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rows, kind="stable")
    return rows[order], values[order]


def _is_below(media: set[tuple[int, str]], row: int, name: str) -> bool:
    """Return True if a name is a part of an image, a table or the like."""
    names = name.split(".")
    return any((row, ".".join(names[:count])) in media for count in range(1, len(names)))


BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

_FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY, SUMMARY, METRIC = 2, 3, 12
"""The fields of a record that has a row, a summary or a definition."""

Content = tuple[int, int, bytes]
"""The end of a record, the key of a field of it, and what that contains."""

_NUMBER_TAG = 0x08
"""The first byte of a record: the tag of its number."""
_BEGUN = bytes((FIRST, _NUMBER_TAG))
"""The first bytes of a record that begins in one block and ends in another."""
_LONGEST_HEAD = 16
"""More bytes than the short head of a record has, behind the kind of its fragment."""


def contents(data: bytes, offset: int, *wanted: int) -> list[Content]:
    """Return what whole records contain by the wanted fields, in the order of the log.

    `offset` is the place of the data in the file, to which blocks are aligned.
    """
    found, others = _in_short_form(data, wanted)
    for kind_at in others:
        checksum, length = struct.unpack_from("<IH", data, kind_at + 1 - _FRAME.size)
        end = kind_at + 1 + length
        if zlib.crc32(data[kind_at:end]) == checksum:
            found += _by_field(data[kind_at + 1 : end], end, wanted)
    for end, record in _in_several_fragments(data, offset):
        found += _by_field(record, end, wanted)
    return sorted(found, key=itemgetter(0))


def _by_field(record: bytes, end: int, wanted: tuple[int, ...]) -> Iterator[Content]:
    """Yield what a record contains; nothing if it is damaged."""
    with suppress(*DAMAGED):
        for key, content, _at in fields(record):
            if key in wanted:
                yield end, key, content


def _in_short_form(data: bytes, wanted: tuple[int, ...]) -> tuple[list[Content], list[int]]:
    """Return the records of the usual form, and where others that may be wanted may begin.

    The usual form is one fragment with a number of up to three bytes, then a wanted field whose
    size takes one or two. One by one, finding them takes longer than decoding them. The others are
    returned as the offsets of what may be the kind of a fragment.
    """
    whole = np.frombuffer(data, np.uint8)
    first = _FRAME.size - 1
    kinds = np.flatnonzero(whole[first + 1 :] == _NUMBER_TAG) + first
    kinds = kinds[whole[kinds] == FULL]
    last = kinds[kinds >= len(data) - _LONGEST_HEAD].tolist()
    kinds = kinds[: len(kinds) - len(last)]
    tags = kinds + 3
    for _byte in range(2):
        tags += whole[tags - 1] >= 0x80
    may_be_wanted = np.arange(256) >= 0x80  # a tag of several bytes
    may_be_wanted[[key << 3 | 2 for key in wanted if key < 16]] = True
    is_kept = may_be_wanted[whole[tags]] | (whole[tags - 1] >= 0x80)
    kinds, tags = kinds[is_kept], tags[is_kept]
    low, high = whole[tags + 1], whole[tags + 2]
    # a set high bit: the number, the tag, or the size has more bytes
    is_short = (whole[tags - 1] | whole[tags] | (low & high)) < 0x80
    others = kinds[~is_short].tolist()
    kinds, tags, low, high = (one[is_short] for one in (kinds, tags, low, high))
    has_two = low >= 0x80
    begins = tags + 2 + has_two
    sizes = (low & 0x7F) + np.where(has_two, high, 0).astype(np.int64) * 128
    ends = kinds + 1 + _little(whole, kinds - 2, 2)
    sums = _little(whole, kinds - 6, 4)
    keys = whole[tags] >> 3
    columns = (one.tolist() for one in (kinds, ends, keys, begins, begins + sizes, sums))
    crc32 = zlib.crc32
    found = [
        (end, key, data[begin:stop])
        for kind_at, end, key, begin, stop, checksum in zip(*columns, strict=True)
        if crc32(data[kind_at:end]) == checksum
    ]
    return found, others + last


def _little(whole: Bytes, at: Ints, size: int) -> Ints:
    """Return the little-endian numbers at some places."""
    number = np.zeros(len(at), np.int64)
    for byte in range(size):
        number |= whole[at + byte].astype(np.int64) << 8 * byte
    return number


def _in_several_fragments(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the content of records that begin in one block and end in another."""
    for edge in range(BLOCK - offset % BLOCK, len(data), BLOCK):
        if (part := fragment(data, edge)) is None or part[0] not in (MIDDLE, LAST):
            continue
        if (begun := _begun(data, max(edge - BLOCK, 0), edge)) is None:
            continue
        parts = [begun]
        while part is not None and part[0] == MIDDLE:
            parts.append(part[1])
            edge += BLOCK
            part = fragment(data, edge)
        if part is not None and part[0] == LAST:
            yield edge + _FRAME.size + len(part[1]), b"".join((*parts, part[1]))


def _begun(data: bytes, start: int, edge: int) -> bytes | None:
    """Return the fragment that begins a record and ends at the edge of a block."""
    if fragment(data, edge - _FRAME.size) == (FIRST, b""):
        return b""
    at = data.rfind(_BEGUN, start, edge)
    while at >= 0:
        part = fragment(data, at + 1 - _FRAME.size)
        if part is not None and at + 1 + len(part[1]) == edge:
            return part[1]
        at = data.rfind(_BEGUN, start, at + 1)
    return None


def fragment(data: bytes, at: int) -> tuple[int, bytes] | None:
    """Return the kind of a fragment and what it contains; None if there is no whole one."""
    if not 0 <= at <= len(data) - _FRAME.size:
        return None
    checksum, length, kind = _FRAME.unpack_from(data, at)
    begin = at + _FRAME.size
    whole = begin + length <= len(data)
    if not whole or zlib.crc32(data[begin - 1 : begin + length]) != checksum:
        return None
    return kind, data[begin : begin + length]


MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""


def recognise(head: bytes, path: Path, complete: bool) -> Answer:
    """Recognise a log by its first bytes."""
    del path, complete
    return Answer.YES if head.startswith(MAGIC) else Answer.NO


class NewerWandbError(UnknownFormatError):
    """A file of a version that is not known."""


class WandbFile(Decoder):
    """Decodes the history of a run.

    The step is the run's step metric, else W&B's own, which counts the calls of `log`.
    """

    name = "wandb"
    has_marked_ends = True

    _found: tuple[int, list[Content]] = (0, [])
    """Of the last block cut: its size, and the rows and definitions in it."""

    def begin_at(self, offset: int) -> None:
        """Note the offset: frames are aligned to the file."""
        self.state["offset"] = offset

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records.

        Raises:
            NewerWandbError: the file's version is not known.
        """
        offset = self.state.get("offset", 0)
        if not offset and not (data.startswith(_HEADER) or _HEADER.startswith(data)):
            raise NewerWandbError(
                f"{self._path} has a newer version of W&B's log format than 0, the only one that "
                "trainui reads; write the metrics to another file too"
            )
        records = contents(data, offset, HISTORY, METRIC)
        size = records[-1][0] if records else _before_last_record(data, offset)
        self._found = size, records
        return size

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._found[0] != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole = WholeTable()
        for key, group in groupby(self._found[1], key=itemgetter(1)):
            messages = [message for _end, _key, message in group]
            if key == HISTORY:
                whole.add(Decoded(series(messages, step_metrics), len(messages)))
                continue
            for definition in messages:
                with suppress(*DAMAGED):
                    step_metrics.define(definition)
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()


def _before_last_record(data: bytes, offset: int) -> int:
    """Return where the last record begins that is first in its block; 0 if there is none.

    The parts of a record that is too long count as such, so that it is skipped.
    """
    edges = range(BLOCK - offset % BLOCK, len(data), BLOCK)
    for edge in reversed(edges):
        if (part := fragment(data, edge)) is not None and part[0] in (FULL, FIRST):
            return edge
    return edges[-1] if len(data) > _LONGEST - 2 * BLOCK else 0
