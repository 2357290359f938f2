"""The interface of a preset: reads the lines of one well-known trainer's log as rows of numbers.

The rule: a row's `step` is the step, whatever the trainer calls it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.text.log_lines import message

Row = dict[str, float]

STEP = "step"
"""The field of a row with its step."""

NOTHING: Sequence[Row] = ()
NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)|(?:nan|inf(?:inity)?)\b)"
"""A pattern for a number, also NaN and infinities; a unit may follow."""

MAX_PRINTED = 2000
"""Characters: a longer line is not written for people to read."""


class Preset:
    """Reads the lines of one trainer's log."""

    step: ClassVar[str | None] = None
    """The step field, if it does not have one of the usual names."""
    has_steps: ClassVar[bool] = True
    """False if it counts epochs where the trainer's files have steps."""
    of_messages: ClassVar[bool] = False
    """True if it reads lines without the logger's prefix."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a state, which is plain JSON and stored with the points."""
        self.memory = memory

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the next attempt's log needs to know of an attempt's: nothing, usually."""
        del memory
        return {}

    def read_line(self, line: str) -> Sequence[Row]:
        """Return the rows that a line of the log completes; none if a number cannot be converted.

        One such line, for example with a number of 400 digits, must not cost an attempt all others.
        """
        try:
            return self.read(message(line) if self.of_messages else line)
        except (ValueError, OverflowError):
            return NOTHING

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows that a line completes: usually none or one."""
        raise NotImplementedError

    def finish(self) -> Sequence[Row]:
        """Return the rows that were waiting for further lines."""
        return NOTHING


class LinePreset(Preset):
    """A trainer that prints each row on one line."""

    substring: ClassVar[str] = ""
    """A substring of every such line; searched first because it is cheap."""
    line: ClassVar[re.Pattern[str]]
    """The start of such a line; its groups `step` and `part`, if any, are the step and the part of
    the data."""
    metric: ClassVar[re.Pattern[str]]
    """A metric's name and value, in the rest of the line."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        found = self.line.match(line) if self.substring in line else None
        if found is None:
            return NOTHING
        row = numbers(self.metric.findall(line, found.end()))
        if not row:
            return NOTHING
        names = self.line.groupindex
        if "part" in names and (part := found["part"]):
            row = {f"{part} {name}": value for name, value in row.items()}
        start = found[STEP] if STEP in names else None
        return [row if start is None else {STEP: float(start), **row}]


def prefixed(prefix: str, row: Row, steps: Container[str] = (STEP,)) -> Row:
    """Return a row with a prefix before all names but those of steps."""
    return {name if name in steps else f"{prefix}{name}": row[name] for name in row}


def numbers(pairs: Sequence[tuple[str, str]]) -> Row:
    """Return the values that are numbers, with or without a unit."""
    return {name: number for name, value in pairs if (number := leading_number(value)) is not None}
