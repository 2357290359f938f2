"""Default sources outside the stage's directory: in its workdir, and wherever its processes write.

The rule: a file is an attempt's if one of its processes had it open for writing, which its
supervisor notes. A file that nobody was seen to write is an attempt's if it was written since the
attempt started, no other process has it open, and no other attempt ran between its birth and its
last change, or it is in a directory that only this one writes in. Otherwise it is not read.
"""

from __future__ import annotations

import heapq
import math
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import paths, system
from trainui.metrics import lenient, trackers
from trainui.metrics.discovery import default_sources, file_writers
from trainui.metrics.formats import SourceFile
from trainui.metrics.tail import FileState, look_at
from trainui.metrics.trackers import DatabaseRuns, is_near
from trainui.plugin import Owner, Tracker, registry
from trainui.record import dataclass
from trainui.supervisor import protocol
from trainui.supervisor.protocol import RUN_TAG, WRITTEN_FILE

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

MAX_ENTRIES = 20_000
"""Directory entries examined below a directory, those near the top first."""

MAX_DEPTH = 6
"""Levels of directories that are searched: loggers write near the top."""

MAX_CHECKED = 50
"""Directories near the top, and as many that changed last, that are checked between two walks."""

MAX_AGE = 0.5
"""Seconds for which a walk or a check serves all attempts."""

_PLACES = frozenset({"logs", "lightning_logs", "results"})
"""Directories of frameworks; trackers have more."""

_TICK = 100_000_000
"""Nanoseconds: a directory that was listed so soon after a change may have changed once more
without another modification time."""

FIRST_PAUSE = 0.5
"""The least seconds between two searches for an attempt."""

OLD = 20
"""The age of an older attempt is this many times the pause between two searches."""

SLACK = 0.02
"""Seconds by which a file's times may be early: the kernel stamps them with a coarse clock."""

ROUNDING = 1e-6
"""Seconds by which the attempt's start, as a float, may be later than a file of the same tick."""

SEEN_AFTER = 35.0
"""Seconds after which a process that keeps a file open has been seen by its supervisor: more than
the longest time between two of its looks."""

REST, REST_OF_CHANGES = 1000, 50
"""The least time between two rounds of searches, as a multiple of the last one's CPU time; the
second if something has changed."""

LONGEST_PAUSE = 60.0
"""Seconds: the longest such rest, and the longest time between two searches for a young attempt."""

ROUND = 1.0
"""Seconds for which a round of searches for all attempts shares what it has found."""


# The files below a directory that may have metrics; only what has changed is listed again.


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
                    if depth < MAX_DEPTH and not system.is_silent_below(path, below, wait=False)
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
def listing_of(root: Path) -> Listing:
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


class SearchRound:
    """The pace of the searches for all attempts, and the survey of processes that they share."""

    def __init__(self) -> None:
        self._began = -math.inf
        self._cost = 0.0
        """CPU seconds of the round's searches."""
        self._surveyed = -math.inf
        self._survey: Mapping[Path | None, frozenset[str]] = {}

    def may_begin(self, rest: float) -> bool:
        """Return True if a search is part of the round, or if the rest after the last is over."""
        elapsed = time.monotonic() - self._began
        if elapsed > min(max(ROUND, rest * self._cost), LONGEST_PAUSE):
            self._began, self._cost = time.monotonic(), 0.0
            return True
        return elapsed < ROUND

    def spend(self, seconds: float) -> None:
        """Count the CPU time of a search."""
        self._cost += seconds

    def writers(self, path: Path) -> set[Path | None]:
        """Return the attempts that have a file open for writing; None: a process of no attempt.

        Asked for a new file only, since a look at all processes takes milliseconds.
        """
        if time.monotonic() - self._surveyed > ROUND:
            self._survey = file_writers.survey()
            self._surveyed = time.monotonic()  # its end, since it may take long on a busy machine
        name = str(path.resolve())
        return {attempt for attempt, files in self._survey.items() if name in files}


