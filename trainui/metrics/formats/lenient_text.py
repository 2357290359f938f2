"""Numbers and JSON in text, in the forms that trainings write.

Numbers have units and separators; JSON has Python's NaN, C's `nan`, or is a printed Python dict.
The rule of JSON: strict JSON first; the slower parsers are tried only where it fails.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

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


MAX_TEXT = 65_536
"""Characters of a text that is parsed as a Python literal, which is slow."""

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
