"""A copy of the user's code made at submission, from which a run's stages run.

Files are copied, not linked: an editor may write into a file in place.
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
"""In the run's directory; no stage's directory can be called so."""

MOST_BYTES = 2**30
"""Of all files together: a snapshot is of code; data has no place in it."""

MOST_FILES = 50_000

LISTED_UP_TO = 64 * 2**20
"""Bytes of git's list of files."""


@dataclass(frozen=True, slots=True)
class CodeSnapshot:
    """What is copied, or was."""

    root: str
    """Absolute: the directory of which it is a copy."""
    files: int
    bytes: int

    @property
    def words(self) -> str:
        """Its size and of what it is, in words."""
        plural = "" if self.files == 1 else "s"
        return f"{formatting.size(self.bytes)} in {self.files} file{plural} of {self.root}"


def look(directory: Path) -> tuple[CodeSnapshot, list[str]]:
    """Find what a snapshot of a directory's code holds: what git does not ignore, else all.

    Returns:
        The snapshot, and the paths of its files, relative to its root.

    Raises:
        UsageError: it would be too large.
    """
    root, names = _of_git(directory) or (directory, _of_directory(directory))
    sizes: dict[str, int] = {}
    total = 0
    for name in names:
        try:
            sizes[name] = (root / name).lstat().st_size
        except OSError:
            continue  # deleted, and not committed as such
        total += sizes[name]
        if len(sizes) > MOST_FILES or total > 4 * MOST_BYTES:
            break  # it is refused, whatever else there is
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
    """Return the files of a repository that git does not ignore, those of repositories in it too.

    Raises:
        UsageError: git does not list them.
    """
    git = Git(root)
    tracked = git("ls-files", "--cached", "-z", limit=LISTED_UP_TO)
    others = git("ls-files", "--others", "--exclude-standard", "-z", limit=LISTED_UP_TO)
    if tracked is None or others is None:
        raise UsageError(f"git does not list the files of {root}, so no snapshot can be made")
    found: dict[str, None] = {}
    for name in (*tracked.split("\0")[:-1], *others.split("\0")[:-1]):
        inner = root / name
        if inner.is_symlink() or not (inner / ".git").exists():
            found[name] = None
        else:  # a submodule, or a clone that git does not know
            found.update(dict.fromkeys(f"{name.rstrip('/')}/{one}" for one in _listed(inner)))
    return list(found)


def _of_directory(directory: Path) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        for name in names:
            path = Path(place, name)
            if _is_code(path):
                yield str(path.relative_to(directory))


def _is_code(path: Path) -> bool:
    """Tell whether it is a file or link, and none of our own."""
    ours = (paths.home().root, settings.runs_dir(settings.load()))
    return (path.is_symlink() or path.is_file()) and not any(map(path.is_relative_to, ours))


def _too_large(root: Path, sizes: Mapping[str, int]) -> str:
    places: Counter[str] = Counter()
    for name, size in sizes.items():
        places[name.partition("/")[0]] += size
    largest = ", ".join(f"{name} {formatting.size(size)}" for name, size in places.most_common(3))
    return (
        f"snapshot: {root} holds more than {formatting.size(MOST_BYTES)} or {MOST_FILES} files "
        f"({largest}); let git ignore what is no code, or take `snapshot` out of the file"
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
    """Paths of a pipeline moved into the snapshot of a run."""

    root: Path
    target: Path
    holds: Callable[[str], bool]
    """Whether the snapshot has the file or directory of a path relative to its root."""

    def path(self, text: str) -> str:
        """Return where a path is in the snapshot; one outside of its root stays."""
        try:
            relative = Path(text).relative_to(self.root)
        except ValueError:
            return text
        return str(self.target / relative)

    def pipeline(self, submitted: Pipeline) -> Pipeline:
        """Return a submitted pipeline that runs in the snapshot.

        Raises:
            UsageError: a relative path leads to an input that the snapshot has not.
        """
        stages = tuple(self._stage(stage, submitted.text) for stage in submitted.stages)
        return submitted.with_stages(stages)

    def _stage(self, stage: StageDefinition, text: str) -> StageDefinition:
        # interpreters stay: an environment works only where it was made
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
            "write its absolute path, in `inputs` and in the command"
        )

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment whose PYTHONPATH leads into the snapshot."""
        if "PYTHONPATH" not in environ:
            return dict(environ)
        parts = environ["PYTHONPATH"].split(os.pathsep)
        moved = os.pathsep.join(self.path(part) if part else part for part in parts)
        return {**environ, "PYTHONPATH": moved}


def relocation(root: str, names: list[str], run_directory: Path) -> Relocation:
    """Return how paths move into a snapshot that is about to be made of these files."""
    held = {str(parent) for name in names for parent in (Path(name), *Path(name).parents)}
    return Relocation(Path(root), run_directory / DIRECTORY, held.__contains__)


def relocation_of(submission: Mapping[str, Any], run_directory: Path) -> Relocation | None:
    """Return how paths move into the snapshot that a run has; None where it has none."""
    if not submission.get("snapshot"):
        return None
    target = run_directory / DIRECTORY
    root = Path(submission["snapshot"]["root"])
    return Relocation(root, target, lambda name: (target / name).exists())
