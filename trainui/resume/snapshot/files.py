"""Finds the files of a snapshot: with git those that are not ignored, without it all."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trainui import formatting, paths, settings
from trainui.errors import UsageError
from trainui.resume.code_version import Git
from trainui.resume.snapshot import trees

MOST_BYTES = 2**30
"""Maximum total bytes: a snapshot is for code, not for data."""

MOST_FILES = 50_000

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


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """The content of a snapshot."""

    snapshot: CodeSnapshot
    files: Files
    ignored: Sequence[str]
    """Paths that git ignores, relative to the root: a run uses them where they are."""
    intact: str | None
    """The root's last tree, if nothing in it was changed."""


def find(directory: Path) -> SnapshotFiles:
    """Find the files for a snapshot of a directory: without git all, else those not ignored.

    A snapshot that would be too large is a `UsageError`.
    """
    found = _of_git(directory)
    if found is None:
        found = _found(directory, _states(directory, _names_below(directory)))
    root, files = found.snapshot.root, found.files
    if len(files) > MOST_FILES or found.snapshot.bytes > MOST_BYTES:
        raise UsageError(_too_large(root, files))
    return found


def _found(
    root: Path, files: Files, ignored: Sequence[str] = (), intact: str | None = None
) -> SnapshotFiles:
    total = sum(found.st_size for found in files.values())
    return SnapshotFiles(CodeSnapshot(str(root), len(files), total), files, ignored, intact)


def _of_git(directory: Path) -> SnapshotFiles | None:
    top = Git(directory)("rev-parse", "--show-toplevel")
    if top is None:
        return None
    root = Path(top.removesuffix("\n"))
    with ThreadPoolExecutor(2) as pool:  # git reads all directories for each of the two lists
        listed, ignored = pool.submit(_listed, root), pool.submit(_ignored, root)
        intact = trees.intact(str(root), settings.runs_dir(settings.load()))
        files = _states(root, listed.result())
    if directory == root:
        inside = bool(files)
    else:
        prefix = f"{directory.relative_to(root)}/"
        inside = any(name.startswith(prefix) for name in files)
    if not inside:
        return None  # git ignores all of it
    return _found(root, files, ignored.result(), intact)


def _listed(root: Path) -> list[str]:
    """Return the files of a repository that are not ignored, and its nested repositories."""
    listing = ("--cached", "--others", "--exclude-standard", "-z")
    found = Git(root)("ls-files", *listing, limit=LISTED_UP_TO)
    if found is None:
        raise UsageError(
            f"git cannot list the files of {root}, so no snapshot can be made; `git status` there "
            "says why; mend that, or run it without a snapshot"
        )
    return found.split("\0")[:-1]


def _names_below(directory: Path) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        yield from (os.path.relpath(f"{place}/{name}", directory) for name in names)


_COPIED = (stat.S_IFREG, stat.S_IFLNK)
_KIND = stat.S_IFMT(0o777777)


def _states(root: Path, names: Iterable[str]) -> Files:
    """Return the files and links among these names, and in repositories among them.

    Those that trainui created are left out.
    """
    ours = _ours()
    if f"{root}/".startswith(ours):
        return {}
    ours_below = tuple(prefix.removeprefix(f"{root}/") for prefix in ours)
    found: Files = {}
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if name.startswith(ours_below):
                continue
            try:
                state = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError:
                continue  # deleted, but the deletion is not committed
            if state.st_mode & _KIND in _COPIED:
                found[name] = state
            elif os.path.lexists(f"{root}/{name}/.git"):  # a submodule, or a nested clone
                inner = name.rstrip("/")
                of_it = _states(root / inner, _listed(root / inner))
                found |= {f"{inner}/{one}": state for one, state in of_it.items()}
            if len(found) > MOST_FILES:
                break  # too large already: it is refused
    finally:
        os.close(directory)
    return found


def _ours() -> tuple[str, ...]:
    """Return prefixes of the paths that trainui created."""
    return f"{paths.home().root}/", f"{settings.runs_dir(settings.load())}/"


def _too_large(root: str, files: Files) -> str:
    places: Counter[str] = Counter()
    for name, state in files.items():
        places[name.partition("/")[0]] += state.st_size
    largest = ", ".join(f"{name} {formatting.size(size)}" for name, size in places.most_common(3))
    return (
        f"snapshot: {root} has more than {formatting.size(MOST_BYTES)} or {MOST_FILES} files "
        f"({largest}); add what is not code to .gitignore, or remove `snapshot` from the file"
    )


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
