"""Checkpoints that a stage's attempts wrote although the stage declares none.

trainui cannot pass them to the command, which starts from the beginning, or finds them by itself,
and may write over them. So they are named, with the fields to add, and before the next attempt the
newest is copied; it also stays where it is.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import formatting, system
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, StageRecord
from trainui.pipeline.rules import shared_paths
from trainui.record import dataclass
from trainui.resume import checkpoints, integrity
from trainui.resume.integrity import written_at
from trainui.store.read.views import Overlap
from trainui.supervisor import protocol

if TYPE_CHECKING:
    from trainui.store.db.engine import Database

MOST_ENTRIES, MOST_LEVELS = 20_000, 6
"""Directory entries and levels searched, which takes some 0.1 s on a local disk."""

MOST_CHECKED = 50
"""Candidates checked for being complete, the newest first."""

MOST_COPIED = 10 * system.GIGABYTE
"""Bytes: a start does not wait longer than some 20 s for a copy."""

SHARE_OF_FREE = 4
"""The copy takes at most this part of the free space: a quarter."""

KEPT = "kept"
"""Directory in the attempt's: the copy."""

_NAME = re.compile(
    r"(?i)(.*[^a-z])?(check-?_?points?|ckpts?|snapshot|last|latest|best|epoch|ep|step|steps|iter"
    r"|global_?step|state|model|weights)([^a-z].*)?"
)
_NUMBERED = re.compile(r"(?i)(.*[^a-z])?(checkpoint|ckpt|global_?step)s?[=_-]?\d+")
_COUNTED = re.compile(r"(?i)(.*[^a-z])?(step|epoch|iter|ep)s?[=_-]?\d+")
"""A directory with such a name is a checkpoint if it contains weights."""
_WEIGHTS = frozenset({".ckpt", ".pt", ".pth", ".safetensors", ".keras"})
_MAYBE = frozenset({".bin", ".h5", ".hdf5", ".npz", ".pkl", ".pickle", ".tar", ".zip", ".msgpack"})
_NOT_SEARCHED = re.compile(r"\..*|__pycache__|node_modules|site-packages|.*-packages")


@dataclass(frozen=True, slots=True)
class Undeclared:
    """The newest complete checkpoint of a stage that declares none."""

    path: Path
    pattern: str
    """The value for the field `checkpoint` that finds it, and those beside it."""
    attempt: Path
    """The directory of the attempt that wrote it."""

    @property
    def words(self) -> str:
        """The way to continue from it, as a clause."""
        option = next(
            (
                one.resume_option
                for one in integrity.kinds_of_directories()
                if (self.path / one.state).is_file()
            ),
            "--resume",
        )
        return (
            f"{self.path} looks like a checkpoint, and the stage declares none: to continue from "
            f'such, add `checkpoint: "{self.pattern}"` and `resume_args: [{option}, '
            '"${checkpoint}"]` (with the option of its program) to the pipeline, with the key `e` '
            "or with `resume --file`"
        )


def find(
    store: Database, stage: StageRecord, attempts: Iterable[AttemptRecord]
) -> Undeclared | None:
    """Return the newest checkpoint that attempts of a stage wrote; None if it declares its own."""
    directories = [Path(one.directory) for one in attempts]
    beside = partial(checkpoints.beside, store, stage)
    return search(stage.definition, Path(stage.directory), directories, beside)


def search(
    definition: StageDefinition,
    stage_dir: Path,
    attempts: Iterable[Path],
    beside: Callable[[], Sequence[Overlap]],
) -> Undeclared | None:
    """Search what `find` returns; attempts are given by their directories.

    In a workdir, and where an option of its command leads, a file does not count if another stage
    with the same one ran at that time (`beside`), except in directories that an attempt was seen to
    write weights to.
    """
    windows = [one for one in map(_Window.of, attempts) if one.started]
    if definition.checkpoint is not None or not windows:
        return None
    own = [stage_dir, *{path.parent for one in windows for path in one.files}]
    roots = [stage_dir, *([] if definition.matrix is not None else [Path(definition.workdir)])]
    named = [Path(path) for path in shared_paths.written(definition)]
    found = {
        path: window
        for path in _candidates([*own, *roots, *named])
        if (window := _writer(path, windows)) is not None
    }
    for path in sorted(found, key=written_at, reverse=True)[:MOST_CHECKED]:
        is_own = any(path.is_relative_to(place) for place in own)
        if integrity.problem(path) is None and (is_own or not _is_contested(path, named, beside)):
            return Undeclared(path, _pattern(path, roots), found[path].directory)
    return None


@dataclass(frozen=True, slots=True)
class _Window:
    """When an attempt ran, in nanoseconds of the file system's clock, and what it wrote."""

    directory: Path
    started: int
    ended: int
    files: Sequence[Path]

    @classmethod
    def of(cls, directory: Path) -> _Window:
        started = written_at(directory / protocol.STARTED_FILE)
        ended = written_at(directory / protocol.EXIT_FILE)  # 0: still running, or it is lost
        files = [path for path in protocol.written_files(directory) if _is_weights(path.name)]
        return cls(directory, started, ended or 2**63, files)


