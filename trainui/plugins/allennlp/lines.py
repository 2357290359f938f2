"""AllenNLP: a table of training and validation below an epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import message, to_number

_LOGGER = r"(?:\S.* - )?"
"""The logger's name, which `message` keeps before a line that begins with blanks."""


class AllenNLP(LineReader):
    """`loss | 1.5 | 2.5` below `Training | Validation`; the epoch is printed before its table."""

    _epoch = re.compile(rf"{_LOGGER}Epoch (\d+)/\d+\s*")
    _header = re.compile(rf"{_LOGGER}\s*Training \|  Validation\s*")
    _row = re.compile(rf"{_LOGGER}(\S+) *\| +(\S+) +\| +(\S+)\s*")

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the metric of a row, of the training and of the validation."""
        line = message(line)
        if "Epoch " in line and (epoch := self._epoch.fullmatch(line)):
            self.memory.update(epoch=int(epoch[1]), table=False)
        if "|" not in line or "epoch" not in self.memory:
            return ()
        if self._header.fullmatch(line):
            self.memory["table"] = True
        found = self._row.fullmatch(line) if self.memory.get("table") else None
        if found is None:
            return ()
        name, *cells = found.groups()
        named = zip((name, f"val/{name}"), map(to_number, cells), strict=True)
        row = {name: value for name, value in named if value is not None}
        return [{"step": self.memory["epoch"], **row}] if row else ()
