"""Finds the files and directories that match a stage's pattern.

As in a shell, `*` does not match hidden names, and so not the `.trainui` of an older version.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from trainui.domain.definition import StageDefinition


def matches(pattern: str, root: Path) -> list[Path]:
    """Return the matches of a path or glob; an existing path is never treated as a glob."""
    pattern = os.path.expanduser(pattern)  # noqa: PTH111 (a pattern is no path)
    literal = root / pattern
    if literal.exists():
        return [literal]
    # pathlib's own globs would match hidden names
    found = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    return [root / name for name in sorted(found)]


def roots(pattern: str, definition: StageDefinition, stage_dir: str | Path) -> list[Path]:
    """Return the directories in which a stage's relative pattern is searched, in this order.

    These are the stage's directory, then its workdir. For a member of a sweep it is the stage's
    directory alone, since members may share a workdir.
    """
    places = [Path(stage_dir).absolute()]
    if definition.matrix is None and not goes_everywhere(pattern):
        places.append(Path(definition.workdir))
    return list(dict.fromkeys(places))


def unsearched(pattern: str, definition: StageDefinition, stage_dir: str | Path) -> Path | None:
    """Return the workdir if it is not searched because members of a sweep share it."""
    workdir = Path(definition.workdir)
    if goes_everywhere(pattern) or workdir in roots(pattern, definition, stage_dir):
        return None
    return workdir


def goes_everywhere(pattern: str) -> bool:
    """Return True if a pattern would search all of a workdir, including data sets."""
    return pattern.startswith("**")


def fixed_part(pattern: Path) -> Path:
    """Return the directory of a pattern, up to its first part with a wildcard."""
    parts = itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts[:-1])
    return Path(*parts)


def first_matches(pattern: str, places: Sequence[Path]) -> list[Path]:
    """Return the matches of a pattern in the first directory that has any."""
    return next(filter(None, (matches(pattern, place) for place in places)), [])
