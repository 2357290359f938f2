"""A file that may hold an attempt's metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainui.metrics.decoding import Reading


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to read."""

    key: str
    """By what the store knows it, also when its history goes on in another file."""
    path: Path
    reading: Reading
    family: str | None = None
    """Set for a file that was found by itself: the same numbers in another kind of file are the
    same series."""
    named: bool = False
    """The stage names it, so it is a problem if nothing comes of it."""
    ours: bool = True
    """It lies in the stage's own directory, so nobody else has written it."""
    is_fallback: bool = False
    """It is read only where no other kind of file gives a metric: lines meant for people."""
    is_final: bool = False
    """It is read once, when the attempt has ended: what it holds before is in others as well."""
    one_of_many: bool = False
    """It was found by a pattern, so another name may be the same file, renamed."""
