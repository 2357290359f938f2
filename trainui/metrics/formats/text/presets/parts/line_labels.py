"""Folds, seeds and trials that are trained one after the other, and trainings of other words.

The rule: the numbers of the one seen first have no prefix; those of another one have it, so that no
curve mixes two. A number that counts up together with the steps is none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from trainui.metrics.formats import labels

FOLDS = "folds"
"""Key in a preset's memory: the first fold, seed or trial, and the last."""

_FOLD = re.compile(
    r"\b(?P<stem>fold|split|run|seed|trial|client|task|agent|stage|phase)[ =:#_-]{0,3}"
    r"(?P<number>\d{1,9})\b",
    re.I,
)
_FOLD_HEADING = re.compile(
    rf"\W*(?:(?:start|begin|train)\w* )?{_FOLD.pattern}(?:\s*(?:/|of)\s*\d+)?\W*", re.IGNORECASE
)
_LONGEST_HEADING = 120
_WORDS = re.compile(r"\W*(?P<word>[A-Za-z][A-Za-z_]*)\W*")
_NO_LABEL = re.compile(
    rf"{labels.HELD_OUT}|train(?:ing)?|validat\w+|evaluat\w+|(?:complet|finish|log|report)\w*|done|end"
    r"|after|at|in|global|total|num|env|current|info|debug|epoch|step",
    re.IGNORECASE,
)


@lru_cache(1024)
def word(text: str) -> str:
    """Return the word that stands before a step, as in `critic step 3`; empty if it is no label."""
    found = _WORDS.fullmatch(text)
    return "" if found is None or _NO_LABEL.fullmatch(found["word"]) else found["word"]


def find_fold(line: str) -> tuple[str, int] | None:
    """Return the fold, seed or trial that a line names, as in `[fold 1] epoch 2`."""
    found = _FOLD.search(line)
    return (found["stem"].lower(), int(found["number"])) if found else None


def is_fold_heading(line: str) -> bool:
    """Return True for a line like `===== Fold 1/5 =====`."""
    return len(line) < _LONGEST_HEADING and _FOLD_HEADING.fullmatch(line) is not None


def prefix_of_fold(memory: dict[str, Any], fold: tuple[str, int], step: float) -> str:
    """Return the prefix of the metrics in a line of a fold with a step.

    The memory is that of a preset.
    """
    stem, number = fold
    start = {"first": [stem, number], "last": [stem, number, step], "apart": False}
    seen = memory.setdefault(FOLDS, start)
    last_stem, last, last_step = seen["last"]
    seen["last"] = [stem, number, step]
    counts_up = stem == last_stem and number > last and step > last_step
    if (stem, number) == (last_stem, last) and not seen["apart"]:
        return ""
    if counts_up and not seen["apart"]:
        seen["first"] = [stem, number]
        return ""
    seen["apart"] = True
    return "" if seen["first"] == [stem, number] else f"{stem}{number} "
