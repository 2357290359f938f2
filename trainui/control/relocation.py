"""Maps the paths of a submitted pipeline into the snapshot of its code."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainui.artifacts.snapshot import run_copy
from trainui.domain.definition import Pipeline, StageDefinition


@dataclass(frozen=True, slots=True)
class Relocation:
    """Maps a pipeline's paths into the snapshot of a run."""

    root: Path
    target: Path
    contains: Callable[[str], bool]
    """Returns True if the snapshot contains a path relative to its root."""

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
        is_contained = is_below and self.contains(str(Path(path).relative_to(self.root)))
        return self.path(path) if is_contained else path

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with PYTHONPATH moved into the snapshot."""
        if "PYTHONPATH" not in environ:
            return dict(environ)
        parts = environ["PYTHONPATH"].split(os.pathsep)
        moved = os.pathsep.join(self.path(part) if part else part for part in parts)
        return {**environ, "PYTHONPATH": moved}


def relocation(root: str, names: Collection[str], run_directory: Path) -> Relocation:
    """Return the relocation into a snapshot about to be made of these files."""

    def contains(name: str) -> bool:
        return name == "." or name in names or any(one.startswith(f"{name}/") for one in names)

    return Relocation(Path(root), run_directory / run_copy.DIRECTORY, contains)


def relocation_of(submission: Mapping[str, Any], run_directory: Path) -> Relocation | None:
    """Return the relocation into a run's snapshot; None if it has none."""
    if not submission.get("snapshot"):
        return None
    root, names = submission["snapshot"]["root"], run_copy.names(run_directory)
    if names is not None:
        return relocation(root, names, run_directory)
    target = run_directory / run_copy.DIRECTORY  # made at submission by an older version
    return Relocation(Path(root), target, lambda name: (target / name).exists())
