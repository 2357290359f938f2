"""View settings that persist between sessions, in a small JSON file in trainui's home.

They are optional: a file that cannot be read or written is ignored.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui import paths
from trainui.system import plain_files

FILE = "screen.json"


class Preferences:
    """Values by name, in memory until `save`."""

    def __init__(self, file: Path, changed: Callable[[], None]) -> None:
        """Read the JSON file, if any; `changed` is called if a value differs from the saved one."""
        self._changed = changed
        self._file = file
        self._kept: dict[str, Any] = {}
        self._saved: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(plain_files.read_text(file))
            if isinstance(found, dict):
                self._kept, self._saved = found, dict(found)

    def get(self, name: str, kind: type) -> Any:
        """Return a value, or the empty value `kind()` if it is missing or of another type."""
        found = self._kept.get(name)
        return found if isinstance(found, kind) else kind()

    def keep(self, name: str, value: Any) -> None:
        """Set a value (JSON data)."""
        self._kept[name] = value
        if self._kept != self._saved:
            self._changed()

    def save(self) -> None:
        """Write the file if anything has changed and the home directory exists."""
        saved = dict(self._kept)
        if saved == self._saved:
            return
        self._saved = saved
        with contextlib.suppress(OSError):
            if self._file.parent.is_dir():
                paths.write_private(self._file, json.dumps(saved, indent=1) + "\n")
