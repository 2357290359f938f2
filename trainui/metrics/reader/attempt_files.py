"""Finds the files with an attempt's metrics, and records what its trackers say in them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from trainui import wakeup
from trainui.metrics import trackers
from trainui.metrics.discovery import default_sources, stage_sources
from trainui.metrics.discovery.outside_sources import OutsideSources, SearchRound
from trainui.metrics.formats import SourceFile
from trainui.metrics.lenient import as_json, flat, in_directory
from trainui.metrics.tail import GrowingFile, UnreadableFileError, check_descriptors, look_at
from trainui.model.definition import StageDefinition
from trainui.pipeline.masking import Masker
from trainui.plugin import Tracker, registry
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources as point_sources
from trainui.store.points.point_sources import Identity, SourceProblems, SourceRecord, rename_source
from trainui.store.runs import metrics_progress
from trainui.store.runs.metrics_progress import AttemptToRead, rivals

MOST_PARAMETERS = 200
"""Parameters of a run; Transformers has some 150."""

_LONGEST = 200
"""Characters of a value."""

PATIENCE = 10.0
"""Seconds before a source without metrics is reported: many files appear late."""


class AttemptFiles:
    """The files of one attempt, inside and outside its stage's directory."""

    def __init__(
        self,
        store: Database,
        attempt: AttemptToRead,
        search_round: SearchRound,
        problems: SourceProblems,
    ) -> None:
        self._store, self._attempt, self._problems = store, attempt, problems
        directories = Path(attempt.attempt_dir), Path(attempt.stage_dir), Path(attempt.workdir)
        self.place = stage_sources.SearchDirectories(*directories)
        environment = self.place.environment(attempt.definition)
        self._outside = OutsideSources(*directories, environment, search_round)
        self._missing: Mapping[str, str] = {}
        self._recorded: Mapping[str, str] = {}
        self._began = time.monotonic()
        self.hints: frozenset[Path] = frozenset()
        """Directories to watch, if possible, for new files with usual names."""

    @property
    def is_early(self) -> bool:
        """True while files that are missing may still appear."""
        return time.monotonic() - self._began < PATIENCE

    @property
    def since(self) -> float:
        """When the attempt started, in seconds since 1970; 0 if that is unknown."""
        return self.place.started() or 0.0

    @property
    def is_search_pending(self) -> bool:
        """True if another search for files outside is due soon."""
        return self._attempt.definition.metrics is None and self._outside.is_pending()

    def find(self, definition: StageDefinition, *, ended: bool) -> list[SourceFile]:
        """Return the files that there are now; once the attempt has ended, no others will come."""
        found = stage_sources.find(self.place, definition)
        if ended:
            check_descriptors()
        if self._attempt.is_external and definition.metrics:
            found.candidates = default_sources.by_kind(found.candidates)
        if definition.metrics is None:
            found.candidates += self._find_outside(ended=ended)
        self._missing = found.missing
        named = (one.path for one in definition.metrics or () if one.path is not None)
        problems = dict.fromkeys(path for path in named if path not in self._missing)
        if not self.is_early:
            problems |= {key: f"so far {problem}" for key, problem in self._missing.items()}
        for key, problem in (problems | found.problems).items():
            self._problems.set(key, problem)
        return [one for one in found.candidates if ended or not one.is_final]

    def _find_outside(self, *, ended: bool) -> list[SourceFile]:
        since = self.place.started()
        if since is None:
            return []
        if ended or self._outside.is_due():
            with self._store.read() as connection:
                stored = point_sources.sources(connection, self._attempt.stage_id)
                others = rivals(connection, self._attempt.attempt_id)
            self._outside.databases.known = frozenset(source.key for source in stored)
            self._outside.search(others, since, ended=ended)
        self.hints = frozenset(self._outside.places())
        return self._outside.found

    def report_at_end(self) -> None:
        """Report what the last search did not find."""
        for pattern, problem in self._missing.items():
            self._problems.set(pattern, problem)
        for path, name in self._outside.databases.doubtful.items():
            self._problems.set(
                str(path),
                f"{path}: several stages began a run named {name} at the same time, and it is not "
                "known which is this stage's; give each run a unique name",
            )

    def _masker(self) -> Masker:
        return shell_environment.masker(self._attempt.run_dir)

    def record_configuration(self, found: Iterable[SourceFile]) -> None:
        """Store the configuration in some files as parameters; an external run has them already."""
        stage = self._attempt.definition
        if stage.command is None and stage.task is None:
            return
        known = self._masker().values(
            parameters_of(found, self.place.stage_dir, self._outside.jobs())
        )
        params = {name: str(value) for name, value in known.items()}
        if params and params != self._recorded:
            with self._store.write() as connection:
                metrics_progress.record(connection, self._attempt.stage_id, params)
            self._recorded = params
            wakeup.wake()

    def record_summary(self, found: Iterable[SourceFile]) -> None:
        """Store the summary in some files, which are complete."""
        if summary := self._masker().values(summary_of(found)):
            with self._store.write() as connection:
                metrics_progress.record_summary(connection, self._attempt.stage_id, summary)


