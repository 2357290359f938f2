"""Keyed digests of an attempt's environment variables, for comparing two attempts.

The key never leaves the home. So a stage's directory can be shared without revealing a secret, or
whether a guess of one is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainui import paths
from trainui.paths import Home
from trainui.plugin import Tracker, registry
from trainui.store.shell_environment import SET_BY_TRAINUI
from trainui.system import plain_files

VARIABLES_FILE = "variables.json"
"""File in the attempt's directory."""

_OWN = SET_BY_TRAINUI | {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "TRAINUI_HOME"}
"""Variables that differ in every attempt, or after a home was moved."""


def _ignored() -> frozenset[str]:
    """Return the variables that are not compared, with those that are set for a tracker."""
    return _OWN.union(*(one.ignored_variables for one in registry.records(Tracker)))


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of the variables that differ between two attempts, sorted."""

    changed: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]


def note(home: Home, attempt_dir: Path, environ: Mapping[str, str]) -> None:
    """Write the digests of an attempt's variables into its directory.

    Raises:
        OSError: the file cannot be written.
    """
    paths.make_private(home.worker)
    word = paths.identity(home.variables_key)
    key = word.encode()

    def digest(value: str) -> str:
        data = value.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=key, digest_size=12).hexdigest()

    ignored = _ignored()
    digests = {name: digest(value) for name, value in environ.items() if name not in ignored}
    content = {"key": digest(word), "digests": digests}
    paths.write_private(attempt_dir / VARIABLES_FILE, json.dumps(content))


def difference(before: Path, after: Path) -> Difference | None:
    """Compare the variables of two attempts.

    The difference is None if it is unknown: one has no digests, or they are from different homes.
    """
    first, second = _read(before), _read(after)
    if first is None or second is None or first["key"] != second["key"]:
        return None
    old, new = first["digests"], second["digests"]
    return Difference(
        changed=tuple(sorted(name for name in old if name in new and old[name] != new[name])),
        added=tuple(sorted(new.keys() - old.keys())),
        gone=tuple(sorted(old.keys() - new.keys())),
    )


def _read(attempt_dir: Path) -> dict[str, dict[str, str]] | None:
    content = plain_files.read_object(attempt_dir / VARIABLES_FILE) or {}
    return content if isinstance(content.get("digests"), dict) and "key" in content else None
