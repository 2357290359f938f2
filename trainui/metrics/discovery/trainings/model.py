"""A training that was found in a directory, and its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainui.metrics.discovery import configuration
from trainui.metrics.trackers import TrackedRun, study_of


@dataclass(frozen=True, slots=True)
class Job:
    """One training, or a job of a multirun."""

    name: str
    directory: Path
    sources: tuple[tuple[Path, str | None], ...] | None = None
    """Files and formats; None: the usual files below the directory."""
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    """`running`, `completed` or `failed`, where the tracker recorded it; else None."""
    started: float | None = None
    """Seconds since 1970; None: not recorded."""
    ended: float | None = None
    log: Path | None = None
    run: str = ""
    """Its id in the database that `sources` names, which has other runs too."""
    quiet: float = 0.0
    """Seconds without a change after which it counts as ended although no process has its files
    open, since its writer opens them for each write; 0: its writer keeps them open."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was found: it becomes an external run."""

    kind: str
    """As in `trainui add --json`, e.g. `wandb`."""
    name: str
    path: Path
    jobs: tuple[Job, ...]
    """One; a multirun has one for each of its jobs."""
    also: str = ""
    """The key of the same training as another logger's files show it, which this one includes."""

    @property
    def key(self) -> str:
        """Its identity among trainings in other files and in the same database."""
        return key_of_run(str(self.path), self.run)

    @property
    def run(self) -> str:
        """The id of its run in a tracker's database, or empty."""
        return study_of(self.jobs[0].run)


def key_of_run(path: str, run: str) -> str:
    """Return what identifies a training among those that are stored."""
    return f"{path}#{run}" if run else path


def tracked(
    run: TrackedRun,
    directory: Path,
    sources: tuple[tuple[Path, str | None], ...],
    log: Path | None = None,
    id_: str = "",
    quiet: float = 0.0,
) -> Job:
    """Return a run as its tracker has it."""
    return Job(
        *(run.name, directory, sources),
        params=configuration.as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        log=log,
        run=id_,
        quiet=quiet,
    )
