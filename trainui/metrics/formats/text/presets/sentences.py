"""Sentences about metrics, whose numbers are repeated from other lines or are no metrics."""

from __future__ import annotations

import re

_SENTENCE = re.compile(
    # No `\b` in front, which is tried at each character.
    r"(?:reached(?<!\w.{7})|improved?(?<!\wimprove)(?<!\wimproved)|adjusting(?<!\w.{9})"
    r"|reducing(?<!\w.{8})|was(?<!\w.{3}) not)\b"
)
_SAVING = re.compile(r"\W*(?:[Ss]aving|[Ss]aved)\b|Step \d+/\d+ : [A-Z]+ ")
"""Also the lines of `docker build`: `Step 4/5 : ENV LOSS=0.5`."""
_BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""


def is_sentence(line: str) -> bool:
    """Return True for a sentence about a metric, but for one that says which is the best."""
    return _SENTENCE.search(line) is not None or _SAVING.match(line) is not None


def is_of_best(line: str) -> bool:
    """Return True for the best of what other lines say."""
    return _BEST.match(line) is not None
