"""The files and directories that a stage's pattern names: relative to its directory, or absolute.

As a shell does, `*` leaves out hidden names, and so the `.trainui` of an older version.
"""

from __future__ import annotations

import glob
from pathlib import Path


def matches(pattern: str, root: Path) -> list[Path]:
    """Return what a path or glob names; a path that is there as it is written is no glob."""
    literal = root / pattern
    if literal.exists():
        return [literal]
    # pathlib's own globs would match hidden names
    found = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    return [root / name for name in sorted(found)]
