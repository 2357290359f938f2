"""W&B's `run-ID.wandb`, of which the history is read: rows, and definitions of step metrics.

Its records are in LevelDB's frames with another checksum; the messages are those of
`wandb_internal.proto`: https://github.com/wandb/wandb. A row is a list of items and a step.

The rule of steps: a run's `define_metric` says which metric is the step of which others, by name or
by the longest prefix that fits (`val/*`). A row without the step metric has its last value, and
W&B's own step before there was one.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from trainui.plugin import Answer
from trainui.plugin.reading import (
    NO_TIME,
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
_KEY, _NESTED_KEY, _VALUE_JSON = 1, 2, 16
_BOOLEAN, _INTEGER, _NUMBER, _TEXT, _JSON = 4, 5, 6, 7, 8
"""Fields of an item whose value has a type, instead of being JSON."""

MEDIA = "._type"
"""Where a row has `img._type`, nothing below `img` is a metric."""


def series(rows: Sequence[bytes], step_metrics: StepMetrics) -> dict[str, Points]:
    """Return the series of some rows."""
    read = _Rows(rows)
    times, steps_of = _times(read.cells, len(rows)), step_metrics.steps(read.cells, read.steps)
    found = {}
    for name, (numbers, values) in read.cells.items():
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

    def __init__(self, rows: Sequence[bytes]) -> None:
        self.steps = np.zeros(len(rows), np.int64)
        self.media: set[tuple[int, str]] = set()
        """Numbers of rows, and names below which nothing is a metric."""
        self._numbers: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for number, row in enumerate(rows):
            with suppress(*DAMAGED):
                self._add(number, row)
        self.cells: Cells = {
            name: (np.array(numbers), np.array(values, np.float64))
            for name, (numbers, values) in self._numbers.items()
        }

    def _add(self, number: int, row: bytes) -> None:
        for key, message, _at in fields(row):
            if key == _ITEM:
                name, value = read_item(message)
                if name.endswith(MEDIA):
                    self.media.add((number, name.removesuffix(MEDIA)))
                for inner, one in dotted_numbers(name, value):
                    numbers, values = self._numbers[inner]
                    numbers.append(number)
                    values.append(one)
            elif key == _STEP:
                step = next((value for inner, value, _ in fields(message) if inner == 1), 0)
                self.steps[number] = signed(step % 2**64)


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
    with suppress(ValueError, RecursionError):
        try:
            return msgspec.json.decode(text)
        except msgspec.MsgspecError:  # e.g. a NaN
            return json.loads(text)
    return None


def _times(cells: Cells, count: int) -> Ints:
    times = np.full(count, NO_TIME, np.int64)
    if _TIME in cells:
        rows, seconds = cells[_TIME]
        plausible = (seconds > 0) & (seconds < _LATEST)
        times[rows[plausible]] = np.rint(seconds[plausible] * 1e6).astype(np.int64)
    return times


def _is_below(media: set[tuple[int, str]], row: int, name: str) -> bool:
    """Return True if a name is a part of an image, a table or the like."""
    names = name.split(".")
    return any((row, ".".join(names[:count])) in media for count in range(1, len(names)))


MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

BLOCK = 32_768
"""No fragment crosses a multiple of this; fewer than 7 bytes before one are padding."""

_FRAME = struct.Struct("<IHB")
"""Of a fragment: checksum, length and kind."""
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY, SUMMARY, METRIC = 2, 3, 12
"""The fields of a record that has a row, a summary or a definition."""

Content = tuple[int, bytes]
"""The key of a field of a record, and what that contains."""


def contents(data: bytes, offset: int, *wanted: int) -> list[Content]:
    """Return what whole records contain by the wanted fields, in the order of the log.

    `offset` is the place of the data in the file, to which blocks are aligned.
    """
    records = whole_records(data, offset)
    return [found for _end, record in records for found in _by_field(record, wanted)]


def _by_field(record: bytes, wanted: tuple[int, ...]) -> Iterator[Content]:
    with suppress(*DAMAGED):
        for key, content, _at in fields(record):
            if key in wanted:
                yield key, content


def whole_records(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the content of each whole record.

    What is damaged ends with its block, and so does a record that begins before the data.
    """
    at, parts = 0 if offset else len(_HEADER), list[bytes]()
    while at + _FRAME.size <= len(data):
        next_block = at + BLOCK - (offset + at) % BLOCK
        checksum, length, kind = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + length
        if end > next_block or zlib.crc32(data[at + _FRAME.size - 1 : end]) != checksum:
            at, parts = next_block, []
            continue
        if kind in (FULL, FIRST):
            parts = [data[at + _FRAME.size : end]]
        elif parts:
            parts.append(data[at + _FRAME.size : end])
        if parts and kind in (FULL, LAST):
            yield end, b"".join(parts)
            parts = []
        at = end


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
        size, found = 0, list[Content]()
        for size, record in whole_records(data, offset):  # noqa: B007
            found += _by_field(record, (HISTORY, METRIC))
        if not size and len(data) > _LONGEST - 2 * BLOCK:
            size = len(data) - (offset + len(data)) % BLOCK
        self._found = size, found
        return size

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._found[0] != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole = WholeTable()
        for key, group in groupby(self._found[1], key=itemgetter(0)):
            messages = [message for _key, message in group]
            if key == HISTORY:
                whole.add(Decoded(series(messages, step_metrics), len(messages)))
                continue
            for definition in messages:
                with suppress(*DAMAGED):
                    step_metrics.define(definition)
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()
