"""Default sources outside the stage's directory: in its workdir, and wherever its processes write.

The rule: a file is an attempt's if one of its processes had it open for writing. A file that nobody
was seen to write is an attempt's if it was written since the attempt started, and no other attempt
ran between its birth and its last change, or it is in a directory that only this one writes in.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import mounts
from trainui.metrics.discovery import (
    configuration,
    default_sources,
    file_sizes_at_start,
    hydra,
    listing,
    tracker_runs,
)
from trainui.metrics.discovery.attribution import by_parameters, printed_runs, search_round
from trainui.metrics.discovery.attribution.database_runs import DatabaseRuns, is_near
from trainui.metrics.discovery.attribution.search_round import SearchRound
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files
from trainui.metrics.files.tail import FileState, look_at
from trainui.metrics.formats import mlflow
from trainui.supervisor.protocol import RUN_TAG

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

FIRST_PAUSE = 0.5
"""The least seconds between two searches for an attempt."""

OLD = 20
"""The age of an older attempt is this many times the pause between two searches."""

SLACK = 0.02
"""Seconds by which a file's times may be early: the kernel stamps them with a coarse clock."""

SEEN_AFTER = 3.0
"""Seconds after which a process that writes a file again and again has been seen to do so."""


@dataclass
class OutsideSources:
    """The default sources of one attempt outside its stage's directory."""

    attempt_dir: Path
    stage_dir: Path
    workdir: Path
    environment: Mapping[str, str]
    """The stage's own variables."""
    parameters: by_parameters.Parameters = field(default_factory=dict)
    """The stage's."""
    round: SearchRound = field(default_factory=SearchRound)
    """Shared by all attempts."""
    found: list[SourceFile] = field(default_factory=list)
    """The sources found by the last search."""
    _began: float = field(default_factory=time.monotonic)
    _searched: float = -math.inf
    _seen: tuple[int, ...] = ()
    """The versions of the listings at the last search."""
    _own: dict[Path, int] = field(default_factory=dict)
    """The attempt's files, and the offsets at which its part begins."""
    _foreign: set[Path] = field(default_factory=set)
    _of_rivals: set[Path] = field(default_factory=set)
    """Those of them that were written by attempts running at the same time."""
    _unknown: dict[Path, float] = field(default_factory=dict)
    """When a file whose writer is unknown was first seen."""
    _is_ended: bool = False
    _rivals: Sequence[Rival] = ()
    """The other attempts that have run since this one started."""
    _near: Sequence[Rival] = ()
    """Those that work in the workdir, below it or above it."""
    _old: dict[Path, FileState] = field(default_factory=dict)
    """Files that were there before the attempt, as they were when they were first seen."""

    def __post_init__(self) -> None:
        """Find the listings that the attempts share."""
        self._old = file_sizes_at_start.read(self.attempt_dir)
        self._trackio = _home_of_trackio(self.environment)
        self._listings = [listing.of(self.workdir), listing.of(self._trackio)]
        self._printed = printed_runs.of_attempt(self.attempt_dir)
        of_attempt = self.attempt_dir, self.workdir, self.parameters
        self.databases = DatabaseRuns(*of_attempt, self._printed, self.round.samples)

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
            return not self._seen or self.round.may_begin(search_round.REST_OF_CHANGES)
        age = self._searched - self._began
        longest = max(search_round.LONGEST_PAUSE, age / OLD)
        return pause > min(3 * age, longest) and self.round.may_begin(search_round.REST)

    def is_pending(self) -> bool:
        """Return True if files came or went that the last search has not seen."""
        return bool(self._seen) and self._versions() != self._seen

    def places(self) -> set[Path]:
        """Return the directories where new files are worth a search."""
        return self._listings[0].places()

    def _versions(self) -> tuple[int, ...]:
        known = self.round.samples.count, self.round.events.count
        return (*known, *(one.version for one in self._listings))

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
        if self._near:
            listed = (one.relative_to(self.workdir) for one in self._listings[0].directories)
            self.round.events.want(self.attempt_dir, [self._real_workdir / one for one in listed])
        wanted = self._attribute()
        self.databases.wanted.clear()
        self.found = list(self._sources())
        wanted.update(self.databases.locks(self._rivals))
        others = (one.attempt_dir for one in self._rivals if one.ended == math.inf)
        if ended:
            self.close()
        else:
            self.round.samples.want(self.attempt_dir, wanted, others)
        self.round.spend(time.thread_time() - used)
        return self.found

    def close(self) -> None:
        """Stop asking who writes files."""
        self.round.samples.want(self.attempt_dir, (), ())
        self.round.events.want(self.attempt_dir, ())

    def _attribute(self) -> set[Path]:
        """Attribute files to this attempt or to others; return those whose writer is unknown."""
        self._add_written()
        changed = []
        for path, state in self._listings[0].states.items():
            if path in self._own or self._is_inside(path):
                continue
            if state.modified < self._since * 1e9:
                self._old.setdefault(path, state)
            else:
                changed.append(path)
        unknown = {path for path in changed if not self._add_new(path)}
        if self._is_ended and unknown:
            self._add_configured(unknown)
        return unknown

    def _add_configured(self, unknown: set[Path]) -> None:
        """Add the files in the directory whose configuration has the attempt's parameters."""
        states = self._listings[0].states.items()
        changed = {path.parent for path, state in states if state.modified >= self._since * 1e9}
        recorded = {
            directory: found
            for directory in changed - {self.workdir}
            if (found := configuration.flat(configuration.in_directory(directory)))
        }
        others = (by_parameters.of_stage(one.definition) for one in self._near)
        directory = by_parameters.divide(recorded, self.parameters, others)
        for path in unknown:
            if path.parent == directory:
                self._add(path)

    def _add_written(self) -> None:
        """Attribute the files that processes have or had open for writing.

        A file that several attempts write at once is attributed to none, except a tracker's.
        """
        known = self.round.survey(), self.round.samples.written(), self.round.events.written()
        rivals = {rival.attempt_dir for rival in self._rivals}
        own = set[Path]()
        for attempt, seen in (found for one in known for found in one.items()):
            files = {*map(self._as_listed, seen)}
            if attempt == self.attempt_dir:
                own.update(files)
            else:
                self._foreign.update(files)
                self._of_rivals.update(files if attempt in rivals else ())
        for path in own:
            if path not in self._of_rivals or tracker_runs.is_for_several(path):
                self._add(path)

    @cached_property
    def _real_workdir(self) -> Path:
        return self.workdir.resolve()

    def _as_listed(self, path: Path) -> Path:
        """Return the path by which the workdir's listing has a file; the kernel follows links."""
        if self._real_workdir == self.workdir or not path.is_relative_to(self._real_workdir):
            return path
        return self.workdir / path.relative_to(self._real_workdir)

    def _add_new(self, path: Path) -> bool:
        """Add a file that has changed, if it is this attempt's; return False if that is unknown."""
        # of a run of MLflow or a job of Hydra that this attempt started
        tag = mlflow.run_directory(path) / "tags" / RUN_TAG
        is_run = lenient_files.text(tag) == str(self.attempt_dir)
        if not is_run and self._hydra_job(path) is None:
            if path in self._foreign:
                return True
            if self._may_be_anothers(path) and not self._is_beside_own(path):
                return bool(tracker_runs.DATABASE.fullmatch(path.name))
        self._add(path)
        return True

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

    def _hydra_job(self, path: Path) -> Path | None:
        """Return the directory of the Hydra job that a file is of, if this attempt is the job."""
        for up in path.parents:
            if up == self.workdir or not up.is_relative_to(self.workdir):
                break
            if lenient_files.text(up / hydra.DIRECTORY / RUN_TAG) == str(self.attempt_dir):
                return up
        return None

    def _sources(self) -> Iterator[SourceFile]:
        logs = []
        for path, begin in self._own.items():
            root = self.workdir if path.is_relative_to(self.workdir) else path.parent
            root = self._hydra_job(path) or root
            if tracker_runs.DATABASE.fullmatch(path.name):
                continue
            if (one := default_sources.candidate(path, root)) is not None:
                logs.append(replace(one, ours=False, begin=begin))
        yield from tracker_runs.with_prefixes(default_sources.latest(logs), self._since)
        for path in {*self._own, *(path for one in self._listings for path in one.states)}:
            if tracker_runs.DATABASE.fullmatch(path.name) and not self._is_inside(path):
                runs = self.databases.of(path, self._rivals, self._since, ended=self._is_ended)
                yield from tracker_runs.sources(path, runs, self._since)


def is_any_written(workdir: Path, environment: Mapping[str, str], since: float) -> bool:
    """Return True if any file that may have metrics was written since an attempt started."""
    listings = [listing.of(root) for root in (workdir, _home_of_trackio(environment))]
    for one in listings:
        one.walk()
    states = (state for one in listings for state in one.states.values())
    return any(state.modified >= since * 1e9 for state in states)


def _home_of_trackio(environment: Mapping[str, str]) -> Path:
    variables = {**os.environ, **environment}
    cache = variables.get("HF_HOME") or "~/.cache/huggingface"
    return Path(variables.get("TRACKIO_DIR") or f"{cache}/trackio").expanduser()
