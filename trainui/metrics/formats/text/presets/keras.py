"""Keras's progress bars, redrawn or one line per epoch, for all versions.

The rule: an epoch is one row, with its last numbers; the bars of `evaluate` are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row

_HEADING = re.compile(r"Epoch (\d+)/\d+\s*")
_BAR = re.compile(r"\s*(?P<at>\d+)/(?P<of>\d+|Unknown)\s+(?P<bar>\S.*)|\s*- (?P<line>\d+s .*)")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:h|m|min|s|ms|us|μs)\b.*|ETA: .*")


class Keras(Preset):
    """Remembers the epoch, its last numbers, and which of them were already returned."""

    has_steps = False

    def read(self, line: str) -> Sequence[Row]:
        """Return the epoch that a line ends."""
        if heading := _HEADING.fullmatch(line):
            before = self.finish()
            self.memory.update(epoch=int(heading[1]), row={}, given=[], at=0, of=None)
            return before
        if self.memory.get("epoch") is None or (bar := _BAR.match(line)) is None:
            return NOTHING
        parts = line[bar.start("bar") if bar["bar"] else bar.start("line") :].split(" - ")
        row = _numbers(parts)
        if not self._is_own_bar(bar):
            return self.finish()
        if not row:
            return NOTHING
        self.memory["row"] = row
        return self._new_rows() if line.endswith("\n") and bar["at"] == bar["of"] else NOTHING

    def _is_own_bar(self, bar: re.Match[str]) -> bool:
        """Return True if a bar continues the epoch's own; `evaluate` starts another."""
        if not bar["bar"]:
            return True
        at, of, memory = int(bar["at"]), bar["of"], self.memory
        own = at >= memory.get("at", 0) and memory.get("of") in (None, of)
        if own:
            memory["at"], memory["of"] = at, of
        return own

    def _new_rows(self) -> Sequence[Row]:
        memory: dict[str, Any] = self.memory
        new = {name: value for name, value in memory["row"].items() if name not in memory["given"]}
        memory["given"] = [*memory["given"], *new]
        return [{STEP: float(memory["epoch"]), **new}] if new else NOTHING

    def finish(self) -> Sequence[Row]:
        """Return the epoch that was drawn last."""
        if self.memory.get("epoch") is None:
            return NOTHING
        rows = self._new_rows()
        self.memory["epoch"] = None
        return rows


def _numbers(parts: Sequence[str]) -> Row:
    row: Row = {}
    for part in parts:
        name, colon, value = part.strip().rpartition(": ")
        number = to_number(value)
        if colon and number is not None and not _DURATION.fullmatch(part.strip()):
            row[name] = number
    return row
