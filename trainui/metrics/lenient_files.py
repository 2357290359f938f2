"""Looks at files that may be missing, unreadable or FIFOs: these count as empty, never written.

Also configurations as trackers and frameworks leave them: YAML, nested settings, odd numbers.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

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


_CONFIGURATION_BYTES = 1 << 20

_CONFIGURATION_FILES = ("hparams.yaml", "args.yaml")
"""Files of Lightning, timm and Ultralytics, beside those with the metrics."""


def in_directory(directory: Path) -> Mapping[str, Any]:
    """Return the configuration that a framework wrote in a directory; empty if there is none."""
    found = (load_yaml(directory / name) for name in _CONFIGURATION_FILES)
    return next((one for one in found if one), {})


def flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `optimizer.lr`; a list as JSON."""
    if not isinstance(document, Mapping):
        return {}
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, str | int | float | bool | None)
            found[f"{prefix}{key}"] = value if plain else json.dumps(value, default=str)
    return found


def as_json(value: Any) -> Any:
    """Return a value as JSON can have it: a number that is not finite as a text."""
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def load_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file; an empty one if it cannot be read."""
    data = head(path, _CONFIGURATION_BYTES)
    if not data:
        return {}
    import yaml  # not at the reader's start

    try:
        found = yaml.load(data, _loader())
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


@cache
def _loader() -> Any:
    """Return a loader that ignores tags of Python objects, of which Lightning writes some."""
    import yaml

    class PlainLoader(yaml.CSafeLoader):
        """Loads an object with such a tag as None."""

    PlainLoader.add_multi_constructor("", lambda _loader, _suffix, _node: None)
    return PlainLoader
