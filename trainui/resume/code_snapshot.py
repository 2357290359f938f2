"""Snapshots of the user's code: the files found at submission, and the directory of a run's stages.

With git the files are those that are not ignored, without it all. The run's directory has hard
links to the tree's files, except for those that a training may write in place: its results would be
in the other runs' snapshots too. What git ignores is a link to the user's.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui import formatting, paths, settings
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.resume import snapshot_trees
from trainui.resume.code_version import Git
from trainui.resume.snapshot_trees import TreeFile
from trainui.system import plain_files

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
        intact = snapshot_trees.intact(str(root), settings.runs_dir(settings.load()))
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


DIRECTORY = "code.snapshot"
"""The snapshot's directory in the run's; no stage's directory can have this name."""

NOTE = "snapshot.json"
"""File in the run's directory; one of an older version got its copy at submission."""

WRITTEN = frozenset(
    {".csv", ".db", ".h5", ".json", ".jsonl", ".log", ".npy", ".npz", ".out", ".parquet", ".pkl"}
    | {".pt", ".pth", ".safetensors", ".sqlite", ".tsv", ".txt"}
)
"""Suffixes of files that a training may write in place."""

WRITTEN_UP_TO = 16 * 2**20
"""Bytes; a larger one is data, of which a copy for each run would fill the disk."""

_making: dict[Path, threading.Lock] = {}
"""For each run whose directory is being made: stages that start at once wait for one copy."""


@dataclass(frozen=True, slots=True)
class SnapshotNote:
    """The source of a run's copy."""

    root: str
    """The directory of the user's files."""
    tree: str
    ignored: Sequence[str]


def prepare(found: SnapshotFiles, run_directory: Path) -> None:
    """Keep the files of a run to be submitted, and record the source of its copy."""
    root = found.snapshot.root
    tree = snapshot_trees.use(root, found.files, run_directory, checked=found.intact)
    note = SnapshotNote(root, tree, found.ignored)
    paths.write_private(run_directory / NOTE, json.dumps(asdict(note)))


def names(run_directory: Path) -> frozenset[str] | None:
    """Return the names of the files in a run's tree; None without a tree."""
    note = _noted(run_directory)
    files = None if note is None else snapshot_trees.manifest(_tree(run_directory, note))
    return None if files is None else frozenset(one.name for one in files)


def kept_files(run_directory: Path, names: Iterable[str]) -> dict[str, Path | None] | None:
    """Return where these files are in a run's tree: None for one that it does not have.

    Those that were changed in the tree are left out. The whole is None without a tree.
    """
    try:
        note = _noted(run_directory)
    except UnfitEnvironmentError:
        return None
    tree = None if note is None else _tree(run_directory, note)
    files = None if tree is None else snapshot_trees.manifest(tree)
    if tree is None or files is None:
        return None
    numbers = {one.name: number for number, one in enumerate(files)}
    found: dict[str, Path | None] = {name: None for name in names if name not in numbers}
    for name in names:
        if (number := numbers.get(name)) is not None:
            path = tree / str(number)
            if files[number].own == snapshot_trees.state_of(str(path)):
                found[name] = path
    return found


def changed_between(run_directory: Path, other: Path) -> list[str]:
    """Return the files that differ between the trees of two runs; none if one has no tree."""
    found: list[dict[str, str]] = []
    for directory in (run_directory, other):
        try:
            note = _noted(directory)
        except UnfitEnvironmentError:
            return []
        files = None if note is None else snapshot_trees.manifest(_tree(directory, note))
        if files is None:
            return []
        found.append({one.name: one.source for one in files})
    before, after = found
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _noted(run_directory: Path) -> SnapshotNote | None:
    file = run_directory / NOTE
    try:
        return SnapshotNote(**json.loads(plain_files.read_bytes(file)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise UnfitEnvironmentError(
            f"{file} is damaged, so the run's snapshot cannot be found; submit the run again"
        ) from error


def _tree(run_directory: Path, note: SnapshotNote) -> Path:
    return run_directory.parent / snapshot_trees.DIRECTORY / note.tree


def make(run_directory: Path) -> None:
    """Make a run's copy from its tree, unless it exists or the run has no tree.

    Raises:
        UnfitEnvironmentError: files of the tree were removed or changed.
        OSError: a system call failed, e.g. because the disk is full.
    """
    target = run_directory / DIRECTORY
    if target.exists() or (note := _noted(run_directory)) is None:
        return
    with _making.setdefault(target, threading.Lock()):
        try:
            if not target.exists():
                _make(run_directory, target, note)
        finally:
            _making.pop(target, None)


def _make(run_directory: Path, target: Path, note: SnapshotNote) -> None:
    builder = f"{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}"
    copy = run_directory / f".{DIRECTORY}.{builder}"
    try:
        _fill(copy, _tree(run_directory, note), note)
        copy.rename(target)
    except OSError:
        if not target.is_dir():  # else another host was faster
            raise
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    for unfinished in run_directory.glob(f".{DIRECTORY}.*"):  # of workers that were killed
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(copy: Path, tree: Path, note: SnapshotNote) -> None:
    files = snapshot_trees.manifest(tree)
    if files is None:
        raise UnfitEnvironmentError(
            f"the files of the run's snapshot, {tree}, were removed; submit the run again"
        )
    for directory in {"", *(os.path.dirname(one.name) for one in files)}:  # noqa: PTH120
        (copy / directory).mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(files):
        _add(one, tree / str(number), Path(note.root, one.name), copy / one.name)
    for name in note.ignored:
        link = copy / name
        if link.parent.is_dir() and not os.path.lexists(link):
            link.symlink_to(Path(note.root, name))


def _add(one: TreeFile, kept: Path, original: Path, target: Path) -> None:
    """Add a file to a run's copy; one that was changed in the tree is taken from the user's."""
    try:
        found = kept.lstat()
    except FileNotFoundError:
        found = None
    if found is None or snapshot_trees.state(found) != one.own:
        if snapshot_trees.state_of(str(original)) != one.source:
            raise UnfitEnvironmentError(
                f"{kept}, the copy of {original} for this run's snapshot, was changed or removed, "
                "e.g. by another run that wrote this file in place, and the original was edited "
                "since; submit the run again"
            )
        shutil.copy2(original, target, follow_symlinks=False)
    elif _is_written(one.name, found) or stat.S_ISLNK(found.st_mode):
        shutil.copy2(kept, target, follow_symlinks=False)
    else:
        _link(kept, target)


def _link(kept: Path, target: Path) -> None:
    try:
        os.link(kept, target)
    except OSError:  # the file has too many links, or the file system has none
        shutil.copy2(kept, target)


def _is_written(name: str, found: os.stat_result) -> bool:
    """Return True if a training may write this file in place."""
    return found.st_size <= WRITTEN_UP_TO and os.path.splitext(name)[1].lower() in WRITTEN  # noqa: PTH122
