"""Sizes of memory as people write them: `24G`, `80GB`, `40GiB`; a bare number is bytes."""

from __future__ import annotations

import re

PATTERN = r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kKMGT])(i?)B?|B?)"
_SIZE = re.compile(PATTERN, re.ASCII)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse(text: str) -> int:
    """Return a size in bytes: `G` is 10**9, `Gi` is 2**30.

    Raises:
        ValueError: it is not a size; the message says what to write.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise ValueError("must be a size such as 24G or 40GiB")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** _POWERS.get((unit or "").upper(), 0))


def format_size(size: int) -> str:
    """Return a size as text, in the largest unit that divides it."""
    for unit, factor in (("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size / 10**9:.1f} GB"
