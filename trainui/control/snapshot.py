"""Copies the user's code at submission; the run's stages then run from the copy.

The user's own files are never linked to, since an editor may change one in place. Files that are
unchanged since the last snapshot of the same directory are hard links to that snapshot's, except
those that a training may write in place: its results would be in the other runs' snapshots too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainui import formatting, paths, settings
from trainui.artifacts.code_version import Git
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UsageError
from trainui.store.db.statements import batches

DIRECTORY = "code.snapshot"
"""The snapshot's directory in the run's; no stage's directory can have this name."""

MOST_BYTES = 2**30
"""Maximum total bytes: a snapshot is for code, not for data."""

MOST_FILES = 50_000

THREADS = 2
"""Threads that copy: they wait for the file system most of the time."""

WRITTEN = frozenset(
    {".csv", ".db", ".h5", ".json", ".jsonl", ".log", ".npy", ".npz", ".out", ".parquet", ".pkl"}
    | {".pt", ".pth", ".safetensors", ".sqlite", ".tsv", ".txt"}
)
"""Suffixes of files that a training may write in place."""

WRITTEN_UP_TO = 16 * 2**20
"""Bytes; a larger one is data, of which a copy for each run would fill the disk."""

LISTED_UP_TO = 64 * 2**20
"""Maximum bytes of git's list of files."""


Files = dict[str, os.stat_result]
"""The files of a directory by their relative paths."""


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
        files = formatting.quantity(self.files, "file")
        return f"{formatting.size(self.bytes)} in {files} of {self.root}"


def look(directory: Path) -> tuple[CodeSnapshot, Files]:
    """Find the files for a snapshot of a directory: without git all, else those not ignored.

    A snapshot that would be too large is a `UsageError`.
    """
    root, files = _of_git(directory) or (directory, _states(directory, _names_below(directory)))
    total = sum(state.st_size for state in files.values())
    if len(files) > MOST_FILES or total > MOST_BYTES:
        raise UsageError(_too_large(root, files))
    return CodeSnapshot(str(root), len(files), total), files


def _of_git(directory: Path) -> tuple[Path, Files] | None:
    top = Git(directory)("rev-parse", "--show-toplevel")
    if top is None:
        return None
    root = Path(top.removesuffix("\n"))
    files = _states(root, _listed(root))
    if directory == root:
        inside = bool(files)
    else:
        prefix = f"{directory.relative_to(root)}/"
        inside = any(name.startswith(prefix) for name in files)
    return (root, files) if inside else None  # git ignores all of it


def _listed(root: Path) -> list[str]:
    """Return the files of a repository that are not ignored, and its nested repositories."""
    listing = ("--cached", "--others", "--exclude-standard", "-z")
    found = Git(root)("ls-files", *listing, limit=LISTED_UP_TO)
    if found is None:
        raise UsageError(f"git cannot list the files of {root}, so no snapshot can be made")
    return found.split("\0")[:-1]


def _names_below(directory: Path) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        yield from (os.path.relpath(f"{place}/{name}", directory) for name in names)


def _states(root: Path, names: Iterable[str]) -> Files:
    """Return the files and links among these names, and in repositories among them.

    Those that trainui created are left out.
    """
    ours = _ours()
    found: Files = {}
    for name in names:
        path = f"{root}/{name}"
        if path.startswith(ours):
            continue
        try:
            state = os.lstat(path)
        except OSError:
            continue  # deleted, but the deletion is not committed
        if stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode):
            found[name] = state
        elif os.path.lexists(f"{path}/.git"):  # a submodule, or a nested clone
            inner = name.rstrip("/")
            of_it = _states(root / inner, _listed(root / inner))
            found |= {f"{inner}/{one}": state for one, state in of_it.items()}
        if len(found) > MOST_FILES:
            break  # too large already: it is refused
    return found


def _ours() -> tuple[str, ...]:
    """Return prefixes of the paths that trainui created."""
    return f"{paths.home().root}/", f"{settings.runs_dir(settings.load())}/"


