"""Tables printed for people, one row per epoch: fastai, skorch, spaCy, scikit-learn, Markdown.

The rule: a header names a step, or metrics between bars, and has no numbers; its rows have a number
for each name. Below a
line of dashes, a cell is the text under its dashes, and may be blank. Below a padded header, where
columns begin under their names, a value may fill its column, join the next one and shift it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from trainui.metrics.formats.text import forms
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import HELD_OUT, is_fraction, part_in
from trainui.metrics.lenient import leading_number

_CELL = re.compile(r"\S+(?: \S+)*")
_DASHES = re.compile(r"[-=]+")
_RULE = re.compile(r"[-=+|: ]*-{2,}[-=+|: ]*|[|+:]*[-=]{2,}[-=+|:]*")
_OF_PARTS = r"\W*(?:(?:sub|data)?set|split|phase)\b"
"""The first column of a table with a row for each part of the data."""
_MAY_BE_HEADER = re.compile(
    rf".*?(?:^|[|\s,])(?:#|#?(?:{forms.COUNTER}|e|n_gen))\s*[|\s,]|{_OF_PARTS}",
    re.IGNORECASE,
)
_BOX = dict.fromkeys(range(0x2500, 0x2580), "-") | dict.fromkeys(map(ord, "│┃║┆┇┊┋"), "|")
"""Lines drawn by Rich and tabulate, as the characters that Markdown draws them with."""
_SIX_DECIMALS = re.compile(r"-?\d+\.\d{6}")
_NAME = re.compile(r"[^\W\d_]|[#%_]")
_STEPS = (
    "step",
    "#",
    "global_step",
    "iteration",
    "iter",
    "it",
    "round",
    "epoch",
    "e",
    "gen",
    "n_gen",
)
"""Names of a step, the most specific first."""
_PARTS = re.compile(rf"train(?:ing)?|{HELD_OUT}", re.IGNORECASE)

Cells = tuple[float | None, dict[str, float], str]
"""A row's step, if it has one, values, and prefix of their names."""
_NONE: Cells = (0.0, {}, "")


class Table:
    """Remembers the column names and the columns' positions."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory, as plain JSON."""
        self.memory = memory

    def read(self, line: str, numbers: int) -> Cells | None:
        """Return a row of the table; without values for a line of it that has none.

        `numbers` is how many the line has: a header has none but in a logger's prefix.
        """
        is_row = "names" in self.memory and (numbers or "--" in line or "==" in line)
        if not is_row and not line.startswith("|") and not _MAY_BE_HEADER.match(line[:200]):
            return None
        is_padded = line.rstrip("\r\n").endswith("  ")
        line = message(line).rstrip()
        if not line.isascii():
            line = line.translate(_BOX)
        if len(line) > forms.MAX_PRINTED:
            return None
        if "names" in self.memory and _RULE.fullmatch(line):
            spans = [found.span() for found in _DASHES.finditer(line)]
            if len(spans) == len(self.memory["names"]) and "|" not in line:
                self.memory["spans"] = spans
            return _NONE
        cells = _cells(line)
        step = _step(cells)
        if step is not None or self._are_metrics(line, cells):
            is_again = self.memory.get("names") == cells
            before = [self.memory.get("first"), self.memory.get("last")] if is_again else None
            self.memory.clear()
            self.memory.update(names=cells, step=step, before=before)
            if is_padded and not line[0].isspace() and "|" not in line:
                self.memory["starts"] = [found.start() for found in _CELL.finditer(line)]
            return _NONE
        names = self.memory.get("names")
        return None if names is None or not cells else self._row(line, cells, names)

    @property
    def is_numbered(self) -> bool:
        """True if the step is the number of a row."""
        at = self.memory.get("step")
        return at is not None and self.memory["names"][at] == "#"

    def _are_metrics(self, line: str, cells: list[str]) -> bool:
        """Return True for a header without a step; it does not end a table that has one."""
        if not (line.startswith("|") or re.match(_OF_PARTS, line, re.IGNORECASE)):
            return False
        is_alone = self.memory.get("step") is None and len({*cells}) == len(cells) > 1
        return is_alone and any(map(is_fraction, cells)) and all(map(str.isidentifier, cells))

    def _row(self, line: str, cells: list[str], names: list[str]) -> Cells | None:
        if (spans := self.memory.get("spans")) and "|" not in line:
            cells = [line[start:end].strip() for start, end in spans]
        elif len(cells) != len(names):
            cells = line.split()
            if len(cells) < len(names) and (starts := self.memory.get("starts")):
                cells = _joined(line, starts)
        step = self.memory["step"]
        if len(cells) != len(names):
            return None
        is_of_part = step is None and _PARTS.fullmatch(cells[0]) is not None
        if not (is_of_part or "|" in line if step is None else cells[step].isdigit()):
            return None
        part, row = "", {}
        of_words = self.memory.setdefault("of_words", [])  # what has had one has no numbers
        for at, (name, cell) in enumerate(zip(names, cells, strict=True)):
            if at == step or name == "E" or name in of_words:
                continue
            if (number := leading_number(cell.strip("[]"))) is not None:
                row[name] = number
            elif _PARTS.fullmatch(cell) and not part:
                part = f"{of}/" if (of := part_in(cell)) else ""
            elif cell[:1].isalpha():
                of_words.append(name)
        if not row or (step is None and len(row) + is_of_part < len(names)):
            return None
        if step is None:
            return None, row, part
        if "first" not in self.memory:
            first, last = self.memory.get("before") or (None, None)
            again = last if first == cells else None  # PrettyTable's are printed whole again
            self.memory.update(first=cells, again=again, last=again)
        value, again = float(cells[step]), self.memory["again"]
        if again is not None and value <= again:
            return _NONE
        self.memory["last"] = value
        return value, row, part


