"""Finds the files with an attempt's metrics, and records what its trackers say in them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from trainui import wakeup
from trainui.artifacts import shell_environment
from trainui.domain.definition import StageDefinition
from trainui.metrics.discovery import configuration, default_sources, sources
from trainui.metrics.discovery.outside_sources import OutsideSources, SearchRound
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files.tail import check_descriptors
from trainui.metrics.reader.source_problems import SourceProblems
from trainui.pipeline.substitution.masking import Masker
from trainui.store.db.engine import Store
from trainui.store.points import sources as point_sources
from trainui.store.runs import tracked_params
from trainui.store.runs.metrics_progress import AttemptToRead, rivals

PATIENCE = 10.0
"""Seconds before a source without metrics is reported: many files appear late."""


class AttemptFiles:
    """The files of one attempt, inside and outside its stage's directory."""

    def __init__(
        self,
        store: Store,
        attempt: AttemptToRead,
        search_round: SearchRound,
        problems: SourceProblems,
    ) -> None:
        self._store, self._attempt, self._problems = store, attempt, problems
        directories = Path(attempt.attempt_dir), Path(attempt.stage_dir), Path(attempt.workdir)
        self.place = sources.SearchDirectories(*directories)
        self._outside = OutsideSources(*directories, attempt.definition.env, search_round)
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
        found = sources.find(self.place, definition)
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
        if not ended and not self._outside.is_due():
            return self._outside.found
        with self._store.read() as connection:
            stored = point_sources.sources(connection, self._attempt.stage_id)
            others = rivals(connection, self._attempt.attempt_id)
        self._outside.databases.known = frozenset(source.key for source in stored)
        found = self._outside.search(others, since, ended=ended)
        self.hints = frozenset(self._outside.places())
        return found

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
        return shell_environment.masker(Path(self._attempt.stage_dir).parent)

    def record_configuration(self, found: Iterable[SourceFile]) -> None:
        """Store the configuration in some files as parameters; an external run has them already."""
        stage = self._attempt.definition
        if stage.command is None and stage.task is None:
            return
        known = self._masker().values(dict(configuration.of_sources(found, self.place.stage_dir)))
        params = {name: str(value) for name, value in known.items()}
        if params and params != self._recorded:
            with self._store.write() as connection:
                tracked_params.record(connection, self._attempt.stage_id, params)
            self._recorded = params
            wakeup.wake()

    def record_summary(self, found: Iterable[SourceFile]) -> None:
        """Store the summary in some files, which are complete."""
        if summary := self._masker().values(configuration.summary_of_sources(found)):
            with self._store.write() as connection:
                tracked_params.record_summary(connection, self._attempt.stage_id, summary)
