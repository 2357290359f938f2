"""Checks the outputs that a stage declares: they exist, are not empty, and are from this attempt.

Their times are compared with a file that the supervisor creates on the same disk as the attempt
starts, and not with the clock, which may jump or be another machine's. If the clock was set back
meanwhile, so that new files look old, they are compared with the state recorded before the start.

After an older database was restored, an attempt that it lacks may have replaced a result.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from trainui import paths, system
from trainui.model.definition import StageDefinition
from trainui.pipeline import filling
from trainui.resume.integrity import written_at
from trainui.supervisor import protocol

# Finds the files and directories that match a stage's pattern.
#
# As in a shell, `*` does not match hidden names.

MOST_DIRECTORIES = 10_000
"""The most directories that `**` searches: some seconds on a network's disk."""


def matches(pattern: str, root: Path) -> list[Path]:
    """Return the matches of a path or glob; an existing path is never treated as a glob."""
    pattern = os.path.expanduser(pattern)  # noqa: PTH111 (a pattern is no path)
    literal = root / pattern
    if literal.exists():
        return [literal]
    return sorted(set(_expanded(pattern, root)))


def _expanded(pattern: str, root: Path) -> Iterator[Path]:
    above, stars, below = f"/{pattern}".partition("/**/")
    if stars:
        bases = _expanded(above[1:] or "/", root) if above else (root,)
        for directory in itertools.chain.from_iterable(map(_directories, bases)):
            yield from _expanded(below, directory)
    elif f"/{pattern}".endswith("/**"):
        yield from _expanded(f"{pattern}/*", root)
        yield from _expanded(pattern[:-3] or "/", root) if pattern != "**" else ()
    else:
        # pathlib's own globs would match hidden names
        yield from (root / name for name in glob.iglob(pattern, root_dir=root))  # noqa: PTH207


def _directories(base: Path) -> Iterator[Path]:
    """Yield a directory and those below it, each once, although links may form loops."""
    seen: set[tuple[int, int]] = set()
    frontier = [base]
    while frontier and len(seen) < MOST_DIRECTORIES:
        place = frontier.pop()
        try:
            known = place.stat()
            if (identity := (known.st_dev, known.st_ino)) in seen:
                continue
            seen.add(identity)
            with os.scandir(place) as entries:
                inner = [one for one in entries if one.name[0] != "." and one.is_dir()]
        except OSError:  # no directory, or one that cannot be read
            continue
        yield place
        frontier += [Path(one.path) for one in inner]


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


EMPTY = "is empty"

NOTE = "outputs.json"
"""File in the attempt's directory: the state of its outputs before it started."""


def note(definition: StageDefinition, stage_dir: Path, attempt_dir: Path) -> None:
    """Record the state of a stage's outputs before an attempt starts."""
    if definition.outputs:
        found = {str(path): _state(path) for path in _existing(definition, stage_dir)}
        paths.write_private(attempt_dir / NOTE, json.dumps(found))


def problem(definition: StageDefinition, attempt_dir: Path, *, continued: bool) -> str | None:
    """Return a message on the first missing, empty or old output; None if all are fine.

    If the attempt continued from a checkpoint, outputs that earlier attempts made count too.
    """
    stage_dir = paths.stage_directory(attempt_dir)
    since_ns = _since(attempt_dir, continued=continued)
    old = _unchanged(attempt_dir, _existing(definition, stage_dir))
    for output in definition.outputs:
        found = [matches(output, place) for place in roots(output, definition, stage_dir)]
        words = [_problem(output, one, since_ns, old) for one in found if one]
        if not words:
            return f"output {output} is missing{_searched(output, definition, stage_dir)}"
        if None not in words:
            return words[0]
    return None


def _existing(definition: StageDefinition, stage_dir: Path) -> list[Path]:
    return [
        path
        for one in definition.outputs
        for place in roots(one, definition, stage_dir)
        for path in matches(one, place)
    ]


