"""Formats sizes, durations, times, quantities and lists for people, and reads durations."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from trainui import clock

MINUTE = 60 * clock.SECOND

LONGEST = 10 * 365 * 86_400
"""Seconds; a longer duration is assumed to be a typing error."""

_UNITS = ((10**3, "kB"), (10**6, "MB"), (10**9, "GB"), (10**12, "TB"))


def size(count: int) -> str:
    """Format a number of bytes, rounded down: `340 B`, `1.2 kB`, `480 kB`, `10 GB`."""
    if count < 1000:
        return f"{count} B"
    factor, unit = next(known for known in _UNITS if count < 1000 * known[0] or known == _UNITS[-1])
    tenths = 10 * count // factor
    return f"{tenths // 10 if tenths >= 1000 else tenths / 10:g} {unit}"


def duration(seconds: float) -> str:
    """Format a duration: `0.4s`, `12s`, `3m 05s`, `2h 10m`, `3d 4h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"


def storable(text: str) -> str:
    """Return a text with `?` for what databases refuse: NUL, and bytes of names not in UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def worked(micros: int | None) -> str:
    """Format a time worked in microseconds; empty if nothing has started."""
    return "" if micros is None else duration(micros / clock.SECOND)


def took(micros: int | None, since: int | None, until: int | None) -> str:
    """Format a time worked; with pauses of a minute or more since its start, also since when."""
    if micros is None or since is None or until is None or until - since - micros < MINUTE:
        return worked(micros)
    return f"{worked(micros)} since {local_time(since, '%Y-%m-%d %H:%M')}"


def local_time(micros: int | None, style: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Format a time in the local time zone; empty for None."""
    return "" if micros is None else clock.to_local(micros).strftime(style)


def clock_time(micros: int) -> str:
    """Format a time of day in local time, with the date if it is not today: `14:05`."""
    is_today = local_time(micros, "%F") == local_time(clock.now(), "%F")
    return local_time(micros, "%H:%M" if is_today else "%d %b %H:%M")


def quantity(count: int, noun: str) -> str:
    """Return a number of things: `1 stage`, `3 stages`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def short_id(run_id: str) -> str:
    """Return what messages call a run: 8 characters of a UUID, or all of an id chosen by a user.

    The box of `BOX:RUN` stays whole.
    """
    box, colon, own = run_id.rpartition(":")
    return f"{box}{colon}{own[:8] if len(own) == 36 else own}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names separated by commas, a long list shortened to `a, b, c and 2 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def first(names: Sequence[str]) -> str:
    """Return the first of some names, with the number of the others: `a (and 2 more)`."""
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"


def number(value: float | None) -> str:
    """Format a metric's value; empty for None."""
    return "" if value is None else f"{value:.6g}"


def signal_name(number: int) -> str:
    """Return a signal's name without its `SIG`."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return "unknown"


# Durations as people write them: `90s`, `30m`, `12h`, `3d`, `1h30m`; a bare number is seconds.

_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_BARE = re.compile(rf"{_NUMBER}(?:[eE]\+?[0-9]{{1,2}})?", re.ASCII)
_PARTS = re.compile(
    rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?", re.ASCII
)
DURATION_PATTERN = rf"{_BARE.pattern}|(?=.)" + "".join(rf"(?:{_NUMBER}{unit})?" for unit in "dhms")
"""The same as a regular expression for JSON Schema, without the upper limit."""

_PARTS_OF_TIME = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


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
            float(n) * s for n, s in zip(match.groups(), _PARTS_OF_TIME.values(), strict=True) if n
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
    for unit, size in _PARTS_OF_TIME.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
