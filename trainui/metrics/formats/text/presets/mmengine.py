"""The log of MMEngine and the older MMCV: `Epoch(train) [1][10/38]  lr: 5.0e-02  loss: 2.2`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.text.presets.base import NOTHING, NUMBER, STEP, Preset, Row, numbers

_LINE = re.compile(
    r"(?:.*\s-?)?(?!Epoch +\[[ \d/]*\]\s)(?P<by>Epoch|Iter)(?:\((?P<mode>\w+)\))? +"
    r"(?:\[ *(?P<epoch>\d+)\])?\[ *(?P<at>\d+)(?:/ *(?P<of>\d+))?\]\s+(?=\S+: )"
)
_METRIC = re.compile(rf"([\w./@%-]+(?:\([^)]*\))?): ({NUMBER})(?=[\s,]|$)")
_NOT_OURS = frozenset({"eta"})
_ALSO_OF_TRAINING = re.compile(r"time|data_time|memory|loss.*|lr|base_lr|grad_norm")


class MMEngine(Preset):
    """Counts iterations across epochs; a validation's step is the end of its epoch."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        found = _LINE.match(line) if "Epoch" in line or "Iter" in line else None
        if found is None:
            return NOTHING
        pairs = [pair for pair in _METRIC.findall(line, found.end()) if pair[0] not in _NOT_OURS]
        row = numbers(pairs)
        mode = found["mode"] or "train"
        if mode != "train":
            row = {_apart(name, mode): value for name, value in row.items()}
        return [{STEP: self._step(found, mode), **row}] if row else NOTHING

    def _step(self, found: re.Match[str], mode: str) -> float:
        epoch, at = int(found["epoch"] or 0), int(found["at"])
        if mode == "train":
            if found["epoch"] and found["of"]:
                self.memory["of"] = int(found["of"])
                at += (epoch - 1) * int(found["of"])
            self.memory["last"] = at
            return at
        if found["epoch"] and "of" in self.memory:
            return float(epoch * self.memory["of"])
        return float(self.memory.get("last", epoch or at))


def _apart(name: str, mode: str) -> str:
    """Return a validation metric's name, prefixed if the training has one like it."""
    return f"{mode}/{name}" if mode == "test" or _ALSO_OF_TRAINING.fullmatch(name) else name