def _searched(output: str, definition: StageDefinition, stage_dir: Path) -> str:
    """Return where a relative output was searched, for a message."""
    if Path(output).expanduser().is_absolute():
        return ""
    words = f": searched in {', '.join(map(str, roots(output, definition, stage_dir)))}"
    shared = unsearched(output, definition, stage_dir)
    if shared and (found := matches(output, shared)):
        words += f" ({found[0]} does not count: members of a sweep may share that directory)"
    return words


def gone(definition: StageDefinition, stage_dir: Path) -> str | None:
    """Return a message on an output of a completed stage that was deleted or emptied since.

    An output outside the run counts as deleted only if its parent directory exists: it may be on a
    disk that is not mounted now, or on another host's. Outputs that name the attempt are skipped.
    """
    for output in filling.known_outputs(definition):
        places = roots(output, definition, stage_dir)
        found = first_matches(output, places)
        if not found and all(_is_in_sight(output, place, stage_dir.parent) for place in places):
            return f"its output {output} no longer exists"
        if found and all(_problem_of(path, 0, is_old=False) == EMPTY for path in found):
            return f"its output {output} is now empty"
    return None


def _is_in_sight(output: str, place: Path, run_dir: Path) -> bool:
    """Return True if an output would be visible at a place, if it existed."""
    path = place / Path(output).expanduser()
    if path.is_relative_to(place) and not place.is_relative_to(run_dir):
        return place.is_dir()
    return (run_dir if path.is_relative_to(run_dir) else fixed_part(path)).is_dir()


def _unchanged(attempt_dir: Path, there: Sequence[Path]) -> Collection[Path]:
    """Return the paths that are as recorded before the attempt; all if nothing was recorded."""
    noted = system.read_object(attempt_dir / NOTE)
    if noted is None:
        return frozenset(there)
    return frozenset(path for path in there if noted.get(str(path)) == _state(path))


def _state(path: Path) -> list[int] | None:
    if (found := system.look(path)) is None:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _since(attempt_dir: Path, *, continued: bool) -> int:
    """Return the time after which outputs must be written, in file-system nanoseconds."""
    own = written_at(attempt_dir / protocol.STARTED_FILE)  # 0 if it never started
    if not continued:
        return own
    started = map(written_at, attempt_dir.parent.glob(f"attempt-*/{protocol.STARTED_FILE}"))
    return min(filter(None, started), default=own)


def _problem(
    output: str, found: Sequence[Path], since_ns: int, old: Collection[Path]
) -> str | None:
    problems = [_problem_of(path, since_ns, is_old=path in old) for path in found]
    if None in problems:  # with a glob, earlier attempts may have left other matches
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
    """Return True if a file, or anything in a directory, changed since a time."""
    if _changed_at(path) >= since_ns:
        return True
    inside = system.entries_below(path) if path.is_dir() else ()
    return any(_changed_at(Path(entry.path)) >= since_ns for entry in inside)


def _changed_at(path: Path) -> int:
    """Return when a file was last written, moved or copied to its place."""
    found = system.look(path)
    return max(found.st_mtime_ns, found.st_ctime_ns) if found else 0


def forgotten(directory: Path) -> list[Path]:
    """Return the directories of attempts that were started with this number or a later one.

    For an attempt that is not claimed yet, these are forgotten ones.
    """
    try:
        numbers = {one: one.name.removeprefix("attempt-") for one in directory.parent.iterdir()}
    except OSError:  # usually there is none yet; else the directory cannot be created either
        return []
    first = int(directory.name.removeprefix("attempt-"))
    return [
        one
        for one, number in numbers.items()
        if number.isdecimal() and int(number) >= first and (one / protocol.STARTED_FILE).exists()
    ]


def replaced(stage_dir: Path, last: int) -> str | None:
    """Return a message if a forgotten attempt has replaced the result of a completed stage.

    `last` is the number of its last attempt in the database.
    """
    if not forgotten(paths.attempt_directory(stage_dir, last + 1)):
        return None
    return "a later attempt replaced its result, and the restored database does not contain it"
