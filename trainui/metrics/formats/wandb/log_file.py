"""W&B's `run-ID.wandb`: framed protobuf records, of which history and configuration are read.

The frames are LevelDB's log with another checksum; the messages are `wandb_internal.proto`'s:
https://github.com/wandb/wandb. The step is the run's step metric, else W&B's own, which counts the
calls of `log`.
"""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy

from trainui.errors import TrainuiError
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.protobuf import DAMAGED
from trainui.metrics.formats.table import Decoded, WholeTable
from trainui.metrics.formats.wandb import scan
from trainui.metrics.formats.wandb.rows import series
from trainui.metrics.formats.wandb.scan import ScannedRecords
from trainui.metrics.formats.wandb.step_metrics import StepMetrics

MAGIC = b":W&B"
_HEADER = MAGIC + b"\xe1\xbe\0"
"""The first bytes of a file, of which the last is the version."""

_STEP_METRICS = "step metrics"
"""Key in the state."""


class NewerWandbError(TrainuiError):
    """A file of a version that is not known."""

    code = "unknown_format"


class WandbFile(Decoder):
    """Decodes the history of a run."""

    name = "wandb"
    has_marked_ends = True

    _cut = ScannedRecords(0, [], [])
    """What the last block cut has."""

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
        self._cut = scan.find(data, offset)
        return self._cut.size

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records."""
        del first_row
        if self._cut.size != len(block):
            self.cut(block)
        self.state["offset"] = self.state.get("offset", 0) + len(block)
        step_metrics = StepMetrics(self._step, deepcopy(self.state.get(_STEP_METRICS, {})))
        whole, begin, rows = WholeTable(), 0, self._cut.rows
        for end, definition in (*self._cut.definitions, (len(rows), b"")):
            if begin < end:
                whole.add(Decoded(series(rows[begin:end], step_metrics), end - begin))
            begin = end
            with suppress(*DAMAGED):
                step_metrics.define(definition)
        if step_metrics.state:
            self.state[_STEP_METRICS] = step_metrics.state
        return whole.decoded()
