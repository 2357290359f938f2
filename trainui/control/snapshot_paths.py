"""Maps the paths of a submitted pipeline into the snapshot of its code."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainui.domain.definition import Pipeline, StageDefinition
from trainui.resume.snapshot import run_copy


@dataclass(frozen=True, slots=True)
class SnapshotPaths:
    """Maps a pipeline's paths into the snapshot of a run."""

    root: Path
    target: Path
    names: Collection[str] | None
    """The files in the snapshot; None: made at submission by an older version, so see `target`."""

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


def of_submission(submission: Mapping[str, Any], run_directory: Path) -> SnapshotPaths | None:
    """Return the paths in a run's snapshot; None if it has none."""
    if not submission.get("snapshot"):
        return None
    root, target = Path(submission["snapshot"]["root"]), run_directory / run_copy.DIRECTORY
    return SnapshotPaths(root, target, run_copy.names(run_directory))
