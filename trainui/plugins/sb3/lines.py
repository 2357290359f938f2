"""Stable-Baselines3, baselines, Spinning Up and Ray: boxes of names and values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import message, to_number

_ROW = re.compile(r"\| (?P<key>[^|]*?) *\| *(?P<value>[^\s|]*)[^|]*\|\s*")
_RULE = re.compile(r"-{3,}\s*")
_INDENT = "   "
_BOX = dict.fromkeys(range(0x2500, 0x2580), "-") | {ord("│"): "|"}
_BOXED = re.compile(r"\| (?P<key>\S+) {2,}(?P<value>[^\s|]+) +\|\s*")
"""A row of a box without a line between its columns."""
_TITLE = re.compile(r"\| Trial (?P<trial>\S+) result +\|\s*")
_STEPS = (
    *("step", "total_timesteps", "timestepssofar", "totalenvinteracts"),
    *("iteration", "training_iteration", "epoch"),
)
"""Names of a step, the most specific first."""


class Boxes(LineReader):
    """Each box is a row: `| rollout/ | |`, then `|    ep_rew_mean | 14.8 |` below it."""

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the box that a line ends."""
        line = message(line)
        row: NumberRow = self.memory.get("row", {})
        if "─" in line or "│" in line:
            return self._boxed(row, line.translate(_BOX))
        is_rule = _RULE.fullmatch(line) is not None
        found = _ROW.fullmatch(line) if "row" in self.memory else None
        if found and (row or to_number(found["value"]) is not None or found["key"].endswith("/")):
            self._add_cell(row, found["key"], found["value"])
            return None
        self.memory.pop("row", None)
        if is_rule:
            self.memory.update(row={}, group="")
        step = _step(row) if is_rule else None
        return _rows(row, step) if step else ()

    def _boxed(self, row: NumberRow, line: str) -> Sequence[NumberRow] | None:
        """Return the row of a box that a line ends; a box without a step has settings."""
        if title := _TITLE.fullmatch(line):
            self.memory["trial"] = title["trial"]
        if found := _BOXED.fullmatch(line):
            self._add_cell(row, found["key"], found["value"])
            return None
        if title or not _RULE.fullmatch(line):
            return None if title else ()
        self.memory["row"], trial = {}, self.memory.pop("trial", None) if row else None
        step = _step(row)
        if not step:
            return ()
        first = self.memory.setdefault("first", trial)
        return _rows(row, step, "" if trial == first else f"{trial}/")

    def _add_cell(self, row: NumberRow, key: str, value: str) -> None:
        """Add a cell; a key without a value is the group of the keys below it."""
        if not value and key.endswith("/"):
            self.memory["group"] = key
        elif (number := to_number(value)) is not None:
            group = self.memory.get("group", "") if key.startswith(_INDENT) else ""
            row[f"{group}{key.strip()}"] = number
        self.memory["row"] = row


def _step(row: NumberRow) -> str | None:
    names = {name.rpartition("/")[2].lower(): name for name in reversed(row)}
    return next((names[one] for one in _STEPS if one in names), None)


def _rows(row: NumberRow, step: str, prefix: str = "") -> Sequence[NumberRow]:
    return [{"step": row[step], **{f"{prefix}{name}": row[name] for name in row if name != step}}]
