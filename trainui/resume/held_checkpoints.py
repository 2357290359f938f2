"""Holds checkpoints for their evaluation, so that neither rotation nor rewriting harms them.

A held copy is a directory in the run's own, `.trainui/held/KEY`, with the checkpoint under its own
name and a note. It is made under another name and renamed when it is complete, so that whatever is
found under its name may be used. A file is cloned (FICLONE) where the file system can; else it is a
hard link, but only where nobody writes to that file again: its name has the step and its writer
renamed it into place; else it is copied.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from trainui import formatting, paths, system
from trainui.errors import TrainuiError
from trainui.record import dataclass
from trainui.resume import integrity
from trainui.resume.checkpoints import State
from trainui.store.read.evaluations import held_copy

NOTE = "note.json"

_FICLONE = 0x40049409
"""The ioctl of `linux/fs.h` that lets two files share their blocks until one is written."""

_TEMPORARY = "."
"""Before the names of copies that are being made or removed."""

COPIED_AT_ONCE = 8 << 20
"""Bytes."""

WRITES_WITHIN = 0.3
"""Seconds between two writes to a large file.

One that is overwritten in place may look whole meanwhile.
"""

_Figures = tuple[int, int, int]
"""Inode, size and modification time in nanoseconds."""


class ChangedError(TrainuiError):
    """A checkpoint was written or removed while it was looked at; it is looked at again."""


class NoSpaceError(TrainuiError):
    """There is no space for a copy; the message says how much it needs."""


@dataclass(frozen=True, slots=True)
class FoundCheckpoint:
    """A whole checkpoint of a training, as it was found."""

    path: str
    written_at: int
    """Nanoseconds of the file system's clock."""
    attempt: int
    """Number of the training's attempt that wrote it."""
    identity: State
    step: int | None = None
    """The step in its name or content; None: there is none."""


@dataclass(frozen=True, slots=True)
class HeldCopy:
    """A held copy, as its note describes it."""

    evaluation: str
    """The full name of the stage that gathers its evaluation."""
    found: FoundCheckpoint
    row: int | None
    """The id of the checkpoint on record that it was made for; None: it was not on record yet."""


def hold(
    directory: Path,
    evaluation: str,
    found: FoundCheckpoint,
    *,
    complete: str | None,
    row: int | None = None,
) -> str:
    """Hold a checkpoint; return the key of the copy.

    `row` is its id where it is on record already.

    Raises:
        ChangedError: it changed meanwhile, or its copy is not whole.
        NoSpaceError: the disk has not enough space for a copy and the training's next checkpoint.
        OSError: a file cannot be read or written.
    """
    source = Path(found.path)
    key = f"{paths.stage_directory_names([evaluation])[evaluation]}-{uuid.uuid4().hex[:12]}"
    place = directory / f"{_TEMPORARY}{key}"
    directory.parent.mkdir(mode=0o700, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700)
    lock = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_SH)
        before = _figures(source)
        target = place / source.name
        _copy_all(source, target, before, may_link=found.step is not None)
        if any(size > integrity.CHECKED_THROUGHOUT for _inode, size, _time in before.values()):
            time.sleep(WRITES_WITHIN)
        after = _figures(source)
        if before.keys() - _figures(target).keys():
            raise ChangedError(f"{source} was removed meanwhile")
        if any(after.get(name, known) != known for name, known in before.items()):
            raise ChangedError(f"{source} was written meanwhile")
        if (problem := integrity.problem(target, complete)) is not None:
            raise ChangedError(f"{source} {problem}")
        note = {
            "evaluation": evaluation,
            "found": asdict(found),
            "files": _figures(target),
            "row": row,
        }
        paths.write_private(place / NOTE, json.dumps(note))
        place.rename(directory / key)
    except BaseException:
        with suppress(OSError):
            paths.remove_tree(place)
        raise
    finally:
        os.close(lock)
    return key


def held(directory: Path) -> dict[str, HeldCopy]:
    """Return the held copies in a directory by key; remove those that a killed process began."""
    copies = {}
    try:
        entries = list(directory.iterdir())
    except OSError:
        return {}
    for place in entries:
        note = None if place.name.startswith(_TEMPORARY) else _note(place)
        if note is None:
            with suppress(OSError):
                _remove_unfinished(place)
            continue
        found, row = _found(note["found"]), note.get("row")
        copies[place.name] = HeldCopy(note["evaluation"], found, row)
    return copies


def _remove_unfinished(place: Path) -> None:
    """Remove a copy that nobody makes now."""
    lock = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except OSError:  # a file system without locks
        pass
    finally:
        os.close(lock)
    paths.remove_tree(place)


def problem(directory: Path, key: str, checkpoint: str) -> str | None:
    """Return why a held copy cannot be evaluated; None if it is as it was made."""
    note = _note(directory / key)
    if note is None:
        return "no longer exists"
    now = _figures(held_copy(directory, key, checkpoint))
    known = {name: tuple(figures) for name, figures in note["files"].items()}
    return None if now == known else "was changed after it was made"


