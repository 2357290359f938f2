"""Ultralytics and YOLOv5: the bars of an epoch, and the table below them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import to_number

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
        if bar := _ROW.fullmatch(line):
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
