"""Trees: the files of snapshots as they were at submission, shared by runs with equal files.

A tree lies beside the runs' directories. Its files have numbers for names, no stage runs in it, and
it is removed with the last run that uses it. The user's own files are copied and never linked to,
since an editor may change one in place; files that the last tree of the same directory has are
hard links to that tree's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

DIRECTORY = ".snapshots"
"""The trees' directory, beside the runs' directories."""

MANIFEST = "manifest"
USERS = "users"
"""A tree's directory with an empty file for each run that uses it."""

LOCK = "lock"

BUILT = ".snapshot-tree.new"
"""A tree while it is built, in the run's directory: it is removed with that."""

THREADS = 2
"""Threads that copy: they wait for the file system most of the time."""

ATTEMPTS = 3
"""The number of times that a file is copied if it is edited meanwhile."""

_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class TreeFile(NamedTuple):
    """A file of a tree, in the order of the manifest's lines."""

    source: str
    """The state of the user's file when it was copied."""
    own: str
    """The state of the copy; it differs if the file system rounds times."""
    name: str
    """Relative to the root."""


def state(found: os.stat_result) -> str:
    """Return what changes with a file's content: size, time of modification, mode."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_mode}"


def state_of(path: str, directory: int | None = None) -> str | None:
    """Return the state of a file or link; None if it does not exist."""
    try:
        return state(os.stat(path, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return None


def intact(root: str, runs_dir: Path) -> str | None:
    """Return the name of a root's last used tree, if nothing in it was changed."""
    tree = _last(root, runs_dir / DIRECTORY)
    return None if tree is None or any(damaged(tree)) else tree.name


def use(
    root: str,
    files: Mapping[str, os.stat_result],
    run_directory: Path,
    *,
    checked: str | None = None,
) -> str:
    """Find or build the tree of these files for a run; return the tree's name.

    `checked` is the name that `intact` has just returned.
    """
    states = {name: state(found) for name, found in files.items()}
    name, place = _name(root, states), run_directory.parent / DIRECTORY
    with _locked(place):
        is_known = (place / name).is_dir()
        if is_known:
            _add_user(place / name, run_directory.name)
    if is_known and (name == checked or not any(damaged(place / name))):
        return name
    built = run_directory / BUILT
    states = _build(root, states, built, _last(root, place))
    if name != (name := _name(root, states)):  # edited meanwhile: the run has another tree
        release(run_directory)
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


def damaged(tree: Path) -> Iterator[str]:
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
            if one.own != state_of(str(number), directory):
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
        if state_of(str(source)) != known[1].own:
            return None  # it was changed in place
        os.link(source, path, follow_symlinks=False)
    except OSError:
        return None  # the tree was removed, or the file has too many links
    return known[1]


def _copied(source: str, name: str, path: str) -> TreeFile | None:
    """Copy a file as it is now; return None if it was deleted."""
    for _ in range(ATTEMPTS):
        before = state_of(source)
        with suppress(FileNotFoundError):
            shutil.copy2(source, path, follow_symlinks=False)
            if before == state_of(source):
                break
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
    own = state_of(path)
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
    names = list(damaged(tree))
    for name in names:
        (built / name).replace(tree / name)
    if names == [MANIFEST]:
        _mend(tree, built)  # now the files can be checked


def release(run_directory: Path) -> None:
    """Record that a run uses no tree any more; remove the trees that no run uses."""
    place = run_directory.parent / DIRECTORY
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
