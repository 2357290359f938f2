"""Numbers in text, in the forms that trainings write."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
