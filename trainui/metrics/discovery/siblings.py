"""Files of one kind that trainings write side by side, like `version_0` and `version_1`.

The rule: the metrics of the first one have no prefix; those of another one that is written in the
same attempt have its directory's name, or its own, so that no series mixes two files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files

_FAMILIES = frozenset({"json", "csv", "tfevents", "hf"})
"""Kinds of files that a training writes one of, or in one directory."""

_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?!\d)")
"""A number that distinguishes ranks or folds; a longer one is a time or a process."""


def apart(one: SourceFile, others: Iterable[SourceFile], since: float) -> SourceFile:
    """Return a file with a prefix if files of its kind are read already.

    Files that were written last before the attempt started do not count.
    """
    if one.family not in _FAMILIES or one.named:
        return one
    for other in others:
        if _is_alike(one, other) and lenient_files.modified(other.path) >= since:
            prefix = f"{one.reading.prefix}{_label(one.path, other.path)}/"
            return replace(one, reading=replace(one.reading, prefix=prefix))
    return one


def _is_alike(one: SourceFile, other: SourceFile) -> bool:
    """Return True if two files would have the same names, and are not of one history."""
    mine, its = one.reading, other.reading
    if one.key == other.key or one.family != other.family or other.named:
        return False
    if (mine.prefix, mine.part) != (its.prefix, its.part):
        return False
    is_numbered = _NUMBER.sub("#", one.path.name) == _NUMBER.sub("#", other.path.name)
    if one.path.parent != other.path.parent:
        return one.family == "tfevents" or is_numbered
    return is_numbered and one.path.name != other.path.name and one.family != "tfevents"


def _label(path: Path, other: Path) -> str:
    """Return what distinguishes two files: the directory below their common one, or the name."""
    if path.parent == other.parent:
        return path.name.partition(".")[0]
    common = os.path.commonpath((path.parent, other.parent))
    below = path.parent.relative_to(common).parts
    return below[0] if below else path.parent.name
