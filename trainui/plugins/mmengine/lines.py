"""MMEngine and the older MMCV."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER, leading_number


class MMEngine(LineReader):
    """The log of MMEngine and the older MMCV: `Epoch(train) [1][10/38]  lr: 5.0e-02  loss: 2.2`.

    It counts iterations across epochs; a validation's step is the end of its epoch.
    """

    _line = re.compile(
        r"(?:.*\s-?)?(?!Epoch +\[[ \d/]*\]\s)(?P<by>Epoch|Iter)(?:\((?P<mode>\w+)\))? +"
        r"(?:\[ *(?P<epoch>\d+)\])?\[ *(?P<at>\d+)(?:/ *(?P<of>\d+))?\]\s+(?=\S+: )"
    )
    _metric = re.compile(rf"([\w./@%-]+(?:\([^)]*\))?): ({NUMBER})(?=[\s,]|$)")

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers."""
        found = self._line.match(line) if "Epoch" in line or "Iter" in line else None
        if found is None:
            return ()
        named = self._metric.findall(line, found.end())
        row = {name: one for name, text in named if (one := leading_number(text)) is not None}
        row.pop("eta", None)
        mode = found["mode"] or "train"
        if mode != "train":
            # apart from metrics of the training
            row = {f"{mode}/{name}": row[name] for name in row}
        return [{"step": self._step(found, mode), **row}] if row else ()

    def _step(self, found: re.Match[str], mode: str) -> float:
        epoch, at = int(found["epoch"] or 0), int(found["at"])
        if mode == "train":
            if found["epoch"] and found["of"]:
                self.memory["of"] = int(found["of"])
                at += (epoch - 1) * int(found["of"])
            self.memory["last"] = at
            return at
        if found["epoch"] and "of" in self.memory:
            return float(epoch * self.memory["of"])
        return float(self.memory.get("last", epoch or at))
