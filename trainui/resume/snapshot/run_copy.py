"""The directory in which a run's stages run: its tree's files under their names.

The files are hard links to the tree's, except those that a training may write in place: its results
would be in the other runs' snapshots too. What git ignores is a link to the user's.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui import paths
from trainui.errors import UnfitEnvironmentError
from trainui.resume.snapshot import trees
from trainui.resume.snapshot.files import SnapshotFiles
from trainui.resume.snapshot.trees import TreeFile
from trainui.system import plain_files

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
    tree = trees.use(root, found.files, run_directory, checked=found.intact)
    note = SnapshotNote(root, tree, found.ignored)
    paths.write_private(run_directory / NOTE, json.dumps(asdict(note)))


def names(run_directory: Path) -> frozenset[str] | None:
    """Return the names of the files in a run's tree; None without a tree."""
    note = _noted(run_directory)
    files = None if note is None else trees.manifest(_tree(run_directory, note))
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
    files = None if tree is None else trees.manifest(tree)
    if tree is None or files is None:
        return None
    numbers = {one.name: number for number, one in enumerate(files)}
    found: dict[str, Path | None] = {name: None for name in names if name not in numbers}
    for name in names:
        if (number := numbers.get(name)) is not None:
            path = tree / str(number)
            if files[number].own == trees.state_of(str(path)):
                found[name] = path
    return found


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
    return run_directory.parent / trees.DIRECTORY / note.tree


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
    files = trees.manifest(tree)
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
    if found is None or trees.state(found) != one.own:
        if trees.state_of(str(original)) != one.source:
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
