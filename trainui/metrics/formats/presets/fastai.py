"""fastai's table: `epoch train_loss valid_loss accuracy time`, then a row an epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.presets.base import NOTHING, STEP, Preset, Row


class Fastai(Preset):
    """Remembers the table's names."""

    _cell = re.compile(r"\S+(?: \S+)*")

    def read(self, line: str) -> Sequence[Row]:
        """Return a row of the table."""
        cells = self._cell.findall(line)
        if cells[:1] == ["epoch"] and len(cells) > 2 and not any(map(to_number, cells)):
            self.memory["names"] = cells
            return NOTHING
        names = self.memory.get("names")
        if not names or len(cells) != len(names) or not cells[0].isdigit():
            return NOTHING
        row: Row = {STEP: float(cells[0])}
        for name, cell in zip(names[1:], cells[1:], strict=True):
            if (number := to_number(cell)) is not None:
                row[name] = number
        return [row]
