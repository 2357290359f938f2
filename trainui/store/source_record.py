"""A file that points are read from, and by what it is known again: records alone.

Who looks into files and stores nothing needs these, and no more of the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a file is known again: neither an inode nor a size is enough."""

    device: int
    inode: int
    head_size: int
    """Bytes at the start that were hashed."""
    head_hash: str
    tail_size: int
    """Bytes just before the offset that were hashed."""
    tail_hash: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file that points are read from, and how far it is read."""

    id: int
    owner: str
    key: str
    format: str | None = None
    attempt: int = 0
    generation: int = 0
    """How often the file was found to hold another history than the one stored."""
    offset: int = 0
    """Bytes up to which it is stored."""
    rows: int = 0
    """Records up to there, of this generation."""
    next_ordinal: int = 0
    identity: Identity | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    """What its format remembers, as plain JSON."""
    tail_rows: int = 0
    tail_points: int = 0
    version: int = 0
    problem: str | None = None


def key_of(path: Path) -> str:
    """Return a file's key: its path, as text that any database can hold."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
