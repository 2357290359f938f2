"""Default sources outside the stage's directory: in its workdir, and wherever its processes write.

The rule: a file is an attempt's if one of its processes had it open for writing. A file that nobody
was seen to write is an attempt's if it was written since the attempt started, and no other attempt
ran meanwhile that could have written it, or it is in a directory that only this one writes in.
A run of a database is an attempt's by its tag, or by what the attempt printed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui.metrics.discovery import (
    batch_times,
    by_parameters,
    configuration,
    default_sources,
    files_before,
    hydra,
    listing,
    printed_runs,
    process_files,
    tracker_runs,
)
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.discovery.writer_samples import LOCK, WriterSamples
from trainui.metrics.files import peek
from trainui.metrics.files.tail import FileState, look_at
from trainui.metrics.formats import mlflow
from trainui.metrics.trackers import TrackedRun, database, trackio
from trainui.store.points.source_record import key_of
from trainui.supervisor.protocol import RUN_TAG

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""The least seconds between two searches for an attempt, and the most in its first 20 minutes."""

OLD = 20
"""The age of an older attempt is this many times the pause between two searches."""

REST, REST_OF_CHANGES = 1000, 50
"""The least time between two rounds of searches, as a multiple of the CPU time of the last one:
after a while, and if something has changed. A rest of at most `LONGEST_PAUSE`."""

SEEN_AFTER = 3.0
"""Seconds after which a process that writes a file again and again has been seen to do so."""

ROUND = 1.0
"""Seconds for which a round of searches for all attempts shares what it has found."""


