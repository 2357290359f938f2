"""Default sources outside the stage's directory: in its workdir, and wherever its processes write.

The rule: a file is an attempt's if one of its processes had it open for writing. A file that nobody
was seen to write is an attempt's if it was written since the attempt started and no other attempt
ran meanwhile that could have written it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from trainui import paths
from trainui.metrics.discovery import default_sources, process_files, tracker_runs
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.formats import mlflow
from trainui.metrics.reader.tail import FileState, look_at
from trainui.supervisor.protocol import RUN_TAG

MAX_ENTRIES = 20_000
"""Directory entries examined below a workdir, those near the top first."""

MAX_DEPTH = 6

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""The least seconds between two searches, and the most."""

REST = 50
"""The least time between two searches, as a multiple of what the last one took."""

MAX_WATCHED = 100
"""Directories of a workdir that are checked for new entries."""

_MAX_AGE = 1.0
"""Seconds for which a listing of a directory serves all attempts."""


@dataclass
class OutsideSources:
    """The default sources of one attempt outside its stage's directory."""

    attempt_dir: Path
    stage_dir: Path
    workdir: Path
    environment: Mapping[str, str]
    """The stage's own variables."""
    found: list[SourceFile] = field(default_factory=list)
    """The sources found by the last search."""
    _began: float = field(default_factory=time.monotonic)
    _searched: float = -LONGEST_PAUSE
    _cost: float = 0.0
    """CPU seconds of the last search."""
    _changes: tuple[int, ...] = ()
    """When the workdir's directories were changed, at the last search."""
    _own: dict[Path, int] = field(default_factory=dict)
    """The attempt's files, and the offsets at which its part begins."""
    _foreign: set[Path] = field(default_factory=set)
    _old: dict[Path, FileState] = field(default_factory=dict)
    """Files that were there before the attempt, as they were when they were first seen."""

    def is_due(self) -> bool:
        """Return True if new files are likely: something was made in the workdir, or time passed.

        An old attempt is searched less and less often.
        """
        now = time.monotonic()
        pause = now - self._searched
        if pause < max(FIRST_PAUSE, REST * self._cost):
            return False
        age = self._searched - self._began
        return pause > min(3 * age, LONGEST_PAUSE) or _changes(self.workdir) != self._changes

    def search(self, rivals: Sequence[str], since: float) -> list[SourceFile]:
        """Return the sources that there are now.

        Args:
            rivals: the workdirs of the other attempts that have run since this one started.
            since: when the attempt started, in seconds since 1970.
        """
        used = time.thread_time()
        self._searched, self._changes = time.monotonic(), _changes(self.workdir)
        self._search(rivals, since)
        self.found = list(self._sources(rivals, since))
        self._cost = time.thread_time() - used
        return self.found

    def _search(self, rivals: Sequence[str], since: float) -> None:
        """Attribute files to this attempt or to others."""
        for attempt, files in process_files.survey(_is_usual_name).items():
            for path in filter(default_sources.is_usual, map(Path, files)):
                if attempt == self.attempt_dir:
                    self._add(path)
                else:
                    self._foreign.add(path)
        folders = {path.parent for path in self._own} - {self.workdir}
        for path in _usual_files(self.workdir):
            state = look_at(path)
            if state is None or path in self._own or self._is_inside(path):
                continue
            if state.modified < since * 1e9:
                self._old.setdefault(path, state)
            elif self._is_new(path, folders, rivals):
                self._add(path)

    def _is_new(self, path: Path, folders: Set[Path], rivals: Sequence[str]) -> bool:
        """Return True if a file that has changed is this attempt's."""
        if path.parent in folders or self._is_tagged(path):
            return True
        return path not in self._foreign and self._is_alone(rivals)

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
        """Return True for a metric of a run that MLflow says was started by this attempt."""
        run = next((up.parent for up in path.parents if up.name == mlflow.DIRECTORY), path)
        try:
            return (run / "tags" / RUN_TAG).read_text() == str(self.attempt_dir)
        except OSError:
            return False

    def _is_alone(self, rivals: Sequence[str], *, anywhere: bool = False) -> bool:
        """Return True if no other attempt works in the workdir, below it or above it."""
        return not any(
            anywhere or one.is_relative_to(self.workdir) or self.workdir.is_relative_to(one)
            for one in map(Path, rivals)
        )

    def _sources(self, rivals: Sequence[str], since: float) -> Iterator[SourceFile]:
        logs = []
        for path, begin in self._own.items():
            root = self.workdir if path.is_relative_to(self.workdir) else path.parent
            if not tracker_runs.DATABASE.fullmatch(path.name):
                one = default_sources.candidate(path, root)
                if one is not None and not one.is_fallback:
                    (keyed,) = default_sources.grouped([path], one)
                    logs.append(replace(keyed, ours=False, begin=begin))
        yield from tracker_runs.with_prefixes(logs, since)
        home = _home_of_trackio(self.environment)
        for path in {*self._own, *_usual_files(self.workdir), *_usual_files(home)}:
            if tracker_runs.DATABASE.fullmatch(path.name) and not self._is_inside(path):
                alone = self._is_alone(rivals, anywhere=path.parent == home)
                runs = [
                    run
                    for run in tracker_runs.of_database(path, since=since)
                    if tracker_runs.is_of(run, self.attempt_dir, since, alone=alone)
                ]
                yield from tracker_runs.sources(path, runs)


