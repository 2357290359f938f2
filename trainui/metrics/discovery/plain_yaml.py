"""YAML as frameworks write it: tags that name Python objects are ignored."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Loads YAML whose tags name Python objects (Lightning writes some) as plain values."""


def _ignored(_loader: yaml.CSafeLoader, _suffix: str, _node: yaml.Node) -> None:
    """Stand for the value of an unknown tag."""


_Loader.add_multi_constructor("", _ignored)


def load(data: bytes) -> Any:
    """Return a document's content; an empty mapping if it is damaged."""
    try:
        return yaml.load(data, _Loader) or {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
