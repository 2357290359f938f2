"""Finds the files and directories that match a stage's pattern.

As in a shell, `*` does not match hidden names, and so not the `.trainui` of an older version.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainui.model.definition import StageDefinition

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
