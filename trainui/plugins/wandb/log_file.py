"""W&B's `run-ID.wandb`, of which the history is read: rows, and definitions of step metrics."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from trainui.plugin import Answer
from trainui.plugin.protobuf import DAMAGED
from trainui.plugin.reading import Decoded, Decoder, UnknownFormatError, WholeTable
from trainui.plugins.wandb.records import (
    BLOCK,
    FIRST,
    FULL,
    HISTORY,
    METRIC,
    Content,
    contents,
    fragment,
)
from trainui.plugins.wandb.rows import series
from trainui.plugins.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""

_LONGEST = 4 << 20
"""Bytes of a record; a longer one is skipped."""


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
