"""Whether the outputs that a stage declares are there: made by this attempt, and not empty.

They are compared with a file that the supervisor makes as the attempt starts, on the same disk,
and not with the clock, which may jump or be another machine's. Where it was set back in the middle,
so that all that is new looks old, they are compared with what was noted before the start.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from trainui import paths, plain_files
from trainui.artifacts.globs import first_matches, matches, roots, unsearched
from trainui.domain.definition import StageDefinition
from trainui.supervisor import protocol

EMPTY = "is empty"

NOTE = "outputs.json"
"""In the attempt's directory: what was there of its outputs before it started."""


def note(definition: StageDefinition, stage_dir: Path, attempt_dir: Path) -> None:
    """Note what is there of a stage's outputs, before an attempt starts.

    Args:
        definition: the stage's, as its process has it.
        stage_dir: the stage's directory.
        attempt_dir: the attempt's.
    """
    if definition.outputs:
        found = {str(path): _state(path) for path in _there(definition, stage_dir)}
        paths.write_private(attempt_dir / NOTE, json.dumps(found))


def problem(definition: StageDefinition, attempt_dir: Path, *, continued: bool) -> str | None:
    """Return what is wrong with the first output that is not as it should be; None: all are.

    Args:
        definition: the stage's, as its process had it.
        attempt_dir: the attempt's directory.
        continued: whether it continued from a checkpoint; then what earlier attempts made in the
            stage's directory counts too.
    """
    stage_dir = paths.stage_directory(attempt_dir)
    since_ns = _since(attempt_dir, continued=continued)
    old = _unchanged(attempt_dir, _there(definition, stage_dir))
    for output in definition.outputs:
        found = [matches(output, place) for place in roots(output, definition, stage_dir)]
        words = [_problem(output, one, since_ns, old) for one in found if one]
        if not words:
            return f"output {output} is missing{_searched(output, definition, stage_dir)}"
        if None not in words:
            return words[0]
    return None


def _there(definition: StageDefinition, stage_dir: Path) -> list[Path]:
    return [
        path
        for one in definition.outputs
        for place in roots(one, definition, stage_dir)
        for path in matches(one, place)
    ]


def _searched(output: str, definition: StageDefinition, stage_dir: Path) -> str:
    """Say where a relative output was looked for."""
    if Path(output).expanduser().is_absolute():
        return ""
    words = f": looked in {', '.join(map(str, roots(output, definition, stage_dir)))}"
    shared = unsearched(output, definition, stage_dir)
    if shared and (found := matches(output, shared)):
        words += f" ({found[0]} does not count: members of a sweep may share that directory)"
    return words


def gone(definition: StageDefinition, stage_dir: Path) -> str | None:
    """Say which output of a completed stage is no longer there, or empty by now; None: none is.

    Of a path outside the run that can only be told where the directory that holds it is there:
    it may lie on a disk that is not mounted now, or on another host's.

    Args:
        definition: the stage's, with the outputs that are known.
        stage_dir: the stage's directory.
    """
    for output in definition.outputs:
        places = roots(output, definition, stage_dir)
        found = first_matches(output, places)
        if not found and all(_is_in_sight(output, place, stage_dir.parent) for place in places):
            return f"its output {output} is gone"
        if found and all(_problem_of(path, 0, is_old=False) == EMPTY for path in found):
            return f"its output {output} is empty by now"
    return None


def _is_in_sight(output: str, place: Path, run_dir: Path) -> bool:
    """Return whether an output would be seen at a place, were it there."""
    path = place / Path(output).expanduser()
    if path.is_relative_to(place) and not place.is_relative_to(run_dir):
        return place.is_dir()
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.parts[:-1])
    return run_dir.is_dir() if path.is_relative_to(run_dir) else Path(*fixed).is_dir()


def _unchanged(attempt_dir: Path, there: Sequence[Path]) -> Collection[Path]:
    """Return what is as it was before the attempt started; where nobody noted it: all."""
    try:
        noted = json.loads(plain_files.read_bytes(attempt_dir / NOTE))
    except (OSError, ValueError):
        return frozenset(there)
    return frozenset(path for path in there if noted.get(str(path)) == _state(path))


def _state(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _since(attempt_dir: Path, *, continued: bool) -> int:
    """Return the time after which outputs have to be made, in a file's own nanoseconds."""
    own = _started(attempt_dir)
    if not continued:
        return own
    within = paths.stage_directory(attempt_dir) / paths.OURS  # where older versions had them
    earlier = [*attempt_dir.parent.glob("attempt-*"), *within.glob("attempt-*")]
    return min(filter(None, map(_started, earlier)), default=own)


def _started(attempt_dir: Path) -> int:
    """Return when an attempt started; 0 where it never did."""
    try:
        return (attempt_dir / protocol.STARTED_FILE).stat().st_mtime_ns
    except OSError:
        return 0


def _problem(
    output: str, found: Sequence[Path], since_ns: int, old: Collection[Path]
) -> str | None:
    problems = [_problem_of(path, since_ns, is_old=path in old) for path in found]
    if None in problems:  # of a glob, earlier attempts may have left others
        return None
    return f"output {output} {problems[0]}"


def _problem_of(path: Path, since_ns: int, *, is_old: bool) -> str | None:
    try:
        if not (any(path.iterdir()) if path.is_dir() else path.stat().st_size):
            return EMPTY
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    is_new = not is_old or _changed(path, since_ns)
    return None if is_new else "is older than this attempt"


def _changed(path: Path, since_ns: int) -> bool:
    """Tell whether a file, or anything in a directory, changed since then."""
    if _changed_at(path) >= since_ns:
        return True
    if not path.is_dir():
        return False
    inside = (
        Path(directory, name) for directory, _, names in os.walk(path) for name in (*names, ".")
    )
    return any(_changed_at(entry) >= since_ns for entry in inside)


def _changed_at(path: Path) -> int:
    """Return when a file was last written, or moved or copied to where it is."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)
