"""Copies the user's code at submission; the run's stages then run from the copy.

Files are copied and not hard-linked, since an editor may change a file in place.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainui import formatting, paths, settings
from trainui.artifacts.code_version import Git
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UsageError

DIRECTORY = "code.snapshot"
"""The snapshot's directory in the run's; no stage's directory can have this name."""

MOST_BYTES = 2**30
"""Maximum total bytes: a snapshot is for code, not for data."""

MOST_FILES = 50_000

LISTED_UP_TO = 64 * 2**20
"""Maximum bytes of git's list of files."""


@dataclass(frozen=True, slots=True)
class CodeSnapshot:
    """A snapshot that was or will be made."""

    root: str
    """Absolute path of the directory that is copied."""
    files: int
    bytes: int

    @property
    def words(self) -> str:
        """Its size and source as text."""
        plural = "" if self.files == 1 else "s"
        return f"{formatting.size(self.bytes)} in {self.files} file{plural} of {self.root}"


def look(directory: Path) -> tuple[CodeSnapshot, list[str]]:
    """Find the files for a snapshot of a directory: without git all, else those not ignored.

    Returns:
        The snapshot, and the paths of its files, relative to its root.

    Raises:
        UsageError: the snapshot would be too large.
    """
    root, names = _of_git(directory) or (directory, _of_directory(directory))
    sizes: dict[str, int] = {}
    total = 0
    for name in names:
        try:
            sizes[name] = (root / name).lstat().st_size
        except OSError:
            continue  # deleted, but the deletion is not committed
        total += sizes[name]
        if len(sizes) > MOST_FILES or total > 4 * MOST_BYTES:
            break  # already too large: it is refused
    if len(sizes) > MOST_FILES or total > MOST_BYTES:
        raise UsageError(_too_large(root, sizes))
    return CodeSnapshot(str(root), len(sizes), total), list(sizes)


def _of_git(directory: Path) -> tuple[Path, list[str]] | None:
    git = Git(directory)
    top = git("rev-parse", "--show-toplevel")
    if top is None:
        return None
    root = Path(top.removesuffix("\n"))
    names = _listed(root)
    found = [name for name in names if _is_code(root / name)]
    inside = any((root / name).is_relative_to(directory) for name in found)
    return (root, found) if inside else None  # git ignores all of it


def _listed(root: Path) -> list[str]:
    """Return the files of a repository that are not ignored, including nested repositories.

    Raises:
        UsageError: git cannot list them.
    """
    git = Git(root)
    tracked = git("ls-files", "--cached", "-z", limit=LISTED_UP_TO)
    others = git("ls-files", "--others", "--exclude-standard", "-z", limit=LISTED_UP_TO)
    if tracked is None or others is None:
        raise UsageError(f"git cannot list the files of {root}, so no snapshot can be made")
    found: dict[str, None] = {}
    for name in (*tracked.split("\0")[:-1], *others.split("\0")[:-1]):
        inner = root / name
        if inner.is_symlink() or not (inner / ".git").exists():
            found[name] = None
        else:  # a submodule, or a nested clone
            found.update(dict.fromkeys(f"{name.rstrip('/')}/{one}" for one in _listed(inner)))
    return list(found)


def _of_directory(directory: Path) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        for name in names:
            path = Path(place, name)
            if _is_code(path):
                yield str(path.relative_to(directory))


def _is_code(path: Path) -> bool:
    """Return True for a file or link that trainui did not create."""
    ours = (paths.home().root, settings.runs_dir(settings.load()))
    return (path.is_symlink() or path.is_file()) and not any(map(path.is_relative_to, ours))


def _too_large(root: Path, sizes: Mapping[str, int]) -> str:
    places: Counter[str] = Counter()
    for name, size in sizes.items():
        places[name.partition("/")[0]] += size
    largest = ", ".join(f"{name} {formatting.size(size)}" for name, size in places.most_common(3))
    return (
        f"snapshot: {root} has more than {formatting.size(MOST_BYTES)} or {MOST_FILES} files "
        f"({largest}); add what is not code to .gitignore, or remove `snapshot` from the file"
    )


def copy(snapshot: CodeSnapshot, names: list[str], run_directory: Path) -> None:
    """Copy the files into a run's directory; links stay links."""
    target = run_directory / DIRECTORY
    for name in names:
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(Path(snapshot.root, name), destination, follow_symlinks=False)
        except FileNotFoundError:
            continue  # deleted since it was listed


@dataclass(frozen=True, slots=True)
class Relocation:
    """Maps a pipeline's paths into the snapshot of a run."""

    root: Path
    target: Path
    holds: Callable[[str], bool]
    """Returns True if the snapshot contains a path relative to its root."""

    def path(self, text: str) -> str:
        """Return the path inside the snapshot; a path outside of its root is unchanged."""
        try:
            relative = Path(text).relative_to(self.root)
        except ValueError:
            return text
        return str(self.target / relative)

    def pipeline(self, submitted: Pipeline) -> Pipeline:
        """Return a submitted pipeline that runs in the snapshot.

        Raises:
            UsageError: an input given by a relative path is not in the snapshot.
        """
        stages = tuple(self._stage(stage, submitted.text) for stage in submitted.stages)
        return submitted.with_stages(stages)

    def _stage(self, stage: StageDefinition, text: str) -> StageDefinition:
        # interpreters are not moved: a virtual environment works only where it was created
        inputs = tuple(self._input(stage, path, text) for path in stage.inputs)
        return replace(stage, workdir=self.path(stage.workdir), inputs=inputs)

    def _input(self, stage: StageDefinition, path: str, text: str) -> str:
        if not Path(path).is_relative_to(self.root):
            return path
        if self.holds(str(Path(path).relative_to(self.root))):
            return self.path(path)
        if path in text:
            return path
        raise UsageError(
            f"stage {stage.name}: the input {path} is not in the snapshot, since git ignores it; "
            "use its absolute path in `inputs` and in the command"
        )

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with PYTHONPATH moved into the snapshot."""
        if "PYTHONPATH" not in environ:
            return dict(environ)
        parts = environ["PYTHONPATH"].split(os.pathsep)
        moved = os.pathsep.join(self.path(part) if part else part for part in parts)
        return {**environ, "PYTHONPATH": moved}


def relocation(root: str, names: list[str], run_directory: Path) -> Relocation:
    """Return the relocation into a snapshot about to be made of these files."""
    held = {str(parent) for name in names for parent in (Path(name), *Path(name).parents)}
    return Relocation(Path(root), run_directory / DIRECTORY, held.__contains__)


def relocation_of(submission: Mapping[str, Any], run_directory: Path) -> Relocation | None:
    """Return the relocation into a run's snapshot; None if it has none."""
    if not submission.get("snapshot"):
        return None
    target = run_directory / DIRECTORY
    root = Path(submission["snapshot"]["root"])
    return Relocation(root, target, lambda name: (target / name).exists())
