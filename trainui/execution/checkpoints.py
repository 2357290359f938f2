"""Checkpoints of a stage: the newest one that is whole and was not tried in vain."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainui import clock
from trainui.domain.definition import CheckpointRule
from trainui.execution.globbing import matches
from trainui.execution.wholeness import files_of, is_whole

Tried = Mapping[str, int]
"""Paths of checkpoints from which an attempt got nowhere, each with when it started, in
microseconds. One that was written again since is another."""

_NONE: Tried = {}


def find(
    rule: CheckpointRule | None, stage_dir: str | Path, tried: Tried = _NONE, *, asked: bool = False
) -> str | None:
    """Return the checkpoint to continue from, as an absolute path; None where there is none.

    It is the newest whole one that was not tried in vain.

    Args:
        rule: which paths are checkpoints; None: there are none.
        stage_dir: the stage's directory.
        tried: those that were.
        asked: a person asks for this attempt: where all were tried in vain, what kept them from
            getting anywhere may be mended, and it is the newest.
    """
    found = whole(rule, stage_dir)
    newest = next(found, None)
    if newest is None or not _is_tried(newest, tried):
        return newest
    untried = (checkpoint for checkpoint in found if not _is_tried(checkpoint, tried))
    return next(untried, newest if asked else None)


def exhausted(rule: CheckpointRule | None, stage_dir: str | Path, tried: Tried) -> bool:
    """Tell whether there are whole checkpoints, and all of them were tried in vain."""
    found = list(whole(rule, stage_dir))
    return bool(found) and all(_is_tried(checkpoint, tried) for checkpoint in found)


def newer_than(rule: CheckpointRule | None, stage_dir: str | Path, mtime_ns: int) -> bool:
    """Tell whether a whole checkpoint was written since a time, of the same file system's clock."""
    newest = next(whole(rule, stage_dir), None)
    return newest is not None and _mtime_ns(Path(newest)) >= mtime_ns


def whole(rule: CheckpointRule | None, stage_dir: str | Path) -> Iterator[str]:
    """Yield the checkpoints that are whole, newest first: by mtime, then in natural order."""
    if rule is None:
        return
    found = matches(rule.glob, Path(stage_dir).absolute())
    found.sort(key=lambda path: (_mtime_ns(path), _natural(str(path))), reverse=True)
    for path in found:
        if is_whole(path, rule.complete):
            yield str(path)


def _is_tried(checkpoint: str, tried: Tried) -> bool:
    """Tell whether it, or the file that it is a link to, was tried and not written since."""
    if not tried:
        return False
    real = os.path.realpath(checkpoint)
    times = (time for path, time in tried.items() if os.path.realpath(path) == real)
    if (started := max(times, default=None)) is None:
        return False
    written = _mtime_ns(Path(checkpoint))
    # what lies in the future was not written since: a clock was set
    return not started * 1000 < written <= clock.now() * 1000


def _mtime_ns(path: Path) -> int:
    """Return when a checkpoint was written last; 0 where it is gone."""
    try:
        newest = path.stat().st_mtime_ns
        # a file that is written anew in its place leaves the directory's own time as it is
        return max((newest, *(file.lstat().st_mtime_ns for file in files_of(path))))
    except OSError:
        return 0


def _natural(text: str) -> list[tuple[int, str]]:
    """Order `ckpt-9` before `ckpt-10`."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
