"""Trainers that print a heading with the step, then lines of metrics: rsl_rl and elements."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import leading_number, to_number
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row


class RslRl(Preset):
    """`Learning iteration 0/40`, then right-aligned names: `Mean reward: 16.02`."""

    of_messages = True
    _heading = re.compile(r"\s*Learning iteration (\d+)/\d+\s*")
    _metric = re.compile(r" *([A-Za-z][^:]*): ([-+.\w]+?)(?:s| steps/s.*)?\s*", re.DOTALL)
    _end = re.compile(r"\s*ETA: .*", re.DOTALL)

    def read(self, line: str) -> Sequence[Row]:
        """Return the iteration that a line ends."""
        if heading := self._heading.fullmatch(line):
            before = self.finish()
            self.memory["row"] = {STEP: float(heading[1])}
            return before
        row: Row | None = self.memory.get("row")
        if row is None:
            return NOTHING
        if self._end.fullmatch(line):
            return self.finish()
        metric = self._metric.fullmatch(line)
        if metric and (number := to_number(metric[2])) is not None:
            row[metric[1]] = number
        return NOTHING

    def finish(self) -> Sequence[Row]:
        """Return the iteration that was printed last."""
        row = self.memory.pop("row", None)
        return [row] if row and len(row) > 1 else NOTHING


class Elements(Preset):
    """`[Step 10]` between dashes, then `train/loss 2.3 / train/grad_norm 0.43` (DreamerV3)."""

    of_messages = True

    _heading = re.compile(r"[-─\s]*\[Step ([\d_,]+)\][-─\s]*")
    _metric = re.compile(r"(\S+) (\S+)")

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers, if it follows a heading."""
        if heading := self._heading.fullmatch(line):
            self.memory[STEP] = float(re.sub(r"[_,]", "", heading[1]))
            return NOTHING
        if STEP not in self.memory or not line.strip():
            return NOTHING
        row = {STEP: self.memory.pop(STEP)}
        for part in line.strip().split(" / "):
            metric = self._metric.fullmatch(part.strip())
            number = leading_number(metric[2]) if metric else None
            if metric is None or number is None:
                return NOTHING
            row[metric[1]] = number
        return [row]
