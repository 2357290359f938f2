"""Trainings that are runs already: added before, or read by our own run or an adopted process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from trainui.execution.external import external_stages
from trainui.metrics.discovery.trainings import Job, Training
from trainui.store.points import read_files
from trainui.store.points.source_record import key_of
from trainui.store.runs import external_runs


@dataclass(slots=True)
class KnownTrainings:
    """The runs by what they read."""

    paths: dict[str, str]
    """By the keys of external trainings."""
    files: dict[str, str]
    """By the files that other runs read."""
    directories: dict[str, str]
    """By the directories that these files are in or below."""

    @classmethod
    def load(cls, connection: Connection) -> KnownTrainings:
        """Return what is stored now."""
        files = read_files.of_runs(connection)
        directories = {str(up): run for key, run in files.items() for up in Path(key).parents}
        return cls(external_runs.known_paths(connection), files, directories)

    def look_up(self, connection: Connection, training: Training) -> tuple[str | None, Training]:
        """Return the run that a training is or belongs to, and the training with its new jobs."""
        known = self.paths.get(training.key)
        if known is not None:
            return known, external_stages.new_jobs(connection, known, training)
        runs = [self._run_of(job) for job in training.jobs]
        rest = tuple(
            self._unread(job) for job, run in zip(training.jobs, runs, strict=True) if not run
        )
        return (None if rest else runs[0]), replace(training, jobs=rest)

    def _run_of(self, job: Job) -> str | None:
        """Return the run that reads all files of a job, or some of those in its directory."""
        if job.sources is None:
            return self.directories.get(str(job.directory))
        runs = [self.files.get(key_of(path)) for path, _format in job.sources]
        return runs[0] if all(runs) and runs else None

    def _unread(self, job: Job) -> Job:
        if job.sources is None:
            return job
        sources = (one for one in job.sources if key_of(one[0]) not in self.files)
        return replace(job, sources=tuple(sources))
