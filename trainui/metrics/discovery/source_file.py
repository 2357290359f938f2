"""A file that may contain an attempt's metrics, and how to read it.

Of files of one kind that trainings write side by side, such as `version_0` and `version_1`, the
metrics of the first have no prefix; those of another one have its directory's name, or its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from trainui.metrics.files import peek
from trainui.metrics.files.decoder_choice import DecoderChoice

_FAMILIES = frozenset({"json", "csv", "tfevents", "hf"})
"""Kinds of files that a training writes one of, or in one directory."""

_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?!\d)")
"""A number that distinguishes ranks or folds; a longer one is a time or a process."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may contain metrics."""

    key: str
    """Identifies the source in the store, also after its history continues in another file."""
    path: Path
    reading: DecoderChoice
    family: str | None = None
    """Set for a file that was discovered: the same numbers in another kind of file are the same
    series."""
    named: bool = False
    """The stage names it, so finding no metrics in it is a problem."""
    ours: bool = True
    """It is in the stage's own directory, so no other program has written it."""
    is_fallback: bool = False
    """It is read only if no other kind of file has metrics: log lines for people."""
    is_final: bool = False
    """It is read once, when the attempt has ended: until then other files have the same metrics."""
    begin: int = 0
    """Bytes that were there before the attempt, so another program has written them."""
    run: str = ""
    """The id of a run, if the file is a tracker's database."""
    one_of_many: bool = False
    """It was found by a pattern, so another path may be the same file, renamed."""


def apart(one: SourceFile, others: Iterable[SourceFile], since: float) -> SourceFile:
    """Return a file with a prefix if one of its kind, written `since`, is read already."""
    if one.family not in _FAMILIES or one.named:
        return one
    for other in others:
        if _is_alike(one, other) and peek.modified(other.path) >= since:
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
