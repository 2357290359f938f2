"""Tables printed for people, one row per epoch: fastai, skorch, spaCy, scikit-learn, Markdown.

The rule: a header names a step and has no numbers; its rows have a number for each name. Below a
line of dashes, a cell is the text under its dashes, and may be blank.
"""

from __future__ import annotations

import re
from typing import Any

from trainui.metrics.formats import labels
from trainui.metrics.formats.lenient_text import leading_number
from trainui.metrics.formats.text import forms
from trainui.metrics.formats.text.log_lines import message
from trainui.metrics.formats.text.names import HELD_OUT, part_of

_CELL = re.compile(r"\S+(?: \S+)*")
_DASHES = re.compile(r"[-=]+")
_RULE = re.compile(r"[-=+|: ]*-{2,}[-=+|: ]*|[|+:]*[-=]{2,}[-=+|:]*")
_MAY_BE_HEADER = re.compile(
    r".*?(?:^|[|\s,])(?:#|(?:global_)?step|iter(?:ation)?|it|round|epoch|e)\s*[|\s,]", re.IGNORECASE
)
_BOX = dict.fromkeys(range(0x2500, 0x2580), "-") | dict.fromkeys(map(ord, "│┃║┆┇┊┋"), "|")
"""Lines drawn by Rich and tabulate, as the characters that Markdown draws them with."""
_MAX_REPEATED = 1000
"""Rows of a table that is recognised when it is printed again."""
_DIGITS = re.compile(r"(?<!\w)\d")
_STEPS = ("step", "#", "global_step", "iteration", "iter", "it", "round", "epoch", "e")
"""Names of a step, the most specific first."""
_PARTS = re.compile(rf"train(?:ing)?|{HELD_OUT}", re.IGNORECASE)

Cells = tuple[float, dict[str, float], str]
"""A row's step, values, and prefix of their names."""
_NONE: Cells = (0.0, {}, "")


class Table:
    """Remembers the column names and the columns' positions."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory, as plain JSON."""
        self.memory = memory

    def read(self, line: str) -> Cells | None:
        """Return a row of the table; without values for a line of it that has none."""
        if "names" not in self.memory and not _MAY_BE_HEADER.match(line[:200]):
            return None
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
        if (step := _step(cells)) is not None:
            printed = self.memory.get("printed", []) if self.memory.get("names") == cells else []
            self.memory.clear()
            self.memory.update(names=cells, step=step, printed=printed, again=printed[:])
            return _NONE
        names = self.memory.get("names")
        return None if names is None or not cells else self._row(line, cells, names)

    def _row(self, line: str, cells: list[str], names: list[str]) -> Cells | None:
        if (spans := self.memory.get("spans")) and "|" not in line:
            cells = [line[start:end].strip() for start, end in spans]
        elif len(cells) != len(names):
            cells = line.split()
        step = self.memory["step"]
        if len(cells) != len(names) or not cells[step].isdigit():
            return None
        part, row = "", {}
        for at, (name, cell) in enumerate(zip(names, cells, strict=True)):
            if at == step:
                continue
            if (number := leading_number(cell)) is not None:
                row[name] = number
            elif _PARTS.fullmatch(cell) and not part:
                part = f"{of}/" if (of := part_of(cell)) else ""
        if not row:
            return None
        if any(map(labels.names_part, row)):
            part = ""
        return _NONE if self._is_repeated(line) else (float(cells[step]), row, part)

    def _is_repeated(self, line: str) -> bool:
        """Return True for a row of a table that is printed whole again, as PrettyTable's are."""
        row = " ".join(line.split())
        if self.memory["again"][:1] == [row]:
            del self.memory["again"][0]
            return True
        if self.memory["again"] or len(self.memory["printed"]) >= _MAX_REPEATED:
            self.memory.update(printed=[], again=[])  # another table, or too long a one
        self.memory["printed"].append(row)
        return False


def _cells(line: str) -> list[str]:
    """Return the text between bars, else between wide gaps, commas or blanks."""
    if line.count("|") > 1:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    cells = _CELL.findall(line.replace("\t", "  "))
    if len(cells) == 1 and "," in line and ", " not in line:
        return line.split(",")
    return cells if len(cells) != 1 else line.split()


def _step(cells: list[str]) -> int | None:
    """Return the index of the step in a header; None if it is not a header."""
    for cell in cells:  # no numbers, and not the `3/10 :` of a bar
        is_word = any(letter.isalpha() or letter in "#%" for letter in cell)
        if not is_word or not (cell[0].isalpha() or cell[0] in "#%_") or _DIGITS.search(cell):
            return None
        if leading_number(cell) is not None:
            return None
    if len(cells) < 2:
        return None
    names = [cell.lower() for cell in cells[:2]]  # a step comes first or second
    return next((names.index(name) for name in _STEPS if name in names), None)
