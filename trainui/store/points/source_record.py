"""Records of a source and of a file's identity, without any storage code.

For code that reads files and stores nothing, and needs nothing else from the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """Data to recognise a file again: neither an inode nor a size is enough."""

    device: int
    inode: int
    head_size: int
    """Bytes at the start that were hashed."""
    head_hash: str
    tail_size: int
    """Bytes just before the offset that were hashed."""
    tail_hash: str


class SourceRecord(NamedTuple):
    """A file that points are read from, and the offset reached."""

    id: int
    owner: str
    key: str
    format: str | None = None
    attempt: int = 0
    generation: int = 0
    """How often the file was found to have another history than the stored one."""
    offset: int = 0
    """Bytes stored so far."""
    rows: int = 0
    """Records stored so far, of this generation."""
    next_ordinal: int = 0
    identity: Identity | None = None
    state: Mapping[str, Any] = MappingProxyType({})
    """The decoder's state, as plain JSON."""
    tail_rows: int = 0
    tail_points: int = 0
    version: int = 0
    problem: str | None = None


def key_of(path: Path) -> str:
    """Return a file's key: its path, as text that any database can store."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
