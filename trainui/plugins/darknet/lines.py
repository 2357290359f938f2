"""Darknet: numbers before their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER

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
