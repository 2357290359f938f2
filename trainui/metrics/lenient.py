"""Reads what trainings leave: files that may be missing, and numbers and JSON in many forms.

Files that are missing, unreadable or FIFOs count as empty, never written. Configurations are YAML,
nested settings, odd numbers. Numbers in text have units and separators; JSON has Python's NaN, C's
`nan`, or is a printed Python dict. The rule of JSON: strict JSON first; the slower parsers are
tried only where it fails.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import struct
import warnings
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from trainui import system

_KNOWN_BYTES = 1024
"""Bytes by which the kind of a file is recognised."""

_HERE = -100
_BIRTH = 0x800
_STATX_BYTES = 256
_MASK, _TIME = struct.Struct("=I"), struct.Struct("=qI")
_TIME_AT = 80

_CONFIGURATION_BYTES = 1 << 20
"""Bytes of a configuration that are read: its parameters are for people to see."""

MAX_TEXT = 65_536
"""Characters of a text that is parsed as a Python literal, which is slow."""


def head(path: Path, size: int = 4096, *, begin: int = 0) -> bytes:
    """Return a file's first bytes, or those from an offset on."""
    try:
        with system.open_plain(path) as file:
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
        return system.status(path).st_size
    except OSError:
        return 0


def modified(path: Path) -> float:
    """Return when a file was last written, in seconds since 1970."""
    status = system.look(path)
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


_NUMBER = re.compile(
    r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|infinity)\s*", re.IGNORECASE
)

_GLUED = re.compile(
    # A number, then optionally a full stop or a unit: `0.019s`, `85.93%`, `1.4685.`, `nan.0`.
    r"\s*([-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
    r"|nan|inf(?:inity)?))(?:\.0?)?(?:[^\s\d.,:_][^\s\d]*)?(?:\s.*)?",
    re.IGNORECASE | re.DOTALL,
)


_WITH_UNIT = re.compile(
    # `85.93%`, `0.5 s`, `1.2GiB`, `12.5 it/s`, `1,234,567`: known units only; `7b` is a name.
    r"\s*([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][-+]?\d+)?)\s?"
    r"(%|[mun\u00b5\u03bc]?s|secs?|mins?|h|[kKMGT]i?B|s/it|\w+/s(?:ec)?)?\s*"
)


def to_number(text: str) -> float | None:
    """Return the number that a whole text spells, also NaN and infinity; else None."""
    try:
        return float(text) if _NUMBER.fullmatch(text) else None
    except ValueError:  # behind a separator that is a blank for patterns only
        return None


def leading_number(text: str) -> float | None:
    """Return the number at the start of a text, which a unit may follow; None if there is none."""
    found = _GLUED.fullmatch(text)
    return float(found[1].replace(",", "")) if found else None


def numbers_with_unit(cells: Sequence[str]) -> list[float | None]:
    """Return the numbers of a column that uses the same unit throughout.

    Any other column has no numbers; a blank cell is always None.
    """
    numbers: list[float | None] = []
    units = set()
    for cell in cells:
        found = _WITH_UNIT.fullmatch(cell)
        number = to_number(found[1].replace(",", "")) if found else None
        if found is not None and number is not None:
            units.add(found[2])
        elif cell.strip():
            return [None] * len(cells)
        numbers.append(number)
    return numbers if len(units) == 1 else [None] * len(cells)


_WORDS = {
    **{word: float(word) for word in ("nan", "inf", "infinity")},
    **{"true": True, "false": False, "null": None},
}


def load_json(text: str) -> Any:
    """Return the value of a JSON-like text; None if it cannot be parsed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if not text.startswith("{") or len(text) > MAX_TEXT:
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _value(ast.parse(text, mode="eval").body)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def load_objects(text: str) -> Sequence[Any] | None:
    """Return the complete objects of a text of concatenated objects, which may be in a list.

    The end of the list, and of the last object, may be missing. None for any other text.
    """
    found, end = first_objects(text, 1 if text.startswith("[") else 0, skips_torn=False)
    is_other = text[_skip(text, end) :][:1] not in ("", "{")
    return None if is_other or not found else found


def first_objects(text: str, begin: int = 0, *, skips_torn: bool = True) -> tuple[list[Any], int]:
    """Return the complete objects from an offset on, and the offset where the last one ends.

    They may span several lines and need no separator. An object torn by a writer that was killed is
    skipped if another one begins on a line after it.
    """
    decoder, found, end = json.JSONDecoder(), list[Any](), begin
    at = _skip(text, begin)
    while text.startswith("{", at):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = (skips_torn and text.find("\n{", at) + 1) or len(text)
        else:
            found.append(value)
            at = _skip(text, end)
    return found, end


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,\0":
        at += 1
    return at


def _value(node: ast.expr) -> Any:
    """Return the value of a literal expression; for a call like `float32(0.5)`, its first argument.

    Raises:
        ValueError: it is not such an expression.
    """
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name) if name.lower() in _WORDS:
            return _WORDS[name.lower()]
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand)
        case ast.List(items) | ast.Tuple(items):
            return [_value(item) for item in items]
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            return {str(_value(key)): _value(value) for key, value in pairs if key is not None}
        case ast.Call(args=[first, *_]):
            return _value(first)
    raise ValueError("no constant")
