"""The files below a directory that may have metrics; only what has changed is listed again."""

from __future__ import annotations

import heapq
import math
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from trainui import paths
from trainui.metrics import trackers
from trainui.metrics.discovery import default_sources
from trainui.metrics.tail import FileState, look_at
from trainui.plugin import Tracker, registry
from trainui.system import mounts

MAX_ENTRIES = 20_000
"""Directory entries examined below a directory, those near the top first."""

MAX_DEPTH = 6

MAX_CHECKED = 50
"""Directories near the top, and as many that changed last, that are checked between two walks."""

MAX_AGE = 0.5
"""Seconds for which a walk or a check serves all attempts."""

_PLACES = frozenset({"logs", "lightning_logs", "results"})
"""Directories of frameworks; trackers have more."""

_TICK = 100_000_000
"""Nanoseconds: a directory that was listed so soon after a change may have changed once more
without another modification time."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory as it was listed."""

    modified: int
    listed: int
    """In nanoseconds since 1970, as `modified`."""
    files: Sequence[Path]
    """Those that may have metrics."""
    directories: Sequence[str]
    """Paths of those that are listed too."""
    entries: int

    def is_current(self, modified: int) -> bool:
        """Return True if nothing has come or gone since it was listed."""
        return self.modified == modified < self.listed - _TICK


class Listing:
    """The files below a directory that may have metrics."""

    def __init__(self, root: Path) -> None:
        """Create the listing; it lists nothing yet."""
        self.root = root
        self.states: Mapping[Path, FileState] = {}
        """The files, as they were at the last walk."""
        self.version = 0
        """Changes when files come or go, and when a database among them is written."""
        self._directories: Mapping[str, _Directory] = {}
        self._checked_ones: Sequence[tuple[str, _Directory]] = ()
        self._databases: Mapping[Path, object] = {}
        self._walked = self._checked = -math.inf

    @property
    def directories(self) -> list[Path]:
        """The directories that are listed, those near the top first."""
        return [Path(path) for path in self._directories]

    def walk(self, max_age: float = 0.0) -> None:
        """Bring all of it up to date, unless this was done less than `max_age` seconds ago."""
        if time.monotonic() - self._walked > max_age:
            self._walk()
            self._walked = self._checked = time.monotonic()

    def check(self) -> None:
        """Update the version, unless this was done a moment ago: costs little if nothing changed.

        Changes in directories far from the top that were not changed lately are found by a walk.
        """
        if time.monotonic() - self._checked > MAX_AGE:
            if all(one.is_current(_modified(path)) for path, one in self._checked_ones):
                self._check_databases()
            else:
                self._walk()
            self._checked = time.monotonic()

    def places(self) -> set[Path]:
        """Return the directories where trainings make new files: changes there are worth a search.

        They are those of trackers and frameworks: others may be written all the time.
        """
        known = _PLACES.union(*(one.places for one in registry.records(Tracker)))
        places = (Path(path) for path, _one in self._checked_ones)
        below = (
            one for one in places if not known.isdisjoint(one.relative_to(self.root).parts[:1])
        )
        return {self.root, *below}

    def _walk(self) -> None:
        found: dict[str, _Directory] = {}
        left, queue = MAX_ENTRIES, deque([(str(self.root), 0)])
        while queue and left > 0:
            path, depth = queue.popleft()
            known, modified = self._directories.get(path), _modified(path)
            one = known if known and known.is_current(modified) else _list(path, modified)
            if one is not None:
                found[path] = one
                left -= one.entries
                queue += [
                    (below, depth + 1)
                    for below in one.directories
                    if depth < MAX_DEPTH and not mounts.is_silent_below(path, below, wait=False)
                ]
        self._directories = found
        top = list(found.items())[:MAX_CHECKED]
        last = heapq.nlargest(MAX_CHECKED, found.items(), key=lambda one: one[1].modified)
        self._checked_ones = [*dict((*top, *last)).items()]
        files = (path for one in found.values() for path in one.files)
        states = {path: state for path in files if (state := look_at(path)) is not None}
        self.version += states.keys() != self.states.keys()
        self.states = states
        self._check_databases()

    def _check_databases(self) -> None:
        names = (path for path in self.states if trackers.is_named_as_one(path))
        databases = {path: trackers.version(path) for path in names}
        self.version += databases != self._databases
        self._databases = databases


def is_of_interest(path: str) -> bool:
    """Return True if what was made at a path may have metrics, or is a directory to list."""
    directory, _, name = path.rpartition("/")
    if default_sources.is_usual(Path(path)):
        return True
    return bool(default_sources.searched(directory, [name])) and Path(path).is_dir()


@lru_cache(maxsize=128)
def of(root: Path) -> Listing:
    """Return the listing of a directory, shared by the attempts that work in it."""
    return Listing(root)


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 (a path object costs more than the call)
    except OSError:
        return 0


def _list(path: str, modified: int) -> _Directory | None:
    """List a directory; return None if it cannot be read, or if it is one of ours."""
    listed = time.time_ns()
    try:
        with os.scandir(path) as scanned:
            entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in scanned}
    except OSError:
        return None
    if not entries.keys().isdisjoint((paths.OURS, paths.PLACE_FILE)):
        return None  # a run, or the directory of all runs
    folders = default_sources.searched(path, (name for name, folder in entries.items() if folder))
    plain = (Path(path, name) for name, folder in sorted(entries.items()) if not folder)
    files = list(filter(default_sources.is_usual, plain))
    home = str(paths.home().root)
    directories = [below for name in folders if (below := f"{path}/{name}") != home]
    return _Directory(modified, listed, files, directories, len(entries))
