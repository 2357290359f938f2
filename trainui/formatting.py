"""Formats numbers for people."""

from __future__ import annotations

_UNITS = ((10**3, "kB"), (10**6, "MB"), (10**9, "GB"), (10**12, "TB"))


def size(count: int) -> str:
    """Format a number of bytes, rounded down: `340 B`, `1.2 kB`, `480 kB`, `10 GB`."""
    if count < 1000:
        return f"{count} B"
    factor, unit = next(known for known in _UNITS if count < 1000 * known[0] or known == _UNITS[-1])
    tenths = 10 * count // factor
    return f"{tenths // 10 if tenths >= 1000 else tenths / 10:g} {unit}"
