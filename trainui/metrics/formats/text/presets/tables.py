"""Tables between lines of dashes, as printed by Stable-Baselines3 and OpenAI baselines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.text.presets.base import NOTHING, Preset, Row

_ROW = re.compile(r"\| (?P<key>[^|]*?) *\| *(?P<value>[^\s|]*)[^|]*\|\s*")
_RULE = re.compile(r"-{3,}\s*")
_INDENT = "   "


class Table(Preset):
    """Each table is a row: `| rollout/ | |`, then `|    ep_rew_mean | 14.8 |` below it."""

    step = "TimestepsSoFar"  # baselines' name; Stable-Baselines3 uses one of the usual names

    def read(self, line: str) -> Sequence[Row]:
        """Return the table that a line ends."""
        row: Row = self.memory.setdefault("row", {})
        if found := _ROW.fullmatch(line):
            self._add_cell(row, found["key"], found["value"])
            return NOTHING
        self.memory["row"], self.memory["group"] = {}, ""
        return [row] if row and _RULE.fullmatch(line) else NOTHING

    def _add_cell(self, row: Row, key: str, value: str) -> None:
        if not value and key.endswith("/"):
            self.memory["group"] = key
            return
        group = self.memory.get("group", "") if key.startswith(_INDENT) else ""
        number = to_number(value)
        if number is not None:
            row[f"{group}{key.strip()}"] = number
