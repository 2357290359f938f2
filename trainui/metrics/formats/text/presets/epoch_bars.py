"""Progress bars of an epoch, redrawn or one line each: Keras, Ultralytics and YOLOv5."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row

_HEADING = re.compile(r"Epoch (\d+)/\d+\s*")
_BAR = re.compile(r"\s*(?P<at>\d+)/(?P<of>\d+|Unknown)\s+(?P<bar>\S.*)|\s*- (?P<line>\d+s .*)")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:h|m|min|s|ms|us|μs)\b.*|ETA: .*")

_COLUMNS = re.compile(r"\s*Epoch\s+(?:GPU|gpu)_mem\s+(.*\S)\s*")
_ROW = re.compile(r"\s*(?P<epoch>\d+)/\d+\s+\S+\s+(?P<cells>[^:%|]*\d)\s*(?::.*)?", re.DOTALL)
_TESTED = re.compile(
    r"\s*Class\s+Images\s+(?:Instances|Labels|Targets)?\s*(.*?)\s*:?\s*(?:\d+%.*)?", re.DOTALL
)
_CLASSIFIED = re.compile(r"\s*classes\s+top1_acc\s+top5_acc:?\s*(?:\d+%.*)?", re.DOTALL)
_ALL = re.compile(r"\s*all\s+(.*\S)\s*")
_NOT_LOSSES = frozenset({"Instances", "Size", "labels", "img_size", "total", "targets"})
_TYPES = {"Box": "B", "Mask": "M", "Pose": "P", "OBB": "B"}
_NAMES = {"P": "precision", "R": "recall"}


class Keras(Preset):
    """Remembers the epoch, its last numbers, and which of them were already returned.

    An epoch is one row, with its last numbers; the bars of `evaluate` are ignored.
    """

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
        given, row = self.memory["given"], self.memory["row"]
        new = {name: value for name, value in row.items() if name not in given}
        self.memory["given"] = [*given, *new]
        return [{STEP: float(self.memory["epoch"]), **new}] if new else NOTHING

    def finish(self) -> Sequence[Row]:
        """Return the epoch that was drawn last."""
        if self.memory.get("epoch") is None:
            return NOTHING
        rows = self._new_rows()
        self.memory["epoch"] = None
        return rows


def _numbers(parts: Sequence[str]) -> Row:
    found = (
        part.strip().rpartition(": ") for part in parts if not _DURATION.fullmatch(part.strip())
    )
    named = ((name, to_number(value)) for name, colon, value in found if colon)
    return {name: number for name, number in named if number is not None}


class Ultralytics(Preset):
    """Remembers the headings, and the last numbers of the bar being drawn.

    Metric names are those of `results.csv`.
    """

    def read(self, line: str) -> Sequence[Row]:
        """Return the epoch, or the validation, that a line ends."""
        if heading := _COLUMNS.fullmatch(line):
            rows = self.finish()
            self.memory["names"] = heading[1].split()
            return rows
        names = self.memory.get("names")
        if not names:
            return NOTHING
        if bar := _ROW.fullmatch(line):
            return self._draw(int(bar["epoch"]), bar["cells"].split(), names)
        if _CLASSIFIED.fullmatch(line):
            self.memory["tested"] = ["metrics/accuracy_top1", "metrics/accuracy_top5"]
        elif tested := _TESTED.fullmatch(line):
            self.memory["tested"] = _tested_names(tested[1])
        elif values := _ALL.fullmatch(line):
            return [*self.finish(), *self._validated(values[1].split())]
        return NOTHING

    def _draw(self, epoch: int, cells: Sequence[str], names: Sequence[str]) -> Sequence[Row]:
        """Store a bar's numbers; return the previous epoch if this bar is of another."""
        if len(cells) < len(names):
            return NOTHING
        rows = NOTHING if self.memory.get("epoch") == epoch else self.finish()
        pairs = zip(names, map(to_number, cells), strict=False)
        row = {f"train/{name}": v for name, v in pairs if v is not None and name not in _NOT_LOSSES}
        self.memory.update(epoch=epoch, row=row)
        return rows

    def _validated(self, values: Sequence[str]) -> Sequence[Row]:
        names = self.memory.get("tested") or ()
        found = [number for number in map(to_number, values) if number is not None]
        if not names or len(found) < len(names) or "epoch" not in self.memory:
            return NOTHING
        row = dict(zip(names, found[len(found) - len(names) :], strict=True))
        return [{STEP: float(self.memory["epoch"]), **row}]

    def finish(self) -> Sequence[Row]:
        """Return the epoch that was drawn last."""
        row = self.memory.pop("row", None)
        return [{STEP: float(self.memory["epoch"]), **row}] if row else NOTHING


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
