"""Tables and boxes that frameworks print for people, a row of numbers at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER, message, to_number

# Stable-Baselines3, baselines, Spinning Up and Ray: boxes of names and values.

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
        if line[0] not in "|-":
            line = message(line)
        row: NumberRow = self.memory.get("row", {})
        if "─" in line or "│" in line:
            return self._boxed(row, line.translate(_BOX))
        found = _ROW.fullmatch(line) if "row" in self.memory else None
        if found and (row or to_number(found["value"]) is not None or found["key"].endswith("/")):
            self._add_cell(row, found["key"], found["value"])
            return None
        self.memory.pop("row", None)
        is_rule = _RULE.fullmatch(line) is not None
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
        elif key.strip() != "Time" and (number := to_number(value)) is not None:  # since the start
            group = self.memory.get("group", "") if key.startswith(_INDENT) else ""
            row[f"{group}{key.strip()}"] = number
        self.memory["row"] = row


def _step(row: NumberRow) -> str | None:
    names = {name.rpartition("/")[2].lower(): name for name in reversed(row)}
    return next((names[one] for one in _STEPS if one in names), None)


def _rows(row: NumberRow, step: str, prefix: str = "") -> Sequence[NumberRow]:
    return [{"step": row[step], **{f"{prefix}{name}": row[name] for name in row if name != step}}]


# AllenNLP: a table of training and validation below an epoch.

_LOGGER = r"(?:\S.* - )?"
"""The logger's name, which `message` keeps before a line that begins with blanks."""


class AllenNLP(LineReader):
    """`loss | 1.5 | 2.5` below `Training | Validation`; the epoch is printed before its table."""

    _epoch = re.compile(rf"{_LOGGER}Epoch (\d+)/\d+\s*")
    _header = re.compile(rf"{_LOGGER}\s*Training \|  Validation\s*")
    _row = re.compile(rf"{_LOGGER}(\S+) *\| +(\S+) +\| +(\S+)\s*")

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the metric of a row, of the training and of the validation."""
        if "Epoch " in line and (epoch := self._epoch.fullmatch(line)):
            self.memory.update(epoch=int(epoch[1]), table=False)
        if "|" not in line or "epoch" not in self.memory:
            return ()
        line = message(line)
        if self._header.fullmatch(line):
            self.memory["table"] = True
        found = self._row.fullmatch(line) if self.memory.get("table") else None
        if found is None:
            return ()
        name, *cells = found.groups()
        named = zip((name, f"val/{name}"), map(to_number, cells), strict=True)
        row = {name: value for name, value in named if value is not None}
        return [{"step": self.memory["epoch"], **row}] if row else ()


# rsl_rl: right-aligned names below a heading.


class RslRl(LineReader):
    """`Learning iteration 0/40`, then right-aligned names: `Mean reward: 16.02`."""

    _heading = re.compile(r"\s*Learning iteration (\d+)/\d+\s*")
    _metric = re.compile(r" *([A-Za-z][^:]*): ([-+.\w]+?)(?:s| steps/s.*)?\s*", re.DOTALL)
    _end = re.compile(r"\s*ETA: .*", re.DOTALL)

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the iteration that a line ends."""
        line = message(line)
        if heading := self._heading.fullmatch(line):
            before = self.finish()
            self.memory["row"] = {"step": float(heading[1])}
            return before or None
        row: NumberRow | None = self.memory.get("row")
        if row is None:
            return ()
        if self._end.fullmatch(line):
            return self.finish() or None
        metric = self._metric.fullmatch(line)
        if metric and (number := to_number(metric[2])) is not None:
            row[metric[1]] = number
        return None

    def finish(self) -> Sequence[NumberRow]:
        """Return the iteration that was printed last."""
        row = self.memory.pop("row", None)
        return [row] if row and len(row) > 1 else ()


# Ultralytics and YOLOv5: the bars of an epoch, and the table below them.

