"""A file's time of birth by statx, which Python does not offer on Linux."""

from __future__ import annotations

import ctypes
import os
import struct
from functools import cache
from pathlib import Path

_HERE = -100
_BIRTH = 0x800
_SIZE = 256
_MASK, _TIME = struct.Struct("=I"), struct.Struct("=qI")
_TIME_AT = 80


def birth_of(path: Path) -> float | None:
    """Return when a file was made, in seconds since 1970; None if that is unknown."""
    statx, found = _statx(), ctypes.create_string_buffer(_SIZE)
    if statx is None or statx(_HERE, os.fsencode(path), 0, _BIRTH, found):
        return None
    if not _MASK.unpack_from(found)[0] & _BIRTH:
        return None
    seconds, nanoseconds = _TIME.unpack_from(found, _TIME_AT)
    return float(seconds + nanoseconds / 1e9)


@cache
def _statx() -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), "statx", None)