def _writer(path: Path, windows: Sequence[_Window]) -> _Window | None:
    written = written_at(path)
    ran = (one for one in windows if one.started <= written <= one.ended + 10**9)
    return max(ran, key=lambda one: one.started, default=None)


def _is_contested(
    path: Path, named: Sequence[Path], beside: Callable[[], Sequence[Overlap]]
) -> bool:
    """Return True if another stage may have written a file: it ran then, and in the same place."""
    written = written_at(path)
    is_named = any(path.is_relative_to(place) for place in named)
    return any(
        one.may_have_written(written) and _may_write(one.definition, path, is_named=is_named)
        for one in beside()
    )


def _may_write(definition: StageDefinition, path: Path, *, is_named: bool) -> bool:
    places = [*shared_paths.written(definition), *([] if is_named else [definition.workdir])]
    return any(path.is_relative_to(place) for place in places)


def _is_weights(name: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 (of many names)
    return suffix in _WEIGHTS or (suffix in _MAYBE and _NAME.fullmatch(name) is not None)


def _candidates(places: Sequence[Path]) -> Iterator[Path]:
    """Yield the files and directories in some places that look like checkpoints, in bounds."""
    queue = deque((str(place), 0) for place in dict.fromkeys(places))
    seen: set[str] = set()
    left = MOST_ENTRIES
    while queue and left > 0:
        place, level = queue.popleft()
        if (real := os.path.realpath(place)) in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(place) as listed:
                entries = list(itertools.islice(listed, MOST_ENTRIES))
        except OSError:
            continue
        left -= len(entries)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _is_checkpoint(entry):
                    yield Path(entry.path)
                elif level < MOST_LEVELS and not _NOT_SEARCHED.fullmatch(entry.name):
                    queue.append((entry.path, level + 1))
            elif _is_weights(entry.name) or (_NUMBERED.fullmatch(entry.name) and entry.is_file()):
                yield Path(entry.path)


def _is_checkpoint(directory: os.DirEntry[str]) -> bool:
    if _NUMBERED.fullmatch(directory.name):
        return True
    return _COUNTED.fullmatch(directory.name) is not None and any(
        _is_weights(one.name) for one in integrity.files_of(Path(directory.path))
    )


def _pattern(path: Path, roots: Sequence[Path]) -> str:
    """Return a glob for a checkpoint and its siblings, relative to a root if it is in one.

    Numbers in its name become `*`.
    """
    root = next((root for root in roots if path.is_relative_to(root)), None)
    shown = path if root is None else path.relative_to(root)
    return str(shown.with_name(re.sub(r"\d+(\.\d+)?", "*", shown.name)))


def keep(found: Undeclared) -> str:
    """Copy a checkpoint into the records of its attempt; return a clause that says where.

    It says instead why it is not copied. A repeated launch makes no second copy.
    """
    name = found.path.name
    numbered = itertools.chain([name], (f"{name}~{number}" for number in itertools.count(1)))
    targets = (found.attempt / KEPT / one for one in numbered)
    try:
        newest = _newest(found.path)
        target = next(one for one in targets if not os.path.lexists(one) or _newest(one) == newest)
        if not target.exists():
            size, free = sum(map(_size, _files(found.path))), system.free_bytes(found.attempt)
            if size > min(MOST_COPIED, free // SHARE_OF_FREE):
                sizes = f"{formatting.size(size)}, with {formatting.size(free)} free"
                return f"it is too large for a copy ({sizes}); this attempt may overwrite it"
            _copy(found.path, target)
    except OSError as error:
        return f"it cannot be copied ({error.strerror or error}); this attempt may overwrite it"
    return f"before this attempt it was copied to {target}"


def _size(file: Path) -> int:
    return file.stat().st_size


def _newest(path: Path) -> int:
    return max(one.stat().st_mtime_ns for one in _files(path))


def _files(path: Path) -> Sequence[Path]:
    entries = system.entries_below(path) if path.is_dir() else ()
    return [Path(one.path) for one in entries if one.is_file(follow_symlinks=False)] or [path]


def _copy(path: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.new")
    if unfinished.is_dir():  # of a worker that was killed
        shutil.rmtree(unfinished)
    target.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, unfinished, symlinks=True, copy_function=_copy_file)
    else:
        _copy_file(path, unfinished)
    unfinished.rename(target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a regular file and its time; on file systems that can, the two share their blocks."""
    if not Path(source).is_file():
        return
    with system.open_plain(Path(source)) as old, open(target, "wb") as new:
        try:
            while os.copy_file_range(old.fileno(), new.fileno(), 2**30):
                pass
        except OSError:  # it is on another file system, or this one has no such call
            old.seek(0)
            new.seek(0)
            shutil.copyfileobj(old, new, 2**20)
    shutil.copystat(source, target)
