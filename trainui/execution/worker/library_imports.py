"""Imports libraries without their plugins, for which they search each installed package.

That saves a tenth of the worker's start, and more where many packages are installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_kombu() -> None:
    """Import kombu with its own serializers alone, and without YAML's: only JSON is accepted."""
    from kombu.utils import compat

    with _replaced(vars(compat), "entrypoints", lambda _: ()), _replaced(sys.modules, "yaml", None):
        import kombu.matcher
        import kombu.serialization  # noqa: F401


@contextmanager
def without_pydantic_plugins() -> Iterator[None]:
    """Define models without plugins of Pydantic."""
    with _replaced(os.environ, "PYDANTIC_DISABLE_PLUGINS", "1"):
        yield


@contextmanager
def _replaced(values: Any, key: str, value: Any) -> Iterator[None]:
    """Replace a value of a mapping, and restore it."""
    before = values.get(key)
    values[key] = value
    try:
        yield
    finally:
        if before is None:
            del values[key]
        else:
            values[key] = before
