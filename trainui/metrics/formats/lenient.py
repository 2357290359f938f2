"""JSON as it is really written: with Python's NaN, C's `nan`, or as Python prints a dictionary.

The rule that lives here: strict JSON first; what costs more is tried where that fails.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

MAX_TEXT = 65_536
"""Characters of a text that is taken apart as Python does: that is slow."""

_WORDS = {
    "nan": float("nan"),
    "inf": float("inf"),
    "infinity": float("inf"),
    "true": True,
    "false": False,
    "null": None,
}


def load(text: str) -> Any:
    """Return the value that a text is; None where it is none that can be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _load_python(text) if text.startswith("{") and len(text) <= MAX_TEXT else None


def load_objects(text: str) -> Sequence[Any] | None:
    """Return the whole objects of a text that is one after the other, perhaps in a list.

    The list's end, and the last object's, may be still to come. None where it is anything else.
    """
    decoder, found = json.JSONDecoder(), []
    at = _skip(text, 1 if text.startswith("[") else 0)
    while at < len(text):
        if text[at] != "{":
            return None
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(value)
        at = _skip(text, at)
    return found or None


def first_objects(text: str) -> tuple[list[Any], int]:
    """Return the whole objects that a text begins with, and where the last of them ends.

    They may stand over several lines, and with nothing between them. One that is torn, by a writer
    that was killed, is left out where another begins a line after it.
    """
    decoder, found, end = json.JSONDecoder(), list[Any](), 0
    at = _skip(text, 0)
    while text.startswith("{", at):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("\n{", at) + 1 or len(text)
        else:
            found.append(value)
            at = _skip(text, end)
    return found, end


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,\0":
        at += 1
    return at


def _load_python(text: str) -> Any:
    try:
        return _value(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    """Return what an expression of constants means; of a call, such as `float32(0.5)`, its first.

    Raises:
        ValueError: it is no such expression.
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
