"""Nested dictionaries as trackers show them: the names are joined by dots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainui.metrics.formats.table import to_float

MAX_DEPTH = 8
"""Dictionaries nested deeper are ignored."""


def leaves(name: str, value: Any, depth: int = MAX_DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the values in a dictionary by their full names; media are left out."""
    if not isinstance(value, dict):
        yield name, value
    elif depth and "_type" not in value:
        for inner, one in value.items():
            yield from leaves(f"{name}.{inner}" if name else str(inner), one, depth - 1)


def numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a dictionary by their full names; a boolean is none."""
    for inner, one in leaves(name, value):
        if isinstance(one, int | float) and not isinstance(one, bool):
            yield inner, to_float(one)
