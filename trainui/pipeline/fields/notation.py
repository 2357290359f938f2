"""Values of a pipeline file with a notation of their own: durations, sizes of memory."""

from __future__ import annotations

import re

# Durations as people write them: `90s`, `30m`, `12h`, `3d`, `1h30m`; a bare number is seconds.


LONGEST = 10 * 365 * 86_400
"""Seconds; a longer duration is assumed to be a typing error."""

_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_BARE = re.compile(rf"{_NUMBER}(?:[eE]\+?[0-9]{{1,2}})?", re.ASCII)
_PARTS = re.compile(
    rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?", re.ASCII
)
DURATION_PATTERN = rf"{_BARE.pattern}|(?=.)" + "".join(rf"(?:{_NUMBER}{unit})?" for unit in "dhms")
"""The same as a regular expression for JSON Schema, without the upper limit."""

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: it is not a duration, or longer than ten years; the message says what to write.
    """
    stripped = text.strip()
    if _BARE.fullmatch(stripped):
        seconds = float(stripped)
    elif stripped and (match := _PARTS.fullmatch(stripped)):
        seconds = sum(
            float(n) * s for n, s in zip(match.groups(), _UNITS.values(), strict=True) if n
        )
    else:
        raise ValueError("must be a duration such as 90s, 30m, 12h, 3d or 1h30m")
    if seconds > LONGEST:
        raise ValueError("must be a duration of at most ten years")
    return seconds


def duration_text(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it: 90 as `1m30s`, 43200 as `12h`."""
    if seconds != int(seconds):
        return f"{seconds:g}s"
    rest, parts = int(seconds), []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


# Sizes of memory as people write them: `24G`, `80GB`, `40GiB`; a bare number is bytes.


SIZE_PATTERN = r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kKMGT])(i?)B?|B?)"
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
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
