"""A run as it was submitted: the pipeline filled in, its directories, and what is on record of it.

Names of runs and stages are exact; errors list the existing ones. With a snapshot, the pipeline's
paths are mapped into the run's copy of the code.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import paths, settings
from trainui.errors import NotFoundError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import RunRecord, StageRecord
from trainui.pipeline import filling
from trainui.record import dataclass
from trainui.resume import code_snapshot
from trainui.resume.code_snapshot import CodeSnapshot
from trainui.store import shell_environment
from trainui.store.db.engine import open_store
from trainui.store.read import views

PIPELINE_FILE = "pipeline.yaml"


def filled_in(
    pipeline: Pipeline,
    directory: Path | None = None,
    known: Iterable[StageRecord] = (),
    *,
    secrets: bool = True,
) -> Pipeline:
    """Return a pipeline with every variable substituted that is known at submission.

    Without a directory, it is one called RUN; `known` are stages that the run has or had. Without
    `secrets`, its secret parameters stay variables.
    """
    directory = directory or settings.runs_dir(settings.load()) / "RUN"
    directories = stage_directories(directory, pipeline, known)
    return filling.submit(pipeline, run_dir=str(directory), stage_dirs=directories, secrets=secrets)


def stage_directories(
    directory: Path, pipeline: Pipeline, known: Iterable[StageRecord] = ()
) -> dict[str, str]:
    """Return each stage's directory inside the run's directory, by full name.

    Stages that the run has or had (`known`) keep their directories.
    """
    kept = {stage.name: stage.directory for stage in known}
    names = [stage.name for stage in pipeline.stages]
    taken = {Path(path).name for path in kept.values()}
    made = paths.stage_directory_names([name for name in names if name not in kept], taken)
    return {name: kept.get(name) or str(directory / made[name]) for name in names}


def run_of(run_id: str) -> RunRecord:
    """Return the run with exactly this id; raise NotFoundError if it does not exist."""
    with open_store().read() as connection:
        return views.existing_run(connection, run_id)


def check_names(known: Collection[str], names: Iterable[str]) -> None:
    """Raise NotFoundError if a run does not have all these stages."""
    for name in names:
        if name not in known:
            listed = views.shown_names(known)
            raise NotFoundError(f"no stage is named {name!r}; this run has {listed}")


def submission_of(run_id: str) -> Mapping[str, Any]:
    """Return what is on record of a run's submission, and of the edits since."""
    with open_store().read() as connection:
        return views.submission(connection, run_id)


def given_params(run_id: str) -> dict[str, str]:
    """Return the parameters that a run was given with `-p`."""
    secret = shell_environment.read_or_empty(Path(run_of(run_id).directory)).secrets.params
    given = submission_of(run_id).get("given", {})
    return {name: str(secret.get(name, value)) for name, value in given.items()}


def snapshot_words(run_id: str) -> str:
    """Describe the snapshot of a run's code: size and source; empty if it has none."""
    found = submission_of(run_id).get("snapshot")
    return CodeSnapshot(**found).words if found else ""


@dataclass(frozen=True, slots=True)
class SnapshotPaths:
    """Maps a pipeline's paths into the snapshot of a run."""

    root: Path
    target: Path
    names: Collection[str] | None
    """The files in the snapshot; None: its tree is gone, so those in `target` count."""

    def path(self, text: str) -> str:
        """Return the path inside the snapshot; a path outside of its root is unchanged."""
        try:
            relative = Path(text).relative_to(self.root)
        except ValueError:
            return text
        return str(self.target / relative)

    def pipeline(self, submitted: Pipeline) -> Pipeline:
        """Return a submitted pipeline that runs in the snapshot."""
        return submitted.with_stages(tuple(map(self._stage, submitted.stages)))

    def _stage(self, stage: StageDefinition) -> StageDefinition:
        # interpreters are not moved: a virtual environment works only where it was created
        inputs = tuple(map(self._input, stage.inputs))
        return replace(stage, workdir=self.path(stage.workdir), inputs=inputs)

    def _input(self, path: str) -> str:
        """Return an input's path: in the snapshot, or, if git ignores it, where it is."""
        is_below = Path(path).is_relative_to(self.root)
        is_contained = is_below and self._contains(str(Path(path).relative_to(self.root)))
        return self.path(path) if is_contained else path

    def _contains(self, name: str) -> bool:
        if self.names is None:
            return (self.target / name).exists()
        is_directory = any(one.startswith(f"{name}/") for one in self.names)
        return name == "." or name in self.names or is_directory

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with PYTHONPATH moved into the snapshot."""
        if "PYTHONPATH" not in environ:
            return dict(environ)
        parts = environ["PYTHONPATH"].split(os.pathsep)
        moved = os.pathsep.join(self.path(part) if part else part for part in parts)
        return {**environ, "PYTHONPATH": moved}


def snapshot_paths(submission: Mapping[str, Any], run_directory: Path) -> SnapshotPaths | None:
    """Return the paths in a run's snapshot; None if it has none."""
    if not submission.get("snapshot"):
        return None
    root, target = Path(submission["snapshot"]["root"]), run_directory / code_snapshot.DIRECTORY
    return SnapshotPaths(root, target, code_snapshot.names(run_directory))
