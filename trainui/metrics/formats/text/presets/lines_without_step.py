"""Repeated lines with a metric and no step: `loss 0.3`, `{'eval/reward': 1.5}`.

The rule: the step is the number of such lines before it. Only usual names count, and a line must be
nothing but names and numbers, since most lines with a number and no step are no metrics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from trainui.metrics.formats import labels, lenient_json
from trainui.metrics.formats.rows import names_settings, numbers
from trainui.metrics.formats.table import step_fields
from trainui.metrics.formats.text.log_lines import message
from trainui.metrics.formats.text.presets.base import (
    MAX_PRINTED,
    NOTHING,
    STEP,
    Preset,
    Row,
    prefixed,
)
from trainui.metrics.formats.text.presets.parts import pairs
from trainui.metrics.formats.text.presets.parts.line_forms import is_sentence
from trainui.metrics.formats.text.presets.print_statements import PrintStatements

QUALIFIER = r"final|best|last|mean|average|avg|overall|objective|metrics?|results?"
USUAL = re.compile(
    rf"(?:(?:{QUALIFIER}|train(?:ing)?|val(?:id(?:ation)?)?|test|eval|dev)[\s_/.-]+)*"
    r"(?:loss|acc(?:uracy)?|f1(?:[_ -]?score)?|auc|auroc|r?mse|mae|nll|perplexity|ppl|reward"
    r"|f[_ -]?score|fb1|m?iou|dice|bleu(?:-\d)?|psnr|ssim)",
    re.IGNORECASE,
)
_FRACTIONS = re.compile(
    r"(?:[\w-]+[\s_/.])*(?:precision|recall|error(?:[ _-]rate)?|[wc]er)", re.IGNORECASE
)
"""Names of metrics that may also be settings, as in `precision: 16`."""
_SETTING = re.compile(
    r"weights?|coef\w*|alpha|beta|gamma|lambda|scale|factor|margin|freq\w*|num|power|thresh\w*|target"
    r"|interval|types?",
    re.IGNORECASE,
)
"""Words in the names of settings, as `CENTER_LOSS_WEIGHT`."""
_FRACTION = re.compile(r"\.\d*$")
_SECTION = re.compile(
    rf"(?:^|evaluat\w+(?: on)?(?: the)?)[\W_]*(?P<part>{labels.HELD_OUT})"
    r"(?:[ _](?:set|results?|metrics|summary|data(?:set)?))?[\W_]*$",
    re.IGNORECASE,
)
"""`evaluate:dev`: the values on the next lines are of this part of the data."""
_LINES_OF_SECTION, _LONGEST_SECTION = 4, 60
_IN_NAMES = re.compile(r"loss|accuracy|reward|return|perplexity", re.IGNORECASE)
_RESULT = re.compile(r"Result for (?P<trial>\S+):\s*")
"""The heading of what one of Ray's trials reports."""
_BAR = re.compile(r"\d%\||\[[=>.]+\]|\[\d+:\d\d(?:[<,]|:\d\d<)")
_HELD_OUT = re.compile(rf"\W*(?:{labels.HELD_OUT})\b[: ]*[\[(]", re.IGNORECASE)
"""`Test: [1/9] Loss 2`: a position within the held-out data."""
_ENOUGH, _ENOUGH_AT_END = 10, 2
"""Lines with the same names that make a series: while the log may grow, and after its end."""
_COUNTS, _STEPPED, _WAITING, _KNOWN = "counts", "stepped", "waiting", "known"
"""Keys in the memory: the number of the last line by its names, the names that lines with a step
have, and the rows of a log that is not known yet to be of this kind."""
_MOST = 100
_AND = "\n"