class SearchRound:
    """The pace and the survey of processes that the searches for all attempts share."""

    def __init__(self) -> None:
        self._began = -math.inf
        self._cost = 0.0
        """CPU seconds of the round's searches."""
        self._surveyed = -math.inf
        self._survey: Mapping[Path | None, Sequence[Path]] = {}
        self.samples = WriterSamples()
        """The samples of files that are opened only during a write."""

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

    def survey(self) -> Mapping[Path | None, Sequence[Path]]:
        """Return, by attempt directory, the files that processes had open a moment ago."""
        if time.monotonic() - self._surveyed > ROUND:
            found = process_files.survey(_is_usual_name)
            self._survey = {
                attempt: [path for path in map(Path, files) if default_sources.is_usual(path)]
                for attempt, files in found.items()
            }
            self._surveyed = time.monotonic()  # its end, since it may take long on a busy machine
        return self._survey


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
    known: frozenset[str] = frozenset()
    """Keys of the stage's stored sources: a run of an earlier attempt may be continued."""
    found: list[SourceFile] = field(default_factory=list)
    """The sources found by the last search."""
    doubtful: dict[Path, str] = field(default_factory=dict)
    """By database: the name of a run that may be another attempt's."""
    _began: float = field(default_factory=time.monotonic)
    _searched: float = -math.inf
    _seen: tuple[int, ...] = ()
    """The versions of the listings at the last search."""
    _own: dict[Path, int] = field(default_factory=dict)
    """The attempt's files, and the offsets at which its part begins."""
    _foreign: set[Path] = field(default_factory=set)
    _unknown: dict[Path, float] = field(default_factory=dict)
    """When a file whose writer is unknown was first seen."""
    _wanted: set[Path] = field(default_factory=set)
    """Files to sample, since their writer is unknown."""
    _decided: set[Path] = field(default_factory=set)
    """The locks of databases of which it is known which run is the attempt's."""
    _is_ended: bool = False
    _old: dict[Path, FileState] = field(default_factory=dict)
    """Files that were there before the attempt, as they were when they were first seen."""

    def __post_init__(self) -> None:
        """Find the listings that the attempts share."""
        self._old = files_before.read(self.attempt_dir)
        self._trackio = _home_of_trackio(self.environment)
        self._listings = [listing.of(self.workdir), listing.of(self._trackio)]
        self._printed = printed_runs.of_attempt(self.attempt_dir)

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

    def _versions(self) -> tuple[int, ...]:
        return (self.round.samples.count, *(one.version for one in self._listings))

    def search(
        self, rivals: Callable[[], Sequence[Rival]], since: float, *, ended: bool = False
    ) -> list[SourceFile]:
        """Return the sources that there are now.

        Args:
            rivals: returns the other attempts that have run since this one started.
            since: when the attempt started, in seconds since 1970.
            ended: the attempt has ended, so this is the last search.
        """
        used = time.thread_time()
        self._is_ended = ended
        self._printed.update()
        places = (listing.of(self.workdir / place) for place in self._printed.places)
        self._listings += [one for one in places if one not in self._listings]
        for one in self._listings:
            one.walk(0.0 if ended else listing.MAX_AGE)
        self._searched, self._seen = time.monotonic(), self._versions()
        known = lru_cache(rivals)
        self._search(known, since)
        self.found = list(self._sources(known, since))
        self._wanted.update(self._locks(known()))
        others = (one.attempt_dir for one in known() if one.ended == math.inf)
        self.round.samples.want(self.attempt_dir, () if ended else self._wanted, others)
        self.round.spend(time.thread_time() - used)
        return self.found

    def _search(self, rivals: Callable[[], Sequence[Rival]], since: float) -> None:
        """Attribute files to this attempt or to others."""
        self._add_written()
        changed = []
        for path, state in self._listings[0].states.items():
            if path in self._own or self._is_inside(path):
                continue
            if state.modified < since * 1e9:
                self._old.setdefault(path, state)
            else:
                changed.append(path)
        self._wanted = {path for path in changed if not self._add_new(path, rivals)}
        if self._is_ended and self._wanted:
            self._add_configured(rivals, since)

    def _add_configured(self, rivals: Callable[[], Sequence[Rival]], since: float) -> None:
        """Add the files in the directory whose configuration has the attempt's parameters."""
        states = self._listings[0].states.items()
        changed = {path.parent for path, state in states if state.modified >= since * 1e9}
        recorded = {
            directory: found
            for directory in changed - {self.workdir}
            if (found := configuration.flat(configuration.in_directory(directory)))
        }
        others = [_parameters_of(one) for one in rivals() if self._is_near(one)]
        directory = by_parameters.divide(recorded, self.parameters, others)
        for path in self._wanted:
            if path.parent == directory:
                self._add(path)

    def _add_written(self) -> None:
        """Attribute the files that processes have or had open for writing."""
        surveyed, sampled = self.round.survey(), self.round.samples.written()
        for attempt, files in (*surveyed.items(), *sampled.items()):
            if attempt == self.attempt_dir:
                for path in files:
                    self._add(path)
            else:
                self._foreign.update(files)

    def _add_new(self, path: Path, rivals: Callable[[], Sequence[Rival]]) -> bool:
        """Add a file that has changed, if it is this attempt's; return False if that is unknown."""
        if not self._is_tagged(path):
            if path in self._foreign:
                return True
            if not self._is_alone(rivals) and not self._is_beside_own(path):
                return bool(tracker_runs.DATABASE.fullmatch(path.name))
        self._add(path)
        return True

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

    def _is_tagged(self, path: Path) -> bool:
        """Return True for a file of a run of MLflow or a job of Hydra that this attempt started."""
        run = next((up.parent for up in path.parents if up.name == mlflow.DIRECTORY), path)
        is_run = peek.text(run / "tags" / RUN_TAG) == str(self.attempt_dir)
        return is_run or self._hydra_job(path) is not None

    def _hydra_job(self, path: Path) -> Path | None:
        """Return the directory of the Hydra job that a file is of, if this attempt is the job."""
        for up in path.parents:
            if up == self.workdir or not up.is_relative_to(self.workdir):
                break
            if peek.text(up / hydra.DIRECTORY / RUN_TAG) == str(self.attempt_dir):
                return up
        return None

    def _is_alone(self, rivals: Callable[[], Sequence[Rival]]) -> bool:
        """Return True if no other attempt works in the workdir, below it or above it."""
        return not any(map(self._is_near, rivals()))

    def _is_near(self, rival: Rival) -> bool:
        other = rival.workdir
        return other.is_relative_to(self.workdir) or self.workdir.is_relative_to(other)

    def _sources(self, rivals: Callable[[], Sequence[Rival]], since: float) -> Iterator[SourceFile]:
        logs = []
        for path, begin in self._own.items():
            root = self.workdir if path.is_relative_to(self.workdir) else path.parent
            root = self._hydra_job(path) or root
            if not tracker_runs.DATABASE.fullmatch(path.name):
                one = default_sources.candidate(path, root)
                if one is not None:
                    (keyed,) = default_sources.grouped([path], one)
                    logs.append(replace(keyed, ours=False, begin=begin))
        yield from tracker_runs.with_prefixes(default_sources.latest(logs), since)
        for path in {*self._own, *(path for one in self._listings for path in one.states)}:
            if tracker_runs.DATABASE.fullmatch(path.name) and not self._is_inside(path):
                yield from tracker_runs.sources(path, self._runs(path, rivals, since), since)

    def _runs(
        self, path: Path, rivals: Callable[[], Sequence[Rival]], since: float
    ) -> list[TrackedRun]:
        """Return the attempt's runs in a database.

        A run is its own if the run has its tag. Else, what the attempt printed decides; and if it
        printed nothing, that no other attempt ran when the run began.
        """
        found = tracker_runs.of_database(path, since=since)
        if not found:
            return []
        divided = printed_runs.divide(path, found, since, self._printed, rivals())
        own, doubtful = divided or ([], [])
        if doubtful:
            own += self._written(path, doubtful, rivals())
        shared = not path.is_relative_to(self.workdir)
        near = [one for one in rivals() if shared or self._is_near(one)]
        return [
            run
            for run in found
            if f"{key_of(path)}#{run.id}" in self.known
            or run in own
            or tracker_runs.is_of(
                *(run, self.attempt_dir, since),
                alone=divided is None and not any(one.ran_at(run.started or 0) for one in near),
            )
        ]

    def _written(
        self, path: Path, doubtful: Sequence[TrackedRun], rivals: Sequence[Rival]
    ) -> list[TrackedRun]:
        """Return those of some runs of Trackio that processes of the attempt were seen to write."""
        copy = database.copies.get(path)
        if copy is None or copy.tracker is not trackio:
            return []
        locks = {path.with_suffix(LOCK), *self._locks_of(path)}
        opened = self.round.samples.opened(locks)
        batches = trackio.batches(copy.connection)
        own = list[TrackedRun]()
        for name in {run.name for run in doubtful}:
            alike = {run.id for run in doubtful if run.name == name}
            others = printed_runs.others_naming((trackio.NAME, path.stem, name), rivals)
            attempts = [self.attempt_dir, *(one.attempt_dir for one in others)]
            found = batch_times.divide(attempts, alike, opened, batches)[self.attempt_dir]
            own += [run for run in doubtful if run.id in found] or self._configured(
                [run for run in doubtful if run.name == name], others
            )
        self.doubtful.pop(path, None)
        if own:
            self._decided |= locks
        else:
            self.doubtful[path] = doubtful[0].name
            self._wanted |= locks
        return own

    def _configured(self, alike: Sequence[TrackedRun], others: Sequence[Rival]) -> list[TrackedRun]:
        """Return the run with a configuration that of some attempts only this one can have."""
        if not self._is_ended:
            return []  # its own may be one that is still to come
        recorded = {run.id: configuration.flat(run.params) for run in alike}
        own = by_parameters.divide(recorded, self.parameters, map(_parameters_of, others))
        return [run for run in alike if run.id == own]

    def _locks(self, rivals: Sequence[Rival]) -> Iterator[Path]:
        """Yield the locks of the databases in which it is not known which run is the attempt's.

        They are known before the first row is written.
        """
        running = [one for one in rivals if one.ended == math.inf]
        for named, paths in self._printed.locks.items():
            locks = {self.workdir / path for path in paths}
            if self._decided.isdisjoint(locks) and printed_runs.others_naming(named, running):
                yield from locks

    def _locks_of(self, database_file: Path) -> Iterator[Path]:
        for (_tracker, stem, _name), paths in self._printed.locks.items():
            if stem == database_file.stem:
                yield from (self.workdir / path for path in paths)


def _parameters_of(rival: Rival) -> by_parameters.Parameters:
    """Return the parameters of another attempt; none if they are unknown."""
    return {} if rival.definition is None else by_parameters.of_stage(rival.definition)


def is_any_written(workdir: Path, environment: Mapping[str, str], since: float) -> bool:
    """Return True if any file that may have metrics was written since an attempt started."""
    for root in (workdir, _home_of_trackio(environment)):
        one = listing.of(root)
        one.walk()
        if any(state.modified >= since * 1e9 for state in one.states.values()):
            return True
    return False


def _home_of_trackio(environment: Mapping[str, str]) -> Path:
    variables = {**os.environ, **environment}
    cache = variables.get("HF_HOME") or "~/.cache/huggingface"
    return Path(variables.get("TRACKIO_DIR") or f"{cache}/trackio").expanduser()


@lru_cache(maxsize=4096)
def _is_usual_name(name: str) -> bool:
    return default_sources.is_usual(Path(name)) or name.endswith((".tsv", ".csv"))
