"""Default sources outside the stage's directory: in its workdir, and wherever its processes write.

The rule: a file is an attempt's if one of its processes had it open for writing, which its
supervisor notes. A file that nobody was seen to write is an attempt's if it was written since the
attempt started, no other process has it open, and no other attempt ran between its birth and its
last change, or it is in a directory that only this one writes in. Otherwise it is not read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui.metrics import lenient_files, trackers
from trainui.metrics.discovery import default_sources, file_writers, listing, tracker_runs
from trainui.metrics.discovery.tracker_runs import DatabaseRuns, is_near
from trainui.metrics.source_file import SourceFile
from trainui.metrics.tail import FileState, look_at
from trainui.plugin import Owner, Tracker, registry
from trainui.supervisor import protocol
from trainui.supervisor.protocol import RUN_TAG, WRITTEN_FILE
from trainui.system import mounts

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

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
    """The stage's own variables."""
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
        self._listings = [listing.of(root) for root in roots]
        self._printed = tracker_runs.printed_by(self.attempt_dir)
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
            if lenient_files.modified(one) >= self._since - ROUNDING
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
        places = (listing.of(self.workdir / place) for place in self._printed.places)
        self._listings += [one for one in places if one not in self._listings]
        for one in self._listings:
            one.walk(0.0 if ended else listing.MAX_AGE)
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
            if path not in of_rivals or tracker_runs.is_for_several(path):
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
        born = (
            lenient_files.born(path) if self._near and not mounts.remote_mount(str(path)) else None
        )
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
        yield from tracker_runs.with_prefixes(default_sources.latest(logs), self._since)
        paths = {*self._own, *(path for one in self._listings for path in one.states)}
        runs = [
            (path, self.databases.of(path, self._rivals, self._since))
            for path in paths
            if trackers.is_named_as_one(path) and not self._is_inside(path)
        ]
        yield from tracker_runs.sources(runs, self._since)


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
    listings = [listing.of(root) for root in (workdir, *_homes(environment))]
    for one in listings:
        one.walk()
    states = (state for one in listings for state in one.states.values())
    return any(state.modified >= (since - ROUNDING) * 1e9 for state in states)


def _homes(environment: Mapping[str, str]) -> list[Path]:
    """Return the directories outside all workdirs in which trackers keep their files."""
    known = registry.records(Tracker)
    homes = (registry.ask(one, one.home, environment) for one in known)
    return [one for one in homes if one is not None]
