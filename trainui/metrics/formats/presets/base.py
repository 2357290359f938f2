"""What a preset is: the lines of one well-known trainer's log, read as rows of numbers.

The rule that lives here: a row's `step` is the step, whatever the trainer calls it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from trainui.metrics.formats.numbers import leading_number

Row = dict[str, float]

STEP = "step"
"""The field of a row that is its step."""

NOTHING: Sequence[Row] = ()

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)|(?:nan|inf(?:inity)?)\b)"
"""A pattern for a number, NaN and infinities too; a unit may follow."""


MAX_PRINTED = 2000
"""Characters of a line that is written for people: a longer one is none."""


class Preset:
    """Reads the lines of one trainer's log."""

    step: ClassVar[str | None] = None
    """The field that is the step, where it is none of the usual ones."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Begin, or go on after a restart.

        Args:
            memory: what it remembers between lines, as plain JSON; it is stored with the points.
        """
        self.memory = memory

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows that a line completes: mostly none or one."""
        raise NotImplementedError

    def finish(self) -> Sequence[Row]:
        """Return what no more line will complete."""
        return NOTHING


class LinePreset(Preset):
    """A trainer whose every line with metrics stands for itself."""

    holds: ClassVar[str] = ""
    """What such a line has in it: looked for first, since it costs next to nothing."""
    line: ClassVar[re.Pattern[str]]
    """At the start of such a line; its group `step`, where it has one, is the step."""
    metric: ClassVar[re.Pattern[str]]
    """A metric's name and its value, in what follows."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        found = self.line.match(line) if self.holds in line else None
        if found is None:
            return NOTHING
        row = numbers(self.metric.findall(line, found.end()))
        if not row:
            return NOTHING
        start = found.groupdict().get(STEP)
        return [row if start is None else {STEP: float(start), **row}]


def numbers(pairs: Sequence[tuple[str, str]]) -> Row:
    """Return the values that are numbers, perhaps with a unit behind."""
    row: Row = {}
    for name, value in pairs:
        if (number := leading_number(value)) is not None:
            row[name] = number
    return row


class AnyOf(Preset):
    """The log of one of several trainers."""

    kinds: ClassVar[Sequence[type[Preset]]]

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self._readers = [kind(memory.setdefault(kind.__name__, {})) for kind in self.kinds]

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows of the first that reads the line."""
        return next((rows for one in self._readers if (rows := one.read(line))), NOTHING)

    def finish(self) -> Sequence[Row]:
        """Return what all of them still hold."""
        return [row for one in self._readers for row in one.finish()]
