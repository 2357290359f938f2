"""DreamerV3: a line of metrics between slashes, below a heading."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import leading_number, message


class Elements(LineReader):
    """`[Step 10]` between dashes, then `train/loss 2.3 / train/grad_norm 0.43` (DreamerV3)."""

    _heading = re.compile(r"[-─\s]*\[Step ([\d_,]+)\][-─\s]*")
    _metric = re.compile(r"(\S+) (\S+)")

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers, if it follows a heading."""
        line = message(line).rstrip()
        if heading := self._heading.fullmatch(line):
            self.memory["step"] = float(re.sub(r"[_,]", "", heading[1]))
            return None
        if "step" not in self.memory or not line.strip():
            return ()
        row = {"step": self.memory.pop("step")}
        for part in line.strip().split(" / "):
            metric = self._metric.fullmatch(part.strip())
            number = leading_number(metric[2]) if metric else None
            if metric is None or number is None:
                return ()
            row[metric[1]] = number
        return [row]