@dataclass
class OutsideSources:
    """The default sources of one attempt outside its stage's directory."""

    attempt_dir: Path
    stage_dir: Path
    workdir: Path
    environment: Mapping[str, str]
    """The attempt's variables; empty if they are not known."""
    round: SearchRound = field(default_factory=SearchRound)
    """Shared by all attempts."""
    found: list[SourceFile] = field(default_factory=list)
    """The sources found by the last search."""
    _began: float = field(default_factory=time.monotonic)
    _searched: float = -math.inf
    _seen: tuple[object, ...] = ()
    """The versions of the listings at the last search, and the state of the supervisor's note."""
    _own: dict[Path, int] = field(default_factory=dict)
    """The attempt's files, and the offsets at which its part begins."""
    _foreign: set[Path] = field(default_factory=set)
    _unknown: dict[Path, float] = field(default_factory=dict)
    """When a file whose writer is unknown was first seen."""
    _is_ended: bool = False
    _rivals: Sequence[Rival] = ()
    """The other attempts that have run since this one started."""
    _since: float = math.inf
    _near: Sequence[Rival] = ()
    """Those that work in the workdir, below it or above it."""
    _old: dict[Path, FileState] = field(default_factory=dict)
    """Files that were there before the attempt, as they were when they were first seen."""

    def __post_init__(self) -> None:
        """Find the listings that the attempts share."""
        self._old = file_writers.sizes_at_start(self.attempt_dir)
        roots = [self.workdir, *_homes(self.environment)]
        self._listings = [listing_of(root) for root in roots]
        self._printed = trackers.printed_by(self.attempt_dir)
        self.databases = DatabaseRuns(self.attempt_dir, self.workdir, self._printed)

    def is_due(self) -> bool:
        """Return True if new files are likely: one came, a database was written, or time passed.

        An old attempt is searched less and less often.
        """
        pause = time.monotonic() - self._searched
        if pause < FIRST_PAUSE:
            return False
        for one in self._listings:
            one.check()
        if self._versions() != self._seen:
            return not self._seen or self.round.may_begin(REST_OF_CHANGES)
        age = self._searched - self._began
        longest = max(LONGEST_PAUSE, age / OLD)
        return pause > min(3 * age, longest) and self.round.may_begin(REST)

    def is_pending(self) -> bool:
        """Return True if files came or went that the last search has not seen."""
        return bool(self._seen) and self._versions() != self._seen

    def places(self) -> set[Path]:
        """Return the directories where new files are worth a search."""
        return self._listings[0].places()

    def jobs(self) -> list[Path]:
        """Return the directories below the workdir that the attempt made as jobs of a tracker.

        None where others work there too: whose job is whose is not known.
        """
        if self._near:
            return []
        new = (
            one
            for one in self._listings[0].directories
            if lenient.modified(one) >= self._since - ROUNDING
        )
        return [one for one in new if default_sources.group_of(one) is not None]

    def _versions(self) -> tuple[object, ...]:
        noted = look_at(self.attempt_dir / WRITTEN_FILE)
        return noted, *(one.version for one in self._listings)

    def search(
        self, rivals: Sequence[Rival], since: float, *, ended: bool = False
    ) -> list[SourceFile]:
        """Return the sources that there are now.

        `rivals` are the other attempts that have run `since` this one started, in seconds since
        1970; if it has `ended`, this is the last search.
        """
        used = time.thread_time()
        self._rivals, self._since, self._is_ended = rivals, since, ended
        self._near = [one for one in rivals if is_near(one, self.workdir)]
        self._printed.update()
        places = (listing_of(self.workdir / place) for place in self._printed.places)
        self._listings += [one for one in places if one not in self._listings]
        for one in self._listings:
            one.walk(0.0 if ended else MAX_AGE)
        self._searched, self._seen = time.monotonic(), self._versions()
        self._attribute()
        self.found = list(self._sources())
        self.round.spend(time.thread_time() - used)
        return self.found

    def _attribute(self) -> None:
        """Attribute files to this attempt or to others, as far as that is certain."""
        self._add_written()
        for path, state in self._listings[0].states.items():
            if path in self._own or self._is_inside(path):
                continue
            if state.modified < (self._since - ROUNDING) * 1e9:
                self._old.setdefault(path, state)
            else:
                self._add_new(path)

    def _add_written(self) -> None:
        """Attribute the files that the attempts' processes were seen to have open for writing.

        A file that several attempts write at once is attributed to none, except a tracker's.
        """
        of_rivals = {
            self._as_listed(path) for one in self._rivals for path in _noted(one.attempt_dir)
        }
        self._foreign |= of_rivals
        for path in map(self._as_listed, _noted(self.attempt_dir)):
            if path not in of_rivals or trackers.is_for_several(path):
                self._add(path)

    @cached_property
    def _real_workdir(self) -> Path:
        return self.workdir.resolve()

    def _as_listed(self, path: Path) -> Path:
        """Return the path by which the workdir's listing has a file; the kernel follows links."""
        if self._real_workdir == self.workdir or not path.is_relative_to(self._real_workdir):
            return path
        return self.workdir / path.relative_to(self._real_workdir)

    def _add_new(self, path: Path) -> None:
        """Add a file that has changed, if it is this attempt's."""
        if self._owned(path) is None:
            if path in self._foreign:
                return
            if self._may_be_anothers(path) and not self._is_beside_own(path):
                return
            if self.round.writers(path) - {self.attempt_dir}:
                self._foreign.add(path)
                return
        self._add(path)

    def _may_be_anothers(self, path: Path) -> bool:
        """Return True if another attempt ran between a file's birth and its last change."""
        born = lenient.born(path) if self._near and not system.remote_mount(str(path)) else None
        if born is None:
            return bool(self._near)
        changed = self._listings[0].states[path].modified / 1e9
        return any(one.began <= changed + SLACK and born - SLACK <= one.ended for one in self._near)

    def _is_beside_own(self, path: Path) -> bool:
        """Return True for a file in a directory of the attempt that nobody else writes in.

        Others had the time to be seen writing it.
        """
        seen = self._unknown.setdefault(path, time.monotonic())
        if not self._is_ended and time.monotonic() - seen < SEEN_AFTER:
            return False
        folders = {one.parent for one in self._own} - {one.parent for one in self._foreign}
        return path.parent in folders - {self.workdir}

    def _add(self, path: Path) -> None:
        """Add a file, from its first byte on unless another program had begun it."""
        if path not in self._own and not self._is_inside(path):
            before, now = self._old.get(path), look_at(path)
            grown = before and now and now.is_same_file(before) and now.size > before.size
            self._own[path] = before.size if before and grown else 0

    def _is_inside(self, path: Path) -> bool:
        """Return True for files of this run, which are found by other rules."""
        return path.is_relative_to(self.stage_dir.parent)

    def _owned(self, path: Path) -> Owner | None:
        """Return what says that a file's run or job is this attempt's; None if nothing does."""
        for one in registry.records(Tracker):
            owner: Owner | None = registry.ask(one, one.owner, path, RUN_TAG, self.workdir)
            if owner is not None and owner.attempt == str(self.attempt_dir):
                return owner
        return None

    def _sources(self) -> Iterator[SourceFile]:
        logs = []
        for path, begin in self._own.items():
            root = self.workdir if path.is_relative_to(self.workdir) else path.parent
            owner = self._owned(path)
            root = (owner and owner.root) or root
            if trackers.is_named_as_one(path):
                continue
            if (one := default_sources.candidate(path, root)) is not None:
                logs.append(replace(one, ours=False, begin=begin))
        yield from trackers.with_prefixes(default_sources.latest(logs), self._since)
        paths = {*self._own, *(path for one in self._listings for path in one.states)}
        runs = [
            (path, self.databases.runs_in(path, self._rivals, self._since))
            for path in paths
            if trackers.is_named_as_one(path) and not self._is_inside(path)
        ]
        yield from trackers.sources(runs, self._since)


def _noted(attempt_dir: Path) -> Sequence[Path]:
    """Return the files with usual names that an attempt's supervisor has noted."""
    return _noted_at(attempt_dir, look_at(attempt_dir / WRITTEN_FILE))


@lru_cache(maxsize=256)
def _noted_at(attempt_dir: Path, state: FileState | None) -> Sequence[Path]:
    """Return them; cached, so that a note is read again only when it has changed."""
    if state is None:
        return ()
    return [one for one in protocol.written_files(attempt_dir) if default_sources.is_usual(one)]


def is_any_written(workdir: Path, environment: Mapping[str, str], since: float) -> bool:
    """Return True if any file that may have metrics was written since an attempt started."""
    listings = [listing_of(root) for root in (workdir, *_homes(environment))]
    for one in listings:
        one.walk()
    states = (state for one in listings for state in one.states.values())
    return any(state.modified >= (since - ROUNDING) * 1e9 for state in states)


def _homes(environment: Mapping[str, str]) -> list[Path]:
    """Return the directories outside all workdirs in which trackers keep their files."""
    known = registry.records(Tracker)
    homes = (registry.ask(one, one.home, environment) for one in known)
    return [one for one in homes if one is not None]
