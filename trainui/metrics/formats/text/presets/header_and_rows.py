"""A heading with the step, then lines of names and numbers: `Epoch 3/24`, `val loss: 0.5 acc: 0.9`.

The rule: below a heading, a line of only names and numbers belongs to the heading's step. Its part
of the data is at its start, or in a line above it that ends in a colon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.metrics.formats import labels
from trainui.metrics.formats.text.presets.base import MAX_PRINTED, NOTHING, STEP, Preset, Row
from trainui.metrics.formats.text.presets.parts import line_forms, pairs
from trainui.metrics.formats.text.presets.parts.epoch_steps import EpochSteps

_HEADING = re.compile(
    r"(?:.*(?:[\]:|>-]|INFO) )?[-=#*~<>\s]*\[?(?:(?:start|begin)\w* )?"
    rf"(?:(?P<part>train(?:ing)?|{labels.HELD_OUT}|testing) )?"
    r"(?:global[_ ]step|step|epoch|iteration|iter|episode|round|batch)\s*[:=#]?\s*\[?"
    r"(?P<step>\d[\d,]*)(?:\s*(?:/|of)\s*\d+)?\]?(?:,? ?epoch=\d+)?"
    r"(?: *\| *(?:\w+ )?time *[:=]? .*)?"
    r"[\]:.\s]*[-=#*~<>\s]*",
    re.IGNORECASE,
)
_MAX_HEADING = 200
_HAS_POSITIONS = re.compile(r"[\[:=,-] *(?:step|batch|iter)", re.IGNORECASE)
_PART = re.compile(r"\W*(?P<part>[A-Za-z]+)(?: \w+)?:\s*")
_BEFORE = re.compile(r"(?:.*[\]|>-] )?\s*(?:[A-Za-z]+:?)?\s*")
_INSIDE = re.compile(r"\s*\[ *(?P<at>\d+)/ *(?P<of>\d+)\]$")
_REST = re.compile(r"(?:[\W_]|\d[\d:.-]+|time|train(?:ing)?)*", re.IGNORECASE)
"""Text around the positions of `[epoch=1][batch=10/100]:`, a time for example."""
_TITLE = re.compile(
    rf"[\W_]*(?P<part>{labels.HELD_OUT}|train(?:ing)?)"
    r"(?:[ _](?:performa\w*|results?|metrics|summary))?[\W_]*(?:\([\d\W]*\)[\W_]*)?",
    re.IGNORECASE,
)
"""`> EVALUATION`: the rows below, and positions that start over, are of this part of the data."""


class HeaderAndRows(Preset):
    """Remembers the heading, and the part of the data for the lines below it."""

    of_messages = True

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first epoch, from which positions within epochs count."""
        return {"first": memory["first"]} if "first" in memory else {}

    def read(self, line: str) -> Sequence[Row]:
        """Return the numbers of a line below a heading."""
        line = pairs.unwrapped(line.rstrip())
        if len(line) > MAX_PRINTED:
            return NOTHING
        if not line.isascii():
            line = line_forms.in_english(line)
        if len(line) <= _MAX_HEADING and (heading := self._heading(line)) is not None:
            self._begin(*heading)
            return NOTHING
        if STEP not in self.memory:
            return NOTHING
        if not line or _PART.fullmatch(line):
            self.memory["part"] = pairs.part(line) or self.memory.get("title", "")
            return NOTHING
        if title := _TITLE.fullmatch(line):
            self.memory["title"] = self.memory["part"] = pairs.part(title["part"])
            self.memory.pop("within", None)
            return NOTHING
        row = None if self.memory.get("within") else self._row(line)
        return [row] if row else NOTHING

    def _heading(self, line: str) -> tuple[float, str] | None:
        """Return the step, and the part of the data, of a line that says nothing else."""
        if heading := _HEADING.fullmatch(line):
            return float(heading["step"].replace(",", "")), heading["part"] or ""
        found = pairs.find(line) if _HAS_POSITIONS.search(line) else ()
        if len(found) < 2 or not all(pair.is_step for pair in found):
            return None
        if not all(map(_REST.fullmatch, pairs.between(line, found))):
            return None
        positions = self.memory.setdefault("positions", {})
        step, _name = EpochSteps(positions).of_line(line, {one.name.lower(): one for one in found})
        return step, ""

    def _begin(self, step: float, part: str) -> None:
        """Begin the rows of a heading; `part` is the `Eval` in `Eval epoch: 4`."""
        # within a validation, positions may start over
        starts_over = self.memory.get("title") and step < self.memory.get(STEP, 0)
        self.memory["within"] = bool(starts_over) and not part
        if not self.memory["within"]:
            part = pairs.part(part)
            self.memory.update(step=step, part=part, title=part)

    def _row(self, line: str) -> Row | None:
        step = self.memory.get("at", self.memory[STEP])
        if inside := _INSIDE.search(line):
            epoch = self.memory[STEP] - self.memory.setdefault("first", self.memory[STEP])
            step = self.memory["at"] = epoch * int(inside["of"]) + int(inside["at"])
            line = line[: inside.start()]
        found = pairs.find(line)
        if not found or any(pair.is_step for pair in found) or pairs.run_to_end(line, found):
            return None
        if len({pair.name for pair in found}) < len(found) and all(
            pair.value.is_integer() and "." not in pair.text for pair in found
        ):
            return None  # as in `| Metric | Layer 0 | Layer 1 |`
        before = line[: found[0].start]
        if not _BEFORE.fullmatch(before):
            return None
        of = (
            pairs.part(before) or pairs.part(found[0].name.partition(" ")[0]) or self.memory["part"]
        )
        found = [pair for pair in found if not pair.is_time_left]
        return {STEP: step, **{pairs.of_part(pair.name, of): pair.value for pair in found}}
