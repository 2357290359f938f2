"""The YAML 1.2 core schema: the type and value of an unquoted scalar."""

from __future__ import annotations

import json
import math
import re

from trainui.domain.definition import Json

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""Scalars that mean null."""

BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
"""Scalars that mean a boolean; in YAML 1.2 `yes`, `no`, `on` and `off` are text."""

MAX_DIGITS = 4000
"""Maximum length of an integer; the time to parse one grows with its square."""

_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


def resolve(text: str) -> Json:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: a number with too many digits, or an infinity or NaN, which JSON does not
            have.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if _DECIMAL.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError("the number has too many digits; quote it")
        return int(text, 0) if text.startswith("0") and not text.isdecimal() else int(text)
    if _FLOAT.fullmatch(text):
        if math.isinf(value := float(text)):
            raise ValueError("the number is too large; quote it")
        return value
    if _SPECIAL.fullmatch(text):
        raise ValueError("infinities and NaN cannot be passed as numbers; quote it")
    return text


def in_quotes(value: Json) -> str:
    """Write a text, or a list of texts, in double quotes, so that YAML reads it as it is.

    It is JSON, except for characters that YAML forbids.
    """
    written = json.dumps(value, ensure_ascii=False)
    return _BEYOND_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", written)


def looks_typed(text: str) -> bool:
    """Return True if `text`, written without quotes, would not be read as text."""
    try:
        return not isinstance(resolve(text), str)
    except ValueError:
        return True