def _cells(line: str) -> list[str]:
    """Return the text between bars, else between wide gaps, commas or blanks."""
    if line.count("|") > 1:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    cells = _CELL.findall(line.replace("\t", "  "))
    if len(cells) == 1 and "," in line and ", " not in line:
        return line.split(",")
    return cells if len(cells) != 1 else line.split()


def _joined(line: str, starts: Sequence[int]) -> list[str]:
    """Return the cells of columns that begin at these places, or later behind a longer value.

    Where values join, a number ends with its sixth decimal, as fastai prints all of them. Empty if
    a cell would have several numbers.
    """
    cells, at = [], starts[0]
    for width in (end - start for start, end in pairwise((*starts, len(line) + starts[-1]))):
        number = _SIX_DECIMALS.match(line, at)
        end = max(number.end() if number else 0, at + width)
        cells.append(line[at:end].strip())
        at = end
    return cells if all(cell.count(".") < 2 for cell in cells) else []


def _step(cells: list[str]) -> int | None:
    """Return the index of the step in a header; None if it is not a header."""
    are_words = all(_NAME.match(cell) and leading_number(cell) is None for cell in cells)
    if not are_words or len(cells) < 2 or len({*cells}) < len(cells):
        return None
    names = [cell.lower().lstrip("#") or "#" for cell in cells[:2]]  # a step comes first or second
    return next((names.index(name) for name in _STEPS if name in names), None)


# Steps counted across epochs: `epoch 2 batch 3` is the third step after those of epoch 1.
#
# The rule: the epochs before have the length that is printed, as in `[3/10]`, else the length
# that was seen. Positions that begin again without an epoch are counted on from what was seen. A
# resumed attempt continues with the lengths that the one before has seen.

_FIRST, _SEEN = "first", "epochs"


