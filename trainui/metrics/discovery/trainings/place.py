"""A directory with its entries, as the finders of trainings see it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_COMMON = re.compile(
    r"(version|run|exp)?_?\d*|logs?|tb|tensorboard|csv|vis_data|metrics|out(put)?s?|results",
    re.IGNORECASE,
)
"""Names of directories that many trainings have."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory with its entries; links are left out."""

    path: Path
    directories: tuple[str, ...]
    files: tuple[str, ...]

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, *names: str) -> bool:
        """Return True if all of these files exist."""
        return all(name in self.files for name in names)

    def fits(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the names of the files that a pattern fits."""
        return [name for name in self.files if pattern.fullmatch(name)]

    def log(self) -> Path | None:
        """Return the first log."""
        return next((self / name for name in self.files if name.endswith((".log", ".out"))), None)

    def clear_name(self) -> str:
        """Return the directory's name, behind that of its parent if it is a common one."""
        name = self.path.name
        return f"{self.path.parent.name}/{name}" if _COMMON.fullmatch(name) else name


def listed(path: Path) -> Place:
    """Return a directory; without entries if it cannot be read: it has no trainings for us."""
    directories, files = [], []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError:
        pass
    return Place(path, tuple(sorted(directories)), tuple(sorted(files)))
