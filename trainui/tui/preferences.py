"""What the screen remembers from one time to the next: a small file in the home.

Nothing depends on it: what cannot be read is forgotten, what cannot be written is let go.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui import paths, plain_files

FILE = "screen.json"


class Preferences:
    """Values by name; kept in memory until `save`."""

    def __init__(self, file: Path, changed: Callable[[], None] | None = None) -> None:
        """Read the file, if there is one.

        Args:
            file: where it is kept.
            changed: called whenever something is to be saved.
        """
        self._changed = changed
        self._file = file
        self._kept: dict[str, Any] = {}
        self._saved: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(plain_files.read_text(file))
            if isinstance(found, dict):
                self._kept, self._saved = found, dict(found)

    def get(self, name: str, kind: type) -> Any:
        """Return what is remembered under a name; nothing (`kind()`) where it is of another kind.

        Args:
            name: of the value.
            kind: `str`, `dict` and the like.
        """
        found = self._kept.get(name)
        return found if isinstance(found, kind) else kind()

    def keep(self, name: str, value: Any) -> None:
        """Remember a value of plain data from now on."""
        self._kept[name] = value
        if self._changed is not None and self._kept != self._saved:
            self._changed()

    def save(self) -> None:
        """Write the file, if there is a home to write to."""
        saved = dict(self._kept)
        if saved == self._saved:
            return
        self._saved = saved
        with contextlib.suppress(OSError):
            if self._file.parent.is_dir():
                paths.write_private(self._file, json.dumps(saved, indent=1) + "\n")