def is_any_written(workdir: Path, environment: Mapping[str, str], since: float) -> bool:
    """Return True if any file that may have metrics was written since an attempt started."""
    files = (*_usual_files(workdir), *_usual_files(_home_of_trackio(environment)))
    states = map(look_at, files)
    return any(state is not None and state.modified >= since * 1e9 for state in states)


def _home_of_trackio(environment: Mapping[str, str]) -> Path:
    variables = {**os.environ, **environment}
    cache = variables.get("HF_HOME") or "~/.cache/huggingface"
    return Path(variables.get("TRACKIO_DIR") or f"{cache}/trackio").expanduser()


@lru_cache(maxsize=4096)
def _is_usual_name(name: str) -> bool:
    return default_sources.is_usual(Path(name)) or name.endswith((".tsv", ".csv"))


def _usual_files(root: Path) -> Sequence[Path]:
    """Return the files below a directory that may have metrics, as they were a moment ago."""
    return _listed(root, int(time.monotonic() / _MAX_AGE))


def _changes(root: Path) -> tuple[int, ...]:
    """Return when the directories below a directory were changed, those near the top."""
    return _changed(root, int(time.monotonic() / _MAX_AGE))


@lru_cache(maxsize=16)
def _changed(root: Path, moment: int) -> tuple[int, ...]:
    del moment
    states = map(look_at, _directories.get(root, [root]))
    return tuple(0 if state is None else state.modified for state in states)


_directories: dict[Path, list[Path]] = {}
"""By directory: the directories below it that were listed last, those near the top."""


@lru_cache(maxsize=16)
def _listed(root: Path, moment: int) -> list[Path]:
    del moment
    found: list[Path] = []
    left, directories = MAX_ENTRIES, deque([(str(root), 0)])
    visited: list[Path] = []
    while directories and left > 0:
        directory, depth = directories.popleft()
        try:
            entries = {entry.name: entry for entry in os.scandir(directory)}
        except OSError:
            continue
        left -= len(entries)
        if paths.OURS in entries:
            continue  # a run of ours
        visited.append(Path(directory))
        folders = [name for name, entry in entries.items() if entry.is_dir(follow_symlinks=False)]
        if depth < MAX_DEPTH:
            names = default_sources.searched(directory, folders)
            directories += [(entries[name].path, depth + 1) for name in names]
        files = (Path(entries[name].path) for name in sorted(entries.keys() - folders))
        found += filter(default_sources.is_usual, files)
    _directories[root] = visited[:MAX_WATCHED]
    return found
