"""Snapshots of the user's code: the files found at submission, and the directory of a run's stages.

With git the files are those that are not ignored, without it all. The run's directory has hard
links to the tree's files, except for those that a training may write in place: its results would be
in the other runs' snapshots too. What git ignores is a link to the user's.

A tree has the files as they were at submission and is shared by runs with equal files. It lies
beside the runs' directories; its files have numbers for names, no stage runs in it, and it is
removed with the last run that uses it. The user's own files are copied and never linked to, since
an editor may change one in place; files that the last tree of the same directory has are hard links
to that tree's.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from trainui import formatting, paths, settings, system
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.record import dataclass
from trainui.resume.code_version import Git

MOST_BYTES = 2**30
"""Maximum total bytes: a snapshot is for code, not for data."""

MOST_FILES = 50_000
"""A directory with more files has data among its code."""

LISTED_UP_TO = 64 * 2**20
"""Maximum bytes of git's list of files."""

WRITTEN_UP_TO = 16 * 2**20
"""Bytes of a file of code; a larger one is data: a copy for each run would fill the disk."""

THREADS = 2
"""Threads that copy: they wait for the file system most of the time."""

ATTEMPTS = 3
"""The number of times that a file is copied if it is edited meanwhile."""

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
        intact = intact_tree(str(root), settings.runs_dir(settings.load()))
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
"""File in the run's directory."""

WRITTEN = frozenset(
    {".csv", ".db", ".h5", ".json", ".jsonl", ".log", ".npy", ".npz", ".out", ".parquet", ".pkl"}
    | {".pt", ".pth", ".safetensors", ".sqlite", ".tsv", ".txt"}
)
"""Suffixes of files that a training may write in place."""


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
    tree = use_tree(root, found.files, run_directory, checked=found.intact)
    note = SnapshotNote(root, tree, found.ignored)
    paths.write_private(run_directory / NOTE, json.dumps(asdict(note)))