class LinesWithoutStep(Preset):
    """Counts the lines of the same names; lines with a step are read too, for other names."""

    has_steps = False
    of_messages = True

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self._counts: dict[str, int] = memory.setdefault(_COUNTS, {})
        self._print = PrintStatements(memory.setdefault("print", {}))

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return the counts, which the next attempt's log continues."""
        return {_COUNTS: memory[_COUNTS], _KNOWN: True} if memory.get(_KNOWN) else {}

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows of a line, and of those before it once there are enough."""
        if line.startswith("Result for ") and (trial := _RESULT.fullmatch(line)):
            self.memory.setdefault("first", trial["trial"])
            self.memory["trial"] = trial["trial"]
        if not pairs.names_metric(line):
            part, lines = self.memory.get("section", ("", 0))
            if len(line) <= _LONGEST_SECTION and (section := _SECTION.search(line)):
                self.memory["section"] = (section["part"].lower(), _LINES_OF_SECTION)
            elif lines and line.strip():
                self.memory["section"] = (part, lines - 1)
            return NOTHING
        rows = self._with_step(line) or self._counted(line)
        if not rows or self.memory.get(_KNOWN):
            return rows
        self.memory[_WAITING] = [*self.memory.get(_WAITING, ())[1 - _MOST :], *rows]
        return self._release(_ENOUGH)

    def finish(self) -> Sequence[Row]:
        """Return the rows of a log that was too short."""
        return self._release(_ENOUGH_AT_END)

    def _release(self, enough: int) -> Sequence[Row]:
        waiting: Sequence[Row] = self.memory.get(_WAITING, ())
        seen = Counter(tuple(row) for row in waiting)
        if not seen or max(seen.values()) < enough:
            return NOTHING
        self.memory[_KNOWN] = True
        del self.memory[_WAITING]
        return waiting

    def _with_step(self, line: str) -> Sequence[Row]:
        """Return the numbers of a line with a step, but for those that other lines count."""
        rows = self._print.read(line)
        stepped: list[str] = self.memory.setdefault(_STEPPED, [])
        names = dict.fromkeys(chain(*rows)) if len(stepped) < _MOST else ()
        stepped += [name for name in names if name != STEP and name not in stepped]
        counted = {name for names in self._counts for name in names.split(_AND)}
        left = [{name: row[name] for name in row if name not in counted} for row in rows]
        return [row for row in left if len(row) > 1]

    def _counted(self, line: str) -> Sequence[Row]:
        """Return the numbers of a line without a step, at the number of such lines."""
        part, lines = self.memory.get("section", ("", 0))
        of = part if lines else ""
        row = _dict(line) if line[:1] == "{" else _pairs(plain_text(line), of)
        if not row.keys().isdisjoint(self.memory.get(_STEPPED, ())):
            return NOTHING
        if (trial := self.memory.get("trial")) != self.memory.get("first"):
            row = prefixed(f"{trial}/", row)
        names = _AND.join(row)
        if not row or (len(self._counts) >= _MOST and names not in self._counts):
            return NOTHING
        self._counts[names] = count = self._counts.get(names, -1) + 1
        return [{STEP: float(count), **row}]


def _pairs(text: str, of: str) -> Row:
    """Return the metrics of a text that is nothing but names and numbers.

    `of` is the part of the data that the lines above say. In `Val loss: 1, acc: 2` the accuracy is
    of the validation, too; in `val_loss 1 loss 2` the loss is not.
    """
    found = pairs.find(text)
    if not found or found[0].start or pairs.run_to_end(text, found):
        return {}
    if any(pair.of is not None or pairs.is_step_name(pair.name) for pair in found):
        return {}
    own = pairs.part_of_name(found[0].name)
    bare = found[0].name[len(own) :].strip(" _/.-").lower()
    if own and all(pair.name.lower() != bare for pair in found):
        of = own
    return {pairs.of_part(pair.name, of): pair.value for pair in found if _is_metric(pair)}


def _is_metric(pair: pairs.Pair) -> bool:
    if USUAL.fullmatch(pair.name):
        return True
    if _FRACTIONS.fullmatch(pair.name):
        return _FRACTION.search(pair.text) is not None
    if _IN_NAMES.search(pair.name) is None or {":", "="}.isdisjoint(pair.text):
        return False  # a name that is not usual has to be given its value, as in `loss_disc=3.5`
    return not any(map(_SETTING.fullmatch, re.split(r"[\W_]+", pair.name)))


def _dict(line: str) -> Row:
    """Return the numbers of a printed dict that has a metric and neither a step nor settings."""
    value = lenient_json.load(line)
    row = numbers(value) if isinstance(value, dict) else {}
    is_metric = any(_IN_NAMES.search(name) for name in row)
    if not is_metric or step_fields(tuple(row), None) or any(map(names_settings, row)):
        return {}
    return row


def plain_text(line: str) -> str:
    """Return a line's message with single blanks; empty for a bar or a sentence."""
    if len(line) > MAX_PRINTED or _BAR.search(line) or is_sentence(line):
        return ""
    text = " ".join(pairs.unwrapped(message(line)).split())
    return "" if _HELD_OUT.match(text) else text
