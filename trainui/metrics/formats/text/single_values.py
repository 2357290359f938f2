"""Values that a log states without a series: read once an attempt has ended without the metric.

The rules: the metric of a search is evidence enough, so each line that names it is a value, at the
line's step, else at the number of the value. Without a search only a name that is a metric's
counts, in a dict or in a line of names and numbers, and only where the log states it once.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from trainui.metrics import lenient
from trainui.metrics.formats.decoder import Decoded, numbers, row_points, step_fields
from trainui.metrics.formats.text.forms import NUMBER, LogDecoder, text_lines
from trainui.metrics.formats.text.names import (
    QUALIFIER,
    STEP,
    USUAL,
    Row,
    part_in,
    step_in,
    unwrapped,
)
from trainui.metrics.formats.text.text_lines import TextLines, waiting_rows
from trainui.metrics.formats.text.wordings import plain_text

_SEPARATORS = re.compile(r"[\s_/.-]+")
_FREE = re.compile(
    # What may be before a metric's name, so that it is no part of a longer name.
    r"(?:^|[^\w\s/.-]|[.-](?=\s)|(?<![A-Za-z_])\d%?(?=\s)"
    rf"|\b(?:{QUALIFIER}|the|with|and|of|got|has|is)(?=[\s_]))[\s_]*$",
    re.IGNORECASE,
)
_BEFORE = 40
"""Characters before a name that are examined."""
_VALUE = (
    r"[\"'`*]*(?: ?\([^()\d]{0,20}\))?(?: value)? ?(?::=|[:=]|->|=>|is |was |of )?[ \"'*|]*[\[(]? ?"
    rf"(?P<value>{NUMBER})(?![,/:-]\d|[kKM]\b)"
)
_LEADS = re.compile(rf"(?:\b(?:{QUALIFIER})[\s_]*)+$", re.IGNORECASE)
_OBJECT = re.compile(r"[^{]*(\{.*\})\s*")


class SingleValues(LogDecoder):
    """Decodes the lines that name one metric; or those of usual names, of which each is once."""

    name = "text"

    def __init__(self, metric: str, state: dict[str, Any]) -> None:
        """Continue from a stored state; an empty metric means those of usual names."""
        super().__init__(None, state)
        self._metric = metric
        self._lines = None if metric else TextLines(None, self.state)
        words = [word for word in _SEPARATORS.split(metric) if word] or [metric]
        self._word, self._plain = words[0].lower(), _plain(metric)
        name = r"[ _/.-]".join(map(re.escape, words))
        self._named = re.compile(rf"(?<![A-Za-z\d]){name}(?!\w|[/.-]\w){_VALUE}", re.IGNORECASE)

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        if self._lines is not None:
            self._lines.decode(block, 0)
            self.state = self._lines.state
            return Decoded()
        lines = (line for line in text_lines(block) if self._word in line.lower())
        rows = [row for line in lines if (row := self._row(line))]
        return Decoded(row_points(rows, first_row=first_row, step=STEP), len(rows))

    def finish(self, first_row: int) -> Decoded:
        """Decode the values of usual names that the log states once."""
        waiting = waiting_rows(self._lines.state) if self._lines is not None else ()
        seen = Counter(name for row in waiting for name in row)
        rows = [
            {STEP: row[STEP], name: row[name]}
            for row in waiting
            for name in row
            if seen[name] == 1 and USUAL.fullmatch(name)
        ]
        return Decoded(row_points(rows, first_row=first_row, step=STEP), len(rows))

    def _row(self, line: str) -> Row | None:
        """Return the metric's value in a line, with the line's step."""
        fields = _fields(line)
        own = [name for name in fields if _plain(name) == self._plain]
        if own:
            step = fields.get(next(iter(step_fields(tuple(fields), None)), ""))
            return _row(self._metric, fields[own[0]], step)
        text = plain_text(line)
        for found in self._named.finditer(text):
            before = text[max(0, found.start() - _BEFORE) : found.start()]
            of_part = part_in(_LEADS.sub("", before)) and not part_in(self._metric)
            if not of_part and _FREE.search(before):  # it is not the name of another metric
                return _row(self._metric, float(found["value"]), step_in(text))
        return None


def _row(name: str, value: float, step: float | None) -> Row:
    return {name: value} if step is None else {STEP: step, name: value}


def _plain(name: str) -> str:
    """Return a name in the spelling that is compared: `Final val_loss` is `val loss`."""
    words = [word for word in _SEPARATORS.split(name.casefold()) if word]
    while len(words) > 1 and re.fullmatch(QUALIFIER, words[0]):
        del words[0]
    return " ".join(words)


def _fields(line: str) -> Row:
    """Return the numbers of an object in a line, by their full names."""
    found = _OBJECT.fullmatch(unwrapped(line)) if "{" in line else None
    value = lenient.load_json(found[1]) if found else None
    return numbers(value) if isinstance(value, dict) else {}
