"""Looks at files that may be missing, unreadable or FIFOs: these count as empty, never written."""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from pathlib import Path

from trainui.system import plain_files

_KNOWN_BYTES = 1024
"""Bytes by which the kind of a file is recognised."""

_HERE = -100
_BIRTH = 0x800
_STATX_BYTES = 256
_MASK, _TIME = struct.Struct("=I"), struct.Struct("=qI")
_TIME_AT = 80


def head(path: Path, size: int = 4096, *, begin: int = 0) -> bytes:
    """Return a file's first bytes, or those from an offset on."""
    try:
        with plain_files.open_plain(path) as file:
            file.seek(begin)
            return file.read(size)
    except OSError:
        return b""


@lru_cache(maxsize=256)
def known_head(path: Path, state: object) -> bytes:
    """Return a file's first bytes; it is not read again while its state is the same."""
    return head(path, _KNOWN_BYTES) if state is not None else b""


def text(path: Path, size: int = 8192) -> str:
    """Return the text of a small file."""
    return head(path, size).decode(errors="replace")


def size(path: Path) -> int:
    """Return a file's size in bytes."""
    try:
        return plain_files.status(path).st_size
    except OSError:
        return 0


def modified(path: Path) -> float:
    """Return when a file was last written, in seconds since 1970."""
    status = plain_files.look(path)
    return status.st_mtime if status else 0.0


def born(path: Path) -> float | None:
    """Return when a file was made, in seconds since 1970, by statx, which Python does not offer.

    None if that is unknown.
    """
    import ctypes  # which takes some milliseconds to import, and is seldom needed

    statx = getattr(ctypes.CDLL(None), "statx", None)
    found = ctypes.create_string_buffer(_STATX_BYTES)
    if statx is None or statx(_HERE, os.fsencode(path), 0, _BIRTH, found):
        return None
    if not _MASK.unpack_from(found)[0] & _BIRTH:
        return None
    seconds, nanoseconds = _TIME.unpack_from(found, _TIME_AT)
    return float(seconds + nanoseconds / 1e9)