def _too_large(root: Path, files: Files) -> str:
    places: Counter[str] = Counter()
    for name, state in files.items():
        places[name.partition("/")[0]] += state.st_size
    largest = ", ".join(f"{name} {formatting.size(size)}" for name, size in places.most_common(3))
    return (
        f"snapshot: {root} has more than {formatting.size(MOST_BYTES)} or {MOST_FILES} files "
        f"({largest}); add what is not code to .gitignore, or remove `snapshot` from the file"
    )


def copy(snapshot: CodeSnapshot, files: Files, run_directory: Path) -> None:
    """Copy the files into a run's directory; links stay links, what git ignores is linked to."""
    root, target = Path(snapshot.root), run_directory / DIRECTORY
    last = _Last(snapshot.root, run_directory.parent)
    for directory in sorted({os.path.dirname(name) for name in files} | {""}):  # noqa: PTH120
        (target / directory).mkdir(parents=True, exist_ok=True)

    def copy_part(names: Sequence[str]) -> None:
        for name in names:
            destination = f"{target}/{name}"
            if not last.link(name, files[name], destination):
                with suppress(FileNotFoundError):  # deleted since it was listed
                    shutil.copy2(f"{root}/{name}", destination, follow_symlinks=False)

    with ThreadPoolExecutor(THREADS) as pool:
        ignored = pool.submit(_ignored, root)
        for part in [pool.submit(copy_part, names) for names in batches(files)]:
            part.result()
    for name in ignored.result():
        link = target / name
        if link.parent.is_dir() and not os.path.lexists(link):
            link.symlink_to(root / name)
    last.replace_with(target)


def _ignored(root: Path) -> list[str]:
    """Return the files and directories that git ignores, and that may be data or outputs."""
    listing = ["--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    found = (Git(root)("ls-files", *listing, limit=LISTED_UP_TO) or "").split("\0")
    names = (name.rstrip("/") for name in found if name)
    ours = _ours()
    return [
        name
        for name in names
        if not name.endswith("__pycache__") and not f"{root}/{name}/".startswith(ours)
    ]


class _Last:
    """The last snapshot of a directory, whose files are linked to where they are unchanged."""

    def __init__(self, root: str, runs_dir: Path) -> None:
        digest = hashlib.sha256(root.encode(errors="surrogateescape")).hexdigest()[:16]
        self._note = runs_dir / f".last-snapshot-{digest}"
        """The file with the path of that snapshot."""
        try:
            self._directory: str | None = self._note.read_text()
        except OSError:
            self._directory = None

    def link(self, name: str, wanted: os.stat_result, destination: str) -> bool:
        """Link to the last snapshot's file; return False if it must be copied."""
        if self._directory is None or stat.S_ISLNK(wanted.st_mode) or _is_written(name, wanted):
            return False
        source = f"{self._directory}/{name}"
        try:
            if _state(os.lstat(source)) == _state(wanted):
                os.link(source, destination)
                return True
        except OSError:
            pass  # it is new, the run was deleted, or it is on another file system
        return False

    def replace_with(self, directory: Path) -> None:
        """Note a new snapshot as the last one."""
        paths.write_private(self._note, str(directory))


def _is_written(name: str, found: os.stat_result) -> bool:
    """Return True if a training may write this file in place."""
    return found.st_size <= WRITTEN_UP_TO and os.path.splitext(name)[1].lower() in WRITTEN  # noqa: PTH122


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_mode


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


def relocation(root: str, names: Iterable[str], run_directory: Path) -> Relocation:
    """Return the relocation into a snapshot about to be made of these files."""
    is_contained = {str(parent) for name in names for parent in (Path(name), *Path(name).parents)}
    return Relocation(Path(root), run_directory / DIRECTORY, is_contained.__contains__)


def relocation_of(submission: Mapping[str, Any], run_directory: Path) -> Relocation | None:
    """Return the relocation into a run's snapshot; None if it has none."""
    if not submission.get("snapshot"):
        return None
    target = run_directory / DIRECTORY
    root = Path(submission["snapshot"]["root"])
    return Relocation(root, target, lambda name: (target / name).exists())