def parameters_of(
    sources: Iterable[SourceFile], stage_dir: Path, others: Iterable[Path] = ()
) -> dict[str, str]:
    """Return the parameters that an attempt's trackers and frameworks recorded.

    `others` are directories of its jobs that need not have any source.
    """
    found: dict[str, Any] = {}
    sources = list(sources)
    above = {*others, *(up for one in sources for up in (*one.path.parents, stage_dir))}
    jobs = {up: job for up in above if (job := default_sources.group_of(up)) is not None}
    if len(jobs.keys() | {stage_dir}) <= 2:  # the jobs of a multirun have no parameters in common
        for job in jobs.values():
            found |= job.parameters
    for one in sources:
        found = {**flat(_recorded(one)), **found}
    values = ((name, str(value)) for name, value in found.items())
    return dict(islice((one for one in values if len(one[1]) <= _LONGEST), MOST_PARAMETERS))


def _recorded(one: SourceFile) -> Mapping[str, Any]:
    """Return the parameters that a tracker or a framework recorded with a source."""
    if one.run:
        runs = trackers.of_database(one.path)
        return next((run.params for run in runs if run.id == one.run), {})
    for tracker in registry.records(Tracker):
        known: Mapping[str, Any] | None = registry.ask(tracker, tracker.parameters, one.path)
        if known is not None:
            return known
    return in_directory(one.path.parent)


def summary_of(sources: Iterable[SourceFile]) -> dict[str, Any]:
    """Return the summary that trackers recorded in files; lists and long texts are left out."""
    paths = [one.path for one in sources]
    found: dict[str, Any] = {}
    for tracker in registry.records(Tracker):
        found |= registry.ask(tracker, tracker.summary, paths) or {}
    short = ((name, as_json(one)) for name, one in found.items() if len(str(one)) <= _LONGEST)
    return dict(islice(short, MOST_PARAMETERS))


# Log rotation: files found by a pattern that now have another name.


def is_another_file(path: Path, identity: Identity | None) -> bool:
    """Return True if a path now leads to another file than the one that was read."""
    now = look_at(path)
    return identity is not None and (now is None or not now.is_same_file(identity))


def find_renamed(
    candidates: Iterable[SourceFile], known: Sequence[SourceRecord]
) -> list[tuple[SourceRecord, SourceFile]]:
    """Return the known sources whose file now has another name."""
    identified = ((one.identity, one) for one in known if one.identity is not None)
    inodes = {(identity.device, identity.inode): one for identity, one in identified}
    found = []
    for candidate in candidates:
        if candidate.one_of_many and (now := look_at(candidate.path)):
            source = inodes.get((now.device, now.inode))
            if source and source.key != candidate.key and _continues(candidate.path, source):
                found.append((source, candidate))
    return found


def rename_rotated(
    connection: Connection,
    found: Sequence[tuple[SourceRecord, SourceFile]],
    known: Sequence[SourceRecord],
) -> set[str]:
    """Store the new names of renamed sources; return all names that now mean another file."""
    names = {candidate.key for _source, candidate in found}
    moved = {source.id for source, _candidate in found}
    for source in known:
        if source.key in names and source.id not in moved:
            rename_source(connection, source.id, f"{source.key} (gone, {source.id})")
    for source, candidate in found:
        rename_source(connection, source.id, candidate.key)
    return names | {source.key for source, _candidate in found}


def _continues(path: Path, source: SourceRecord) -> bool:
    try:
        with closing(GrowingFile(path)) as file:
            return source.identity is not None and file.continues(source.identity, source.offset)
    except (OSError, UnreadableFileError):
        return False
