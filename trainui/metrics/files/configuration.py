"""Configurations as trackers and frameworks leave them: YAML, nested settings, odd numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from trainui.metrics.files import lenient_files

_BYTES = 1 << 20

_FILES = ("hparams.yaml", "args.yaml")
"""Files of Lightning, timm and Ultralytics, beside those with the metrics."""


def in_directory(directory: Path) -> Mapping[str, Any]:
    """Return the configuration that a framework wrote in a directory; empty if there is none."""
    found = (load_yaml(directory / name) for name in _FILES)
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
    data = lenient_files.head(path, _BYTES)
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
