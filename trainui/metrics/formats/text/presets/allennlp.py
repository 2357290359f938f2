"""AllenNLP's table at the end of each epoch: `loss | 1.5 | 2.5` below `Training | Validation`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row

_NAME = r"(?:\S.* - )?"
"""The logger's name, which `message` keeps before a line that begins with blanks."""


class AllenNLP(Preset):
    """Reads the rows of the tables; the epoch is printed before its table."""

    of_messages = True
    has_steps = False
    _epoch = re.compile(rf"{_NAME}Epoch (\d+)/\d+\s*")
    _header = re.compile(rf"{_NAME}\s*Training \|  Validation\s*")
    _row = re.compile(rf"{_NAME}(\S+) *\| +(\S+) +\| +(\S+)\s*")

    def read(self, line: str) -> Sequence[Row]:
        """Return the metric of a row, of the training and of the validation."""
        if "Epoch " in line and (epoch := self._epoch.fullmatch(line)):
            self.memory.update(epoch=int(epoch[1]), table=False)
        if "|" not in line or "epoch" not in self.memory:
            return NOTHING
        if self._header.fullmatch(line):
            self.memory["table"] = True
        found = self._row.fullmatch(line) if self.memory["table"] else None
        if found is None:
            return NOTHING
        name, *cells = found.groups()
        named = zip((name, f"val {name}"), map(to_number, cells), strict=True)
        row = {name: value for name, value in named if value is not None}
        return [{STEP: self.memory["epoch"], **row}] if row else NOTHING
