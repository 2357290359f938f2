"""W&B's `run-ID.wandb`: framed protobuf records, of which history and configuration are read.

The frames are LevelDB's log with another checksum; the messages are `wandb_internal.proto`'s:
https://github.com/wandb/wandb. Records are found by their first bytes: two of three are summaries,
so walking from frame to frame takes most of the time. What is no frame has another checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import chain, groupby
from operator import itemgetter

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.protobuf import DAMAGED, fields
from trainui.metrics.formats.table import Decoded, WholeTable
from trainui.metrics.formats.wandb import short_rows
from trainui.metrics.formats.wandb.frames import (
    BLOCK,
    FIRST,
    FRAME,
    FULL,
    HISTORY_TAG,
    METRIC_TAG,
    SUMMARY_TAG,
    Content,
    fragment,
    framed,
    records_in_several,
)
from trainui.metrics.formats.wandb.rows import series
from trainui.metrics.formats.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""

_TAGS = HISTORY_TAG, METRIC_TAG

_SIZE = rb"[\x80-\xff]{0,4}[\0-\x7f]"
_NUMBER = rb"\x08[\x80-\xff]{0,9}[\0-\x7f]"
_INFO = rb"(?:\x82\x01|\x9a\x01|\xc2\x0c)"
"""The tags of what a record of the training's own has in front, by version: fields 16, 19, 200."""
_HEAD = _NUMBER + rb"(?:([\x12\x62])(" + _SIZE + rb")|" + _INFO + rb")"
_WHOLE = re.compile(rb"\x01" + _HEAD, re.DOTALL)
_SUMMARY = re.compile(_NUMBER + rb"(?:\x1a" + _SIZE + rb"|(" + _INFO + rb"))", re.DOTALL)
_WHOLE_SUMMARY = re.compile(rb"\x01" + _SUMMARY.pattern, re.DOTALL)
_CONTENT = re.compile(_HEAD, re.DOTALL)

_LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""


class NewerWandbError(TrainuiError):
    """A file of a version that is not known."""

    code = "unknown_format"


class WandbFile(Decoder):
    """Decodes the history of a run.

    The step is the run's step metric, else W&B's own, which counts the calls of `log`.
    """

    name = "wandb"
    has_marked_ends = True

    _found: tuple[int, list[Content]] = (0, [])
    """Of the last block cut: its size, and the rows and definitions in it."""

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
        rows, others = short_rows.find(data)
        in_several = _in_several(data, offset, _CONTENT, *_TAGS)
        found = chain(rows, _in_one_fragment(data, others), in_several)
        records = sorted(found, key=itemgetter(0))
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
        for tag, group in groupby(self._found[1], key=itemgetter(1)):
            messages = [message for _end, _tag, message in group]
            if tag == HISTORY_TAG:
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


def summaries(data: bytes, offset: int) -> list[bytes]:
    """Return the summaries in some bytes, which begin at a record or at a block."""
    found = [*_in_several(data, offset, _SUMMARY, SUMMARY_TAG)]
    for head, end in framed(data, _WHOLE_SUMMARY.finditer(data, FRAME.size - 1)):
        if head[1] is None:
            found.append((end, SUMMARY_TAG, data[head.end() : end]))  # all of the rest
        else:
            found += _contents(data[head.start() + 1 : end], end, SUMMARY_TAG)
    found.sort(key=itemgetter(0))
    return [content for _end, _tag, content in found]


def _contents(record: bytes, end: int, *tags: int) -> Iterator[Content]:
    """Yield what a record contains by some tags; nothing if it is damaged."""
    with suppress(*DAMAGED):
        for key, content, _at in fields(record):
            if key << 3 | 2 in tags:
                yield end, key << 3 | 2, content


def _in_one_fragment(data: bytes, places: Iterable[int]) -> Iterator[Content]:
    """Yield the rows and definitions in one fragment whose kind is at one of some places."""
    for head, end in framed(data, filter(None, (_WHOLE.match(data, at) for at in places))):
        if head.lastindex is None:
            yield from _contents(data[head.start() + 1 : end], end, *_TAGS)
        else:
            size = sum((byte & 0x7F) << 7 * at for at, byte in enumerate(head[2]))
            yield end, head[1][0], data[head.end() : head.end() + size]


def _in_several(data: bytes, offset: int, head: re.Pattern[bytes], *tags: int) -> Iterator[Content]:
    """Yield what records in several fragments contain by some tags, if they begin with a head."""
    for end, record in records_in_several(data, offset):
        if head.match(record):
            yield from _contents(record, end, *tags)