_COLUMNS = re.compile(r"\s*Epoch\s+(?:GPU|gpu)_mem\s+(.*\S)\s*")
_ULTRALYTICS_ROW = re.compile(
    r"\s*(?P<epoch>\d+)/\d+\s+\S+\s+(?P<cells>[^:%|]*\d)\s*(?::.*)?", re.DOTALL
)
_TESTED = re.compile(
    r"\s*Class\s+Images\s+(?:Instances|Labels|Targets)?\s*(.*?)\s*:?\s*(?:\d+%.*)?", re.DOTALL
)
_CLASSIFIED = re.compile(r"\s*classes\s+top1_acc\s+top5_acc:?\s*(?:\d+%.*)?", re.DOTALL)
_ALL = re.compile(r"\s*all\s+(.*\S)\s*")
_NOT_LOSSES = frozenset({"Instances", "Size", "labels", "img_size", "total", "targets"})
_TYPES = {"Box": "B", "Mask": "M", "Pose": "P", "OBB": "B"}
_NAMES = {"P": "precision", "R": "recall"}


class Ultralytics(LineReader):
    """Remembers the headings, and the last numbers of the bar being drawn.

    Metric names are those of `results.csv`.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the epoch, or the validation, that a line ends."""
        if heading := _COLUMNS.fullmatch(line):
            rows = self.finish()
            self.memory["names"] = heading[1].split()
            return rows
        names = self.memory.get("names")
        if not names:
            return ()
        if bar := _ULTRALYTICS_ROW.fullmatch(line):
            return self._draw(int(bar["epoch"]), bar["cells"].split(), names) or None
        if _CLASSIFIED.fullmatch(line):
            self.memory["tested"] = ["metrics/accuracy_top1", "metrics/accuracy_top5"]
        elif tested := _TESTED.fullmatch(line):
            self.memory["tested"] = _tested_names(tested[1])
        elif values := _ALL.fullmatch(line):
            return [*self.finish(), *self._validated(values[1].split())]
        return ()

    def _draw(self, epoch: int, cells: Sequence[str], names: Sequence[str]) -> Sequence[NumberRow]:
        """Store a bar's numbers; return the previous epoch if this bar is of another."""
        if len(cells) < len(names):
            return ()
        rows = () if self.memory.get("epoch") == epoch else self.finish()
        pairs = zip(names, map(to_number, cells), strict=False)
        row = {f"train/{name}": v for name, v in pairs if v is not None and name not in _NOT_LOSSES}
        self.memory.update(epoch=epoch, row=row)
        return rows

    def _validated(self, values: Sequence[str]) -> Sequence[NumberRow]:
        names = self.memory.get("tested") or ()
        found = [number for number in map(to_number, values) if number is not None]
        if not names or len(found) < len(names) or "epoch" not in self.memory:
            return ()
        row = dict(zip(names, found[len(found) - len(names) :], strict=True))
        return [{"step": float(self.memory["epoch"]), **row}]

    def finish(self) -> Sequence[NumberRow]:
        """Return the epoch that was drawn last."""
        row = self.memory.pop("row", None)
        return [{"step": float(self.memory["epoch"]), **row}] if row else ()


def _tested_names(heading: str) -> list[str]:
    """Return the names in `Box(P R mAP50 mAP50-95) Mask(P R ...)`."""
    names, letter = [], "B"
    for word in heading.split():
        kind, opens, name = word.rpartition("(")
        if opens:
            letter = _TYPES.get(kind, kind)
        name = name.rstrip("):")
        names.append(f"metrics/{_NAMES.get(name, name)}({letter})")
    return names


# Darknet: numbers before their names.

_LINE = re.compile(
    rf"\s*(?P<step>\d+): (?P<loss>{NUMBER}), (?P<avg_loss>{NUMBER}) avg(?: loss)?,"
    rf" (?P<rate>{NUMBER}) rate, (?P<seconds>{NUMBER}) seconds, \d+ images"
)


class Darknet(LineReader):
    """`10: 1200.5, 1300.25 avg loss, 0.001 rate, 3.5 seconds, 640 images, 12.3 hours left`."""

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers, which are printed before their names."""
        found = _LINE.match(line) if " avg" in line else None
        if found is None:
            return ()
        return [{name.replace("_", " "): float(value) for name, value in found.groupdict().items()}]