class EpochSteps:
    """Turns positions within epochs into steps; keeps what it has seen in a memory."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Count in a memory."""
        self.memory = memory

    def before(
        self, epoch: float, place: float, of: float | None, *, from_zero: bool = False
    ) -> float:
        """Return the number of steps before an epoch, if positions start over in it.

        Args:
            epoch: the epoch.
            place: the position.
            of: the last position, if it is printed.
            from_zero: the first epoch is 0, as in `Epoch: [3][10/38]`, unless a log begins with 1.
        """
        before = self.counted(epoch, place, of)
        if not of or self.memory[_SEEN].get("counts_on"):
            return before
        # The first epoch is 1 unless a 0 is known: a resumed training's log begins at a later one.
        if epoch == 0:
            self.memory[_FIRST] = 0
        elif from_zero:
            self.memory.setdefault(_FIRST, int(epoch == 1))
        return (epoch - int(self.memory.get(_FIRST, 1))) * of

    def counted(self, epoch: float, place: float, of: float | None = None) -> float:
        """Return the steps before an epoch whose length is not printed in all lines.

        Positions that keep counting across epochs need no offset.
        """
        new = {"epoch": epoch, "first": place, "last": place, "before": 0.0}
        seen: dict[str, Any] = self.memory.setdefault(_SEEN, new)
        seen["of"] = of
        passed = epoch - seen["epoch"]
        is_on = passed > 0 and "length" not in seen and place > seen["last"]
        if is_on and (seen["last"] or not of):
            seen["counts_on"] = True
        if passed:
            if not seen.get("counts_on"):
                seen["length"] = (of or _length(seen)) if passed > 0 else seen.get("length", 0.0)
                seen["before"] = max(0.0, seen["before"] + passed * seen["length"])
            seen.update(epoch=epoch, first=place, last=place, gap=None, stride=None)
        elif place > seen["last"]:
            seen["gap"] = place - seen["last"]
            seen["stride"] = seen.get("stride") or seen["gap"]
            seen["last"] = place
        return float(seen["before"])

    def is_again(self, epoch: float, place: float) -> bool:
        """Return True for a position that begins again within an epoch."""
        seen = self.memory.get(_SEEN, {"epoch": None})
        return bool(epoch == seen["epoch"] and place <= seen["first"] < seen["last"])

    def is_other(self, epoch: float | None, of: float | None) -> bool:
        """Return True for a position of how many that is within an epoch of another length."""
        seen = self.memory.get(_SEEN, {"of": None})
        is_known = of is not None and seen["of"] is not None
        return is_known and of != seen["of"] and epoch in (None, seen["epoch"])

    def stands_at(self, place: float) -> bool:
        """Return True for the position that was counted last."""
        return bool(place == self.memory[_SEEN]["last"])

    def end_of(self, epoch: float) -> float | None:
        """Return the last step of an epoch; None unless it is known and no position was left."""
        seen = self.memory.get(_SEEN, {"epoch": None})
        is_at_end = epoch == seen["epoch"] and seen["of"]
        if not is_at_end or seen["last"] + (seen.get("stride") or 0) < seen["of"]:
            return None
        return self.before(epoch, seen["last"], seen["of"]) + float(seen["of"])

    def again(self, place: float, of: float | None, *, may_restart: bool) -> float:
        """Return the steps before a position without an epoch, which may have begun again."""
        seen = self.memory.get(_SEEN) or {"epoch": 0, "first": place, "last": place, "of": of}
        first = seen["first"]
        begins = place == first or (may_restart and place <= first + (seen.get("stride") or 0))
        is_next = place < seen["last"] and of == seen["of"] and begins
        before = self.counted(seen["epoch"] + is_next, place, of)
        self.memory[_SEEN]["unnamed"] = True
        return before


def _length(seen: Mapping[str, Any]) -> float:
    """Return an epoch's length, from its first and last positions and the distances of two."""
    first, last, stride = seen["first"], seen["last"], seen.get("stride")
    if stride is None or first > stride:
        return float(last or 1)
    if seen["gap"] < stride:  # its end was printed too
        return float(last + (first == 0))
    return float(last + stride - first)


def carried_over(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next attempt has to know of an attempt's epochs.

    One that ended within its positions has not ended them: the next one counts the same again. So
    does one after positions without an epoch or a length, which never began again.
    """
    handed = dict(memory)
    seen = handed.get(_SEEN, {"of": None})
    is_within = seen["of"] and seen["last"] + (seen.get("stride") or 0) < seen["of"]
    if is_within or (seen.get("unnamed") and not seen["of"] and "length" not in seen):
        handed[_SEEN] = {**seen, "last": 0.0}
    return handed
