"""torchvision's `MetricLogger`, and timm."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER, message

_METRIC = re.compile(rf"([\w./@-]+(?: mem)?): +({NUMBER})(?![:\d])(?:s\b)?(?: +\( *({NUMBER})\))?")


class _Loops(LineReader):
    """Counts training steps across epochs; reads only the last line of a test, its means."""

    substring: str
    line: re.Pattern[str]
    of_messages = False
    last_of: int
    """The number of lines minus the last line's index."""

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers."""
        if self.substring not in line:
            return ()
        line = message(line) if self.of_messages else line
        found = self.line.match(line)
        pairs = _METRIC.findall(line, found.end()) if found else []
        if found is None or not pairs:
            return ()
        at, of = int(found["at"]), int(found["of"])
        head = found["head"].strip(" :").lower() or "test"
        row: NumberRow = {"step": float(at)}
        if found["epoch"] is not None:
            first = 1 if found.groupdict().get("epochs") else 0  # `Train: 1/80`
            self.memory["last"] = (int(found["epoch"]) - first) * of + at
            row = {"step": float(self.memory["last"])}
        elif not head.startswith("train"):
            if at < of - self.last_of:
                return None
            means = {f"{head}/{name}": float(mean or value) for name, value, mean in pairs}
            return [{"step": float(self.memory.get("last", at)), **means}]
        for name, value, mean in pairs:
            row[name] = float(value)
            if mean:
                row[f"{name}_avg"] = float(mean)
        return [row]


class MetricLogger(_Loops):
    """`Epoch: [0]  [10/38]  eta: 0:00:00  lr: 0.1  loss: 2.07 (2.05)  time: 0.001`."""

    of_messages = True
    substring = "eta: "
    line = re.compile(
        r"(?P<head>[^\[]*?)(?::? *\[ *(?P<epoch>\d+)(?:/\d+)?\])?:?\s+"
        r"\[ *(?P<at>\d+)/(?P<of>\d+)\]\s+eta: [\w:., ]*?:\d\d\s+"
    )
    last_of = 1


class Timm(_Loops):
    """`Train: 0 [   3/9 ( 44%)]  Loss: 2.32 (2.31)  Time: 0.2s, ...  LR: 1.0e-05`."""

    substring = "["
    line = re.compile(
        r"(?:.*\s)?(?P<head>Train|Test[^:\[]*): +"
        r"(?:(?P<epoch>\d+)(?P<epochs>/\d+ \( *\d+%\))? +)?"
        r"\[ *(?P<at>\d+)/(?P<of>\d+)(?: +\( *\d+%\))?\]\s+(?=\S+: )"
    )
    last_of = 0