def drop(directory: Path, key: str) -> None:
    """Remove a held copy; raise OSError if that is impossible."""
    place, removed = directory / key, directory / f"{_TEMPORARY}{key}"
    with suppress(FileNotFoundError):
        place.rename(removed)
        paths.remove_tree(removed)


def _note(place: Path) -> Mapping[str, Any] | None:
    note = system.read_object(place / NOTE)
    return note if note is not None and {"evaluation", "found", "files"} <= note.keys() else None


def _found(data: Mapping[str, Any]) -> FoundCheckpoint:
    identity = [(str(name), int(size), int(time)) for name, size, time in data["identity"]]
    return FoundCheckpoint(**{**data, "identity": identity})


def _figures(path: Path) -> dict[str, _Figures]:
    """Return inode, size and time of each file of a checkpoint; empty if it does not exist."""
    if not path.is_dir():
        files = [("", path)]
    else:
        files = [(str(one.relative_to(path)), one) for one in _files(path)]
    looked = ((name, system.look(file)) for name, file in files)
    return {
        name: (status.st_ino, status.st_size, status.st_mtime_ns)
        for name, status in looked
        if status is not None
    }


def _files(directory: Path) -> Iterator[Path]:
    for one in system.entries_below(directory):
        if Path(one.path).is_file() if one.is_symlink() else one.is_file():
            yield Path(one.path)


def _copy_all(source: Path, target: Path, files: Mapping[str, _Figures], *, may_link: bool) -> None:
    """Copy a file, or a directory file by file; a link to a directory stays a link."""
    is_whole = may_link and source.is_dir() and is_renamed(source)
    room = _Room(target.parent, sum(size for _inode, size, _time in files.values()))
    if source.is_dir():
        target.mkdir(mode=0o700)
    for name in files:
        place = target / name if name else target
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _copy(source / name if name else source, place, room, may_link, is_whole=is_whole)
        except FileNotFoundError as error:
            raise ChangedError(f"{source} was removed meanwhile") from error
    if source.is_dir():
        _copy_rest(source, target)


def _copy_rest(source: Path, target: Path) -> None:
    """Copy empty directories, and links to directories: what these lead to is not its own."""
    real = os.path.realpath(source)
    for entry in system.entries_below(source):
        path = Path(entry.path)
        place = target / path.relative_to(source)
        if entry.is_dir(follow_symlinks=False):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif entry.is_symlink() and path.is_dir():
            meant = os.path.realpath(path)
            if Path(meant).is_relative_to(real):
                meant = os.path.relpath(meant, os.path.realpath(path.parent))
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.symlink_to(meant)


def is_renamed(path: Path) -> bool:
    """Return True if a file or directory was renamed after it was last written.

    A rename changes the status and not the content. A rename in the same tick of the clock as the
    last write is not seen.
    """
    status = path.stat()
    content = [status.st_mtime_ns]
    if path.is_dir():
        content += [one.stat().st_mtime_ns for one in _files(path)]
    return status.st_ctime_ns > max(content)


class _Room:
    """The space that a copy may take: the training's next checkpoint still fits after it."""

    def __init__(self, place: Path, size: int) -> None:
        self._place, self._size = place, size
        self._is_checked = False

    def check(self) -> None:
        """Raise NoSpaceError if there is not enough space."""
        if self._is_checked:
            return
        free = system.free_bytes(self._place)
        if free < 2 * self._size + system.LEAST_FREE:
            raise NoSpaceError(
                f"a copy of {formatting.size(self._size)} needs as much space again, for the next "
                f"checkpoint, and {formatting.size(system.LEAST_FREE)}; {formatting.size(free)} "
                f"free on {self._place.parent}"
            )
        self._is_checked = True


def _copy(source: Path, target: Path, room: _Room, may_link: bool, *, is_whole: bool) -> None:
    with system.open_plain(source) as opened:
        before = _of_open(opened)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as made:
            is_cloned = _clone(opened, made)
        if not is_cloned:
            if may_link and (is_whole or is_renamed(source)) and _link(source, target, before[0]):
                return
            room.check()
            with target.open("wb") as made:
                while data := opened.read(COPIED_AT_ONCE):
                    made.write(data)
        if _of_open(opened) != before or target.stat().st_size != before[1]:
            raise ChangedError(f"{source} was written meanwhile")
        os.utime(target, ns=(before[2], before[2]))


def _of_open(file: BinaryIO) -> _Figures:
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def _clone(source: BinaryIO, target: BinaryIO) -> bool:
    """Let a new file share the blocks of another; return False where that is impossible."""
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def _link(source: Path, target: Path, inode: int) -> bool:
    """Replace an empty file by a hard link to this inode; return False if that is impossible."""
    other = target.with_name(f".{target.name}.link")
    try:
        os.link(source, other)
    except OSError:
        return False
    if other.lstat().st_ino != inode:  # a symbolic link, or another file by now
        other.unlink()
        return False
    other.replace(target)
    return True
