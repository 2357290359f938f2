"""YAML 1.2's core types: what a value written without quotes stands for."""

from __future__ import annotations

import re

from trainui.domain.definition import Json

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""What stands for nothing."""

BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
"""What stands for a flag; `yes`, `no`, `on` and `off` are text since YAML 1.2."""

MAX_DIGITS = 4000
"""Of a whole number; reading takes time that grows with their square."""

_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


def resolve(text: str) -> Json:
    """Return what `text` stands for.

    Raises:
        ValueError: a number that has too many digits, or is infinite or not a number, which JSON
            cannot hold.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if _DECIMAL.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text):
        return _finite(float(text))
    if _SPECIAL.fullmatch(text):
        raise ValueError("infinities and NaN cannot be passed as numbers; quote it")
    return text


def looks_typed(text: str) -> bool:
    """Tell whether `text`, without quotes, stands for something else than itself."""
    try:
        return not isinstance(resolve(text), str)
    except ValueError:
        return True


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("the number has too many digits; quote it")
    return int(text, 0) if text.startswith("0") and not text.isdecimal() else int(text)


def _finite(value: float) -> float:
    if value in (float("inf"), float("-inf")):
        raise ValueError("the number is too large; quote it")
    return value
