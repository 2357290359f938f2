"""Numbers as text: what trainings write where a number is meant."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|infinity)\s*", re.IGNORECASE
)

_GLUED = re.compile(
    # A number, then perhaps a full stop or a unit: `0.019s`, `85.93%`, `1.4685.`, `nan.0`.
    r"\s*([-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
    r"|nan|inf(?:inity)?))(?:\.0?)?(?:[^\s\d.,:_][^\s\d]*)?(?:\s.*)?",
    re.IGNORECASE | re.DOTALL,
)


def to_number(text: str) -> float | None:
    """Return the number that a whole text is, NaN and infinities too; None for anything else."""
    return float(text) if _NUMBER.fullmatch(text) else None


def leading_number(text: str) -> float | None:
    """Return the number that a text begins with and that a unit may follow; None without one."""
    found = _GLUED.fullmatch(text)
    return float(found[1].replace(",", "")) if found else None
