"""Names with their numbers in a line that is written for people: `loss=1`, `val loss: 1`, `acc 2`.

The rule that lives here: which words before a number are its name, and which are a sentence's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainui.metrics.formats.presets.base import NUMBER

_WORD = r"[A-Za-z_](?:[\w.@/%^-]|'(?=\w))*"
_NAME = rf"{_WORD}(?:\([^)\d]*\))?"
_VALUE = rf"\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?![\d,])|{NUMBER}"
_PAIR = re.compile(
    # `loss=1`, where a name is one word, then `val loss: 1` and `val loss 1`. Not the names in a
    # path, nor the numbers of a date, of a time, and of `1m 05s`.
    rf"(?<![\w.])(?<![^\d]/)"
    rf"(?:(?P<word>{_NAME}) ?= ?|(?P<words>{_WORD}(?: {_NAME}){{0,3}}?)(?:\s*:\s*|\s+|(?=\[)))"
    rf"[\[(]? *(?P<value>{_VALUE})(?:/(?P<of>\d+))?(?![:\w]*\d[:-])(?![dhm] ?\d)"
)
_NO_NAME = re.compile(
    r"(?:.* )?(?:of|to|in|at|for|by|as|than|with|from|not|is|was|are|the|a|an|and|or|no|any|top"
    r"|group|reached|after|on)|.*\.py",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"(?:(?:end of|\S+) )?"
    r"(?:global[_ ]?step|step|iteration|iters?|it|epoch|ep|episode|update|round|tick|batch)",
    re.IGNORECASE,
)
_HELD_OUT = r"val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?|dev"
_IS_HELD_OUT = re.compile(rf"(?:.*[\W_])?(?:{_HELD_OUT})(?:[\W_].*)?", re.IGNORECASE)
_PART = re.compile(rf"(?:.*\W)?(?P<part>{_HELD_OUT})(?: (?:set|error|results?))?\W*", re.IGNORECASE)
_BETWEEN = re.compile(r"[\w%/.\u00b5\u03bc]*(?: ?\([^()]*\))?[\s,;|)\]/-]*")
"""What may stand between two pairs: a unit, what is in brackets, and signs."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and its number."""

    name: str
    value: float
    of: float | None
    """In `3/10`, the 10."""
    start: int
    end: int
    """Where it stands in the line."""
    text: str
    """As it stands there."""

    @property
    def is_step(self) -> bool:
        """Whether the number counts something."""
        return _STEP.fullmatch(self.name) is not None


def find(line: str) -> list[Pair]:
    """Return a line's pairs."""
    return [
        Pair(
            found["word"] or found["words"],
            float(found["value"].replace(",", "")),
            float(found["of"]) if found["of"] else None,
            *found.span(),
            found[0],
        )
        for found in _PAIR.finditer(line)
        if found["word"] or not _NO_NAME.fullmatch(found["words"])
    ]


def run_to_end(line: str, pairs: Sequence[Pair]) -> int:
    """Return from which pair on there is nothing but pairs to the line's end."""
    end, at = len(line), len(pairs)
    while at and _BETWEEN.fullmatch(line, pairs[at - 1].end, end):
        at -= 1
        end = pairs[at].start
    return at


def part(text: str) -> str:
    """Return the part of the data that a text ends with the name of; none for the training's."""
    found = _PART.fullmatch(text)
    return found["part"].lower() if found else ""


def of_part(name: str, of: str) -> str:
    """Return a metric's name, told apart from that of the training."""
    return name if not of or _IS_HELD_OUT.fullmatch(name) else f"{of} {name}"
