"""Keras: the bars of an epoch, redrawn or one line each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import to_number

_HEADING = re.compile(r"Epoch (\d+)/\d+\s*")
_BAR = re.compile(r"\s*(?P<at>\d+)/(?P<of>\d+|Unknown)\s+(?P<bar>\S.*)|\s*- (?P<line>\d+s .*)")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:h|m|min|s|ms|us|μs)\b.*|ETA: .*")


class Keras(LineReader):
    """Remembers the epoch, its last numbers, and which of them were already returned.

    An epoch is one row, with its last numbers; the bars of `evaluate` are ignored.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the epoch that a line ends."""
        if heading := _HEADING.fullmatch(line):
            before = self.finish()
            self.memory.update(epoch=int(heading[1]), row={}, given=[], at=0, of=None)
            return before
        if self.memory.get("epoch") is None or (bar := _BAR.match(line)) is None:
            return ()
        parts = line[bar.start("bar") if bar["bar"] else bar.start("line") :].split(" - ")
        row = _numbers(parts)
        if not self._is_own_bar(bar):
            return self.finish() or None
        if not row:
            return None
        self.memory["row"] = row
        whole = line.endswith("\n") and bar["at"] == bar["of"]
        return (self._new_rows() if whole else ()) or None

    def _is_own_bar(self, bar: re.Match[str]) -> bool:
        """Return True if a bar continues the epoch's own; `evaluate` starts another."""
        if not bar["bar"]:
            return True
        at, of, memory = int(bar["at"]), bar["of"], self.memory
        own = at >= memory.get("at", 0) and memory.get("of") in (None, of)
        if own:
            memory["at"], memory["of"] = at, of
        return own

    def _new_rows(self) -> Sequence[NumberRow]:
        given, row = self.memory["given"], self.memory["row"]
        new = {name: value for name, value in row.items() if name not in given}
        self.memory["given"] = [*given, *new]
        return [{"step": float(self.memory["epoch"]), **new}] if new else ()

    def finish(self) -> Sequence[NumberRow]:
        """Return the epoch that was drawn last."""
        if self.memory.get("epoch") is None:
            return ()
        rows = self._new_rows()
        self.memory["epoch"] = None
        return rows


def _numbers(parts: Sequence[str]) -> NumberRow:
    found = (
        part.strip().rpartition(": ") for part in parts if not _DURATION.fullmatch(part.strip())
    )
    named = ((name, to_number(value)) for name, colon, value in found if colon)
    return {name: number for name, number in named if number is not None}
