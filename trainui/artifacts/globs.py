"""The files and directories that a stage's pattern names: relative to its directory, or absolute.

As a shell does, `*` leaves out hidden names, and so the `.trainui` of an older version.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from trainui.domain.definition import StageDefinition


def matches(pattern: str, root: Path) -> list[Path]:
    """Return what a path or glob names; a path that is there as it is written is no glob."""
    pattern = os.path.expanduser(pattern)  # noqa: PTH111 (a pattern is no path)
    literal = root / pattern
    if literal.exists():
        return [literal]
    # pathlib's own globs would match hidden names
    found = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    return [root / name for name in sorted(found)]


def roots(pattern: str, definition: StageDefinition, stage_dir: str | Path) -> list[Path]:
    """Return where a pattern of a stage is looked for where it is relative, in this order.

    That is its directory, then its workdir. The members of a sweep may share a workdir: what lies
    there may be another member's, so there it is the directory alone.
    """
    places = [Path(stage_dir).absolute()]
    if definition.matrix is None and not _goes_everywhere(pattern):
        places.append(Path(definition.workdir))
    return list(dict.fromkeys(places))


def unsearched(pattern: str, definition: StageDefinition, stage_dir: str | Path) -> Path | None:
    """Return the workdir where nothing counts that is found there: members of a sweep share it."""
    workdir = Path(definition.workdir)
    if _goes_everywhere(pattern) or workdir in roots(pattern, definition, stage_dir):
        return None
    return workdir


def _goes_everywhere(pattern: str) -> bool:
    """Return whether a pattern would be looked for in all of a workdir, its data sets too."""
    return pattern.startswith("**")


def first_matches(pattern: str, places: Sequence[Path]) -> list[Path]:
    """Return what a pattern names in the first of some directories that has a match."""
    return next(filter(None, (matches(pattern, place) for place in places)), [])
