"""The input and the result of a finder of trainings: a directory with its entries, a training."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainui.metrics.discovery import configuration
from trainui.metrics.trackers import TrackedRun, study_of

_COMMON = re.compile(
    r"(version|run|exp)?_?\d*|logs?|tb|tensorboard|csv|vis_data|metrics|out(put)?s?|results",
    re.IGNORECASE,
)
"""Names of directories that many trainings have."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory with its entries; links are left out."""

    path: Path
    directories: tuple[str, ...]
    files: tuple[str, ...]

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, *names: str) -> bool:
        """Return True if all of these files exist."""
        return all(name in self.files for name in names)

    def fits(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the names of the files that a pattern fits."""
        return [name for name in self.files if pattern.fullmatch(name)]

    def log(self) -> Path | None:
        """Return the first log."""
        return next((self / name for name in self.files if name.endswith((".log", ".out"))), None)

    def clear_name(self) -> str:
        """Return the directory's name, behind that of its parent if it is a common one."""
        name = self.path.name
        return f"{self.path.parent.name}/{name}" if _COMMON.fullmatch(name) else name


def listed(path: Path) -> Place:
    """Return a directory; without entries if it cannot be read: it has no trainings for us."""
    directories, files = [], []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError:
        pass
    return Place(path, tuple(sorted(directories)), tuple(sorted(files)))


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

    @property
    def key(self) -> str:
        """Its identity among trainings in other files and in the same database."""
        return f"{self.path}#{self.run}" if self.run else str(self.path)

    @property
    def run(self) -> str:
        """The id of its run in a tracker's database, or empty."""
        return study_of(self.jobs[0].run)


def tracked(
    run: TrackedRun, directory: Path, source: tuple[Path, str | None], /, **more: Any
) -> Job:
    """Return a run as its tracker has it, and `more` that it does not record."""
    return Job(
        *(run.name, directory, (source,)),
        params=configuration.as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        **more,
    )
