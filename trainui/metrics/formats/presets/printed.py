"""Lines that people print themselves: `step 10 loss 2.3`, `Epoch [1/5], Loss: 1.8`, `step=1 lr=2`.

The rule that lives here: such a line begins, after what a logger puts before it, with its step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.presets.base import NOTHING, NUMBER, STEP, Preset, Row

_WORD = r"[A-Za-z_][\w.@/%'^-]*"
_NAME = rf"{_WORD}(?:\([^)\d]*\))?"
_PAIR = re.compile(
    # `loss=1`, where a name is one word, then `val loss: 1` and `val loss 1`.
    rf"(?<![\w.])(?:(?P<word>{_NAME}) ?= ?|(?P<words>{_WORD}(?: {_NAME}){{0,3}}?)(?:\s*:\s*|\s+))"
    rf"[\[(]? *(?P<value>{NUMBER})(?:/(?P<of>\d+))?(?![:\w]*\d[:-])"
)
_BAR = re.compile(r"\d+%\||\[\d+:\d\d[<,]")
_STEP = re.compile(
    r"(?:global[_ ]?step|step|iteration|iter|it|epoch|ep|episode|update|round)", re.IGNORECASE
)
_HAS_STEP = re.compile(r"step|iter|\bit\b|epoch|\bep\b|episode|update|round", re.IGNORECASE)
_OUTER = re.compile(r"(?:train(?:ing)? )?epoch", re.IGNORECASE)
_LOGGED = re.compile(
    r"(?:.*(?:[\]\[:|>)-]|INFO|DEBUG|\d\d:\d\d:\d\d(?:[.,]\d+)?)\s*)?"
    r"(?:train(?:ing)?|val(?:id\w*)?|test|eval)?",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"[\[(] *(?P<value>\d+)/(?P<of>\d+)")
_RANK = re.compile(r"\[(?:rank ?|default)(\d+)\]:?", re.IGNORECASE)


class Printed(Preset):
    """Reads a line at a time; `[rank0]` before a line, or inside it, names whose numbers follow."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows of a line, of which two ranks may have written one each."""
        if not _HAS_STEP.search(line) or _BAR.search(line):
            return NOTHING
        if "[" not in line or _RANK.search(line) is None:
            row = self._row(line)
            return [row] if row else NOTHING
        _before, *parts = _RANK.split(line)
        ranks = zip(parts[::2], parts[1::2], strict=True)
        found = ((rank, self._row(text.strip())) for rank, text in ranks)
        return [_of_rank(rank, row) for rank, row in found if row]

    def _row(self, line: str) -> Row | None:
        pairs = list(_PAIR.finditer(line))
        first = next((at for at, pair in enumerate(pairs) if _is_step(_name(pair))), None)
        if first is None or not _LOGGED.fullmatch(line[: pairs[first].start()].rstrip()):
            return None
        row: Row = {}
        steps: dict[str, re.Match[str]] = {}
        for pair in pairs[first:]:
            if _is_step(_name(pair)):
                steps.setdefault(_name(pair).lower(), pair)
            row.setdefault(_name(pair), float(pair["value"]))
        if all(_is_step(name) for name in row):
            return None
        step, own = self._step(line, steps)
        row.pop(own, None)
        return {STEP: step, **{name: value for name, value in row.items() if name != STEP}}

    def _step(self, line: str, steps: dict[str, re.Match[str]]) -> tuple[float, str]:
        """Return a line's step, and the field that it is: of an epoch and a place in it, the place.

        A line that has an epoch only, among others that have a step, stands where they are.
        """
        outer = next((pair for name, pair in steps.items() if _OUTER.fullmatch(name)), None)
        inner = next((pair for name, pair in steps.items() if not _OUTER.fullmatch(name)), None)
        place = inner or (outer and _INSIDE.search(line, outer.end()))
        if place is None:
            assert outer is not None
            known = self.memory.get(STEP)
            return (float(outer["value"]), _name(outer)) if known is None else (float(known), "")
        step = float(place["value"])
        if outer is not None and place["of"]:
            step += (float(outer["value"]) - self._first_epoch(outer)) * float(place["of"])
        self.memory[STEP] = step
        return step, _name(inner) if inner else ""

    def _first_epoch(self, outer: re.Match[str]) -> int:
        """Tell what the first epoch is called: 0 where one was seen, and in `Epoch: [3][10/38]`.

        So a resumed training, whose first line is of a later one, counts on as it began.
        """
        if float(outer["value"]) == 0 or ("[" in outer[0] and not outer["of"]):
            self.memory["first"] = 0
        return int(self.memory.get("first", 1))


def _of_rank(rank: str, row: Row) -> Row:
    return {name if name == STEP else f"rank{rank} {name}": value for name, value in row.items()}


def _name(pair: re.Match[str]) -> str:
    return pair["word"] or pair["words"]


def _is_step(name: str) -> bool:
    return _STEP.fullmatch(name.split(" ")[-1]) is not None and name.count(" ") < 2
