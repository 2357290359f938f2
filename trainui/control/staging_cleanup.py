"""Removes the run directories that a killed submission or deletion left behind.

A note in the home names a run's directory before it is created, and its identity (device and
inode) once it exists. The next process deletes each noted directory whose note nobody has locked
and whose run is not in the store. A directory with another identity is never touched.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths
from trainui.artifacts.snapshot import trees
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.store.read import views


class StagingNote:
    """A locked note on a run's directory that may have no run in the store."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def write(self, directory: Path) -> None:
        """Record a directory and its current identity."""
        text = json.dumps({"directory": str(directory), "identity": _identity(directory)}).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def read(self) -> tuple[Path, list[int] | None] | None:
        """Return the directory and its identity; None if nothing was written yet."""
        try:
            found = json.loads(os.pread(self._descriptor, 65_536, 0))
            return Path(found["directory"]), found["identity"]
        except (ValueError, KeyError):
            return None

    def remove(self) -> None:
        """Delete the note: nothing needs to be cleaned up."""
        self._path.unlink(missing_ok=True)


@contextmanager
def noted(run_id: str) -> Iterator[StagingNote]:
    """Lock a run directory's note; at the end, delete the directory if the run is not stored.

    Raises:
        UsageError: another process is submitting or deleting this run.
    """
    path = paths.make_private(_notes()) / run_id
    with _locked(path, os.O_RDWR | os.O_CREAT) as note:
        if note is None:
            raise UsageError(f"the run {run_id!r} is being submitted or deleted just now")
        try:
            yield note
        finally:
            _delete_unstored(note, run_id)
            note.remove()


def _notes() -> Path:
    return paths.home().root / "unstored"


def sweep() -> None:
    """Delete the directories that killed processes left behind."""
    with suppress(OSError, UnfitEnvironmentError):  # concurrent sweep, or read-only home
        for path in list(_notes().iterdir()):
            with _locked(path, os.O_RDWR) as note:
                if note is not None:
                    _delete_unstored(note, path.name)
                    note.remove()


def _delete_unstored(note: StagingNote, run_id: str) -> None:
    written = note.read()
    with views.reading() as connection:
        if written is None or views.run(connection, run_id) is not None:
            return
    directory, identity = written
    if identity is None:
        with suppress(OSError):  # killed while creating it: it is empty
            directory.rmdir()
    elif identity == _identity(directory):
        with suppress(OSError, UnfitEnvironmentError):
            trees.release(directory)
        with suppress(OSError):
            paths.remove_tree(directory)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[StagingNote | None]:
    """Open and lock a note; None if another process has it locked. A lock ends with its process."""
    descriptor = _open(path, flags)
    try:
        yield StagingNote(path, descriptor) if _is_ours(path, descriptor) else None
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot write {path}: {error.strerror}; free some space in the home, or make it "
            "writable"
        ) from error


def _is_ours(path: Path, descriptor: int) -> bool:
    """Lock an opened note; return False if another process has locked or removed it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _identity(directory: Path) -> list[int] | None:
    """Return a directory's identity (device, inode); None if it does not exist."""
    try:
        status = directory.lstat()
    except OSError:
        return None
    return [status.st_dev, status.st_ino]
