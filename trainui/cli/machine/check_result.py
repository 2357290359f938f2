"""What `doctor` found of one thing."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = "good"
NOTE = "note"
BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    level: str
    """`good`, `note` (works, with a drawback) or `bad` (must be mended)."""
    message: str
    """What was found."""
    advice: str | None = None
    """What to do."""
