"""rsl_rl: right-aligned names below a heading."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import message, to_number


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
