"""The result of one check of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = "good"
NOTE = "note"
BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    """What was checked."""
    level: str
    """`good`, `note` (works, with a drawback) or `bad` (must be fixed)."""
    message: str
    """The result in words."""
    advice: str | None = None
    """How to fix it."""
