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


def roots(definition: StageDefinition, stage_dir: str | Path) -> list[Path]:
    """Return where a stage's relative patterns are looked for, in this order.

    That is its directory, then its workdir. The members of a sweep may share a workdir: what lies
    there may be another member's, so there it is the directory alone.
    """
    places = [Path(stage_dir).absolute()]
    if definition.matrix is None:
        places.append(Path(definition.workdir))
    return list(dict.fromkeys(places))


def unsearched(definition: StageDefinition, stage_dir: str | Path) -> Path | None:
    """Return the workdir where nothing counts that is found there: members of a sweep share it."""
    workdir = Path(definition.workdir)
    return None if workdir in roots(definition, stage_dir) else workdir


def first_matches(pattern: str, places: Sequence[Path]) -> list[Path]:
    """Return what a pattern names in the first of some directories that has a match."""
    return next(filter(None, (matches(pattern, place) for place in places)), [])
