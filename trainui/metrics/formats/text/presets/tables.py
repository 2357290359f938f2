"""Trainers that print a table or a block of lines: Stable-Baselines3, rsl_rl, AllenNLP and more."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import leading_number, to_number
from trainui.metrics.formats.table import step_fields
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row, prefixed

_ROW = re.compile(r"\| (?P<key>[^|]*?) *\| *(?P<value>[^\s|]*)[^|]*\|\s*")
_RULE = re.compile(r"-{3,}\s*")
_INDENT = "   "
_BOX = dict.fromkeys(range(0x2500, 0x2580), "-") | {ord("│"): "|"}
_BOXED = re.compile(r"\| (?P<key>\S+) {2,}(?P<value>[^\s|]+) +\|\s*")
"""A row of a box without a line between its columns."""
_TITLE = re.compile(r"\| Trial (?P<trial>\S+) result +\|\s*")

_LOGGER = r"(?:\S.* - )?"
"""The logger's name, which `message` keeps before a line that begins with blanks."""


class Table(Preset):
    """Each table is a row: `| rollout/ | |`, then `|    ep_rew_mean | 14.8 |` below it."""

    of_messages = True
    step = "TimestepsSoFar"  # baselines' name; Stable-Baselines3 uses one of the usual names

    def read(self, line: str) -> Sequence[Row]:
        """Return the table that a line ends."""
        row: Row = self.memory.setdefault("row", {})
        if "─" in line or "│" in line:
            return self._boxed(row, line.translate(_BOX))
        if found := _ROW.fullmatch(line):
            self._add_cell(row, found["key"], found["value"])
            return NOTHING
        self.memory["row"], self.memory["group"] = {}, ""
        return [row] if row and _RULE.fullmatch(line) else NOTHING

    def _boxed(self, row: Row, line: str) -> Sequence[Row]:
        """Return the row of a box that a line ends; a box without a step has settings."""
        if title := _TITLE.fullmatch(line):
            self.memory["trial"] = title["trial"]
        if found := _BOXED.fullmatch(line):
            self._add_cell(row, found["key"], found["value"])
            return NOTHING
        if title or not _RULE.fullmatch(line):
            return NOTHING
        self.memory["row"], trial = {}, self.memory.pop("trial", None) if row else None
        steps = step_fields(tuple(row), None)
        if not steps:
            return NOTHING
        first = self.memory.setdefault("first", trial)
        if trial != first:
            row = prefixed(f"{trial}/", row, steps)
        return [row]

    def _add_cell(self, row: Row, key: str, value: str) -> None:
        if not value and key.endswith("/"):
            self.memory["group"] = key
            return
        group = self.memory.get("group", "") if key.startswith(_INDENT) else ""
        if (number := to_number(value)) is not None:
            row[f"{group}{key.strip()}"] = number


class AllenNLP(Preset):
    """`loss | 1.5 | 2.5` below `Training | Validation`; the epoch is printed before its table."""

    of_messages = True
    has_steps = False
    _epoch = re.compile(rf"{_LOGGER}Epoch (\d+)/\d+\s*")
    _header = re.compile(rf"{_LOGGER}\s*Training \|  Validation\s*")
    _row = re.compile(rf"{_LOGGER}(\S+) *\| +(\S+) +\| +(\S+)\s*")

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
