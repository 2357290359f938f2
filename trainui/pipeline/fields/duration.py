"""Durations as people write them: `90s`, `30m`, `12h`, `3d`, `1h30m`; a bare number is seconds."""

from __future__ import annotations

import re

LONGEST = 10 * 365 * 86_400
"""Seconds; a longer duration is assumed to be a typing error."""

_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_BARE = re.compile(rf"{_NUMBER}(?:[eE]\+?[0-9]{{1,2}})?", re.ASCII)
_PARTS = re.compile(
    rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?", re.ASCII
)
PATTERN = rf"{_BARE.pattern}|(?=.)" + "".join(rf"(?:{_NUMBER}{unit})?" for unit in "dhms")
"""The same as a regular expression for JSON Schema, without the upper limit."""

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def parse(text: str) -> float:
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


def text(seconds: float) -> str:
    """Return a duration as `parse` reads it: 90 as `1m30s`, 43200 as `12h`."""
    if seconds != int(seconds):
        return f"{seconds:g}s"
    rest, parts = int(seconds), []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