def names(run_directory: Path) -> frozenset[str] | None:
    """Return the names of the files in a run's tree; None without a tree."""
    note = _noted(run_directory)
    files = None if note is None else manifest(_tree(run_directory, note))
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
    files = None if tree is None else manifest(tree)
    if tree is None or files is None:
        return None
    numbers = {one.name: number for number, one in enumerate(files)}
    found: dict[str, Path | None] = {name: None for name in names if name not in numbers}
    for name in names:
        if (number := numbers.get(name)) is not None:
            path = tree / str(number)
            if files[number].own == file_state(str(path)):
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
        files = None if note is None else manifest(_tree(directory, note))
        if files is None:
            return []
        found.append({one.name: one.source for one in files})
    before, after = found
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _noted(run_directory: Path) -> SnapshotNote | None:
    file = run_directory / NOTE
    try:
        return SnapshotNote(**json.loads(system.read_bytes(file)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise UnfitEnvironmentError(
            f"{file} is damaged, so the run's snapshot cannot be found; submit the run again"
        ) from error


def _tree(run_directory: Path, note: SnapshotNote) -> Path:
    return run_directory.parent / TREES / note.tree


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
    files = manifest(tree)
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
    if found is None or stat_state(found) != one.own:
        if file_state(str(original)) != one.source:
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


# Trees: the files of snapshots.


TREES = ".snapshots"
"""The trees' directory, beside the runs' directories."""

MANIFEST = "manifest"
USERS = "users"
"""A tree's directory with an empty file for each run that uses it."""

LOCK = "lock"

BUILT = ".snapshot-tree.new"
"""A tree while it is built, in the run's directory: it is removed with that."""


_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class TreeFile(NamedTuple):
    """A file of a tree, in the order of the manifest's lines."""

    source: str
    """The state of the user's file when it was copied."""
    own: str
    """The state of the copy; it differs if the file system rounds times."""
    name: str
    """Relative to the root."""


def stat_state(found: os.stat_result) -> str:
    """Return what changes with a file's content: size, time of modification, mode."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_mode}"


def file_state(path: str, directory: int | None = None) -> str | None:
    """Return the state of a file or link; None if it does not exist."""
    try:
        return stat_state(os.stat(path, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return None


def intact_tree(root: str, runs_dir: Path) -> str | None:
    """Return the name of a root's last used tree, if nothing in it was changed."""
    tree = _last(root, runs_dir / TREES)
    return None if tree is None or any(damaged_files(tree)) else tree.name


def use_tree(
    root: str,
    files: Mapping[str, os.stat_result],
    run_directory: Path,
    *,
    checked: str | None = None,
) -> str:
    """Find or build the tree of these files for a run; return the tree's name.

    `checked` is the name that `intact_tree` has just returned.
    """
    states = {name: stat_state(found) for name, found in files.items()}
    name, place = _name(root, states), run_directory.parent / TREES
    with _locked(place):
        is_known = (place / name).is_dir()
        if is_known:
            _add_user(place / name, run_directory.name)
    if is_known and (name == checked or not any(damaged_files(place / name))):
        return name
    built = run_directory / BUILT
    states = _build(root, states, built, _last(root, place))
    if name != (name := _name(root, states)):  # edited meanwhile: the run has another tree
        release_trees(run_directory)
    _add_user(built, run_directory.name)
    with _locked(place):
        _put(built, place / name)
    shutil.rmtree(built, ignore_errors=True)
    return name


def _name(root: str, states: Mapping[str, str]) -> str:
    listed = "\0".join([f"{found} {name}" for name, found in states.items()])
    return f"{_prefix(root)}{_digest(listed)[:32]}"


def _prefix(root: str) -> str:
    return f"{_digest(root)[:16]}-"


def _digest(text: str) -> str:
    import hashlib  # imported late: it loads OpenSSL, which most commands never need

    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _add_user(tree: Path, run: str) -> None:
    (tree / USERS).mkdir(exist_ok=True)
    (tree / USERS / run).touch()


def _last(root: str, place: Path) -> Path | None:
    """Return the tree of this root that was used last."""
    try:
        found = [one for one in place.iterdir() if one.name.startswith(_prefix(root))]
    except FileNotFoundError:
        return None
    return max(found, key=_used_at, default=None)


def _used_at(tree: Path) -> int:
    try:
        return (tree / USERS).stat().st_mtime_ns
    except OSError:
        return 0  # removed meanwhile


def manifest(tree: Path) -> Sequence[TreeFile] | None:
    """Return the files of a tree, in the order of their numbers; None if it does not exist."""
    try:
        text = (tree / MANIFEST).read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None
    return [TreeFile(*line.split("|", 2)) for line in text.split("\0")] if text else []


def damaged_files(tree: Path) -> Iterator[str]:
    """Yield the names in a tree that were changed, e.g. through a run's hard link, or removed."""
    try:
        directory = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield MANIFEST
        return
    try:
        files = manifest(tree)
        if files is None:
            yield MANIFEST
            return
        for number, one in enumerate(files):
            if one.own != file_state(str(number), directory):
                yield str(number)
    finally:
        os.close(directory)


def _build(root: str, states: Mapping[str, str], tree: Path, last: Path | None) -> dict[str, str]:
    """Build a tree; return the states of the user's files that were copied."""
    tree.mkdir(mode=0o700)
    known = {
        one.name: (str(number), one) for number, one in enumerate((last and manifest(last)) or ())
    }

    def add(part: Sequence[tuple[int, str]]) -> list[tuple[int, TreeFile]]:
        """Add files with these numbers; leave out what was deleted since it was listed."""
        added = []
        for number, name in part:
            path = f"{tree}/{number}"
            one = _linked(last, known.get(name), states[name], path)
            one = one or _copied(f"{root}/{name}", name, path)
            if one is not None:
                added.append((number, one))
        return added

    numbered = list(enumerate(states))
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(add, [numbered[first::THREADS] for first in range(THREADS)]))
    found = sorted(
        ((number, one) for part in parts for number, one in part), key=lambda one: one[0]
    )
    for number, (before, _) in enumerate(found):
        if number != before:
            (tree / str(before)).rename(tree / str(number))
    text = "\0".join("|".join(one) for _, one in found)
    (tree / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    return {one.name: one.source for _, one in found}


def _linked(
    last: Path | None, known: tuple[str, TreeFile] | None, wanted: str, path: str
) -> TreeFile | None:
    """Link to an unchanged file of the last tree; return None if it must be copied."""
    if last is None or known is None or known[1].source != wanted:
        return None
    source = last / known[0]
    try:
        if file_state(str(source)) != known[1].own:
            return None  # it was changed in place
        os.link(source, path, follow_symlinks=False)
    except OSError:
        return None  # the tree was removed, or the file has too many links
    return known[1]


def _copied(source: str, name: str, path: str) -> TreeFile | None:
    """Copy a file as it is now; return None if it was deleted."""
    for _ in range(ATTEMPTS):
        before = file_state(source)
        with suppress(FileNotFoundError):
            shutil.copy2(source, path, follow_symlinks=False)
            if before == file_state(source):
                break
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
    own = file_state(path)
    return None if before is None or own is None else TreeFile(before, own, name)


def _put(built: Path, tree: Path) -> None:
    """Move a built tree into its place, or its files into a damaged tree of the same name."""
    if not tree.exists():
        built.rename(tree)
        return
    _mend(tree, built)
    for user in (built / USERS).iterdir():
        _add_user(tree, user.name)


def _mend(tree: Path, built: Path) -> None:
    names = list(damaged_files(tree))
    for name in names:
        (built / name).replace(tree / name)
    if names == [MANIFEST]:
        _mend(tree, built)  # now the files can be checked


def release_trees(run_directory: Path) -> None:
    """Record that a run uses no tree any more; remove the trees that no run uses."""
    place = run_directory.parent / TREES
    if not place.is_dir():
        return
    with _locked(place):
        for tree in sorted(one for one in place.iterdir() if one.name != LOCK):
            (tree / USERS / run_directory.name).unlink(missing_ok=True)
            if not _is_used(tree):
                removed = tree.with_name(f".{tree.name.lstrip('.')}")
                tree.rename(removed)  # so that a kill leaves no half of a tree
                shutil.rmtree(removed, ignore_errors=True)
        if [one.name for one in place.iterdir()] == [LOCK]:
            (place / LOCK).unlink()
            with suppress(OSError):  # another process has made a new lock already
                place.rmdir()


def _is_used(tree: Path) -> bool:
    if tree.name.startswith("."):
        return False
    try:
        return any((tree / USERS).iterdir())
    except FileNotFoundError:
        return False


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Lock the trees' directory, which is created if needed, for the duration of the block."""
    descriptor = None
    while descriptor is None:
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
        descriptor = _lock(place / LOCK)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Lock a file; return its descriptor, or None if it was removed meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            os.close(descriptor)
            raise
    with suppress(FileNotFoundError):
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    os.close(descriptor)
    return None
