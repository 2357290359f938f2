"""Removes the run directories that a killed submission or deletion left behind.

A note in the home names a run's directory before it is created, and its identity (device and
inode) once it exists. The next process deletes each noted directory whose note nobody has locked
and whose run is not in the store. A directory with another identity is never touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution.processes import Lock
from trainui.resume import code_snapshot
from trainui.store.db import engine, home_identity
from trainui.store.read import views
from trainui.supervisor.supervise import try_lock


class StagingNote(Lock):
    """A note on a run's directory that may have no run in the store.

    It is locked by the process that works on the directory, until that process ends.
    """

    def write(self, directory: Path) -> None:
        """Record a directory and its current identity."""
        text = json.dumps({"directory": str(directory), "identity": _identity(directory)}).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def read(self) -> tuple[Path, list[int] | None] | None:
        """Return the directory and its identity; None if nothing was written yet."""
        try:
            found = json.loads(os.pread(self.descriptor, 65_536, 0))
            return Path(found["directory"]), found["identity"]
        except (ValueError, KeyError):
            return None

    def remove(self) -> None:
        """Delete the note: nothing needs to be cleaned up."""
        self.path.unlink(missing_ok=True)


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


def forget() -> None:
    """Remove all notes: they name directories of the home that this one was copied from."""
    with suppress(FileNotFoundError):
        for path in _notes().iterdir():
            path.unlink()


def sweep() -> None:
    """Delete the directories that killed processes left behind.

    Raises:
        CopiedHomeError: the notes are of another home, whose processes may be at work.
    """
    home_identity.check()
    with suppress(OSError, UnfitEnvironmentError):  # concurrent sweep, or read-only home
        for path in list(_notes().iterdir()):
            with _locked(path, os.O_RDWR) as note:
                if note is not None:
                    _delete_unstored(note, path.name)
                    note.remove()


def _delete_unstored(note: StagingNote, run_id: str) -> None:
    written = note.read()
    with engine.reading() as connection:
        if written is None or views.run(connection, run_id) is not None:
            return
    directory, identity = written
    if identity is None:
        with suppress(OSError):  # killed while creating it: it is empty
            directory.rmdir()
    elif identity == _identity(directory):
        with suppress(OSError, UnfitEnvironmentError):
            code_snapshot.release_trees(directory)
        with suppress(OSError):
            paths.remove_tree(directory)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[StagingNote | None]:
    """Open and lock a note; None if another process has it locked or removed it."""
    try:
        note = StagingNote(path, os.open(path, flags | os.O_CLOEXEC, 0o600))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot write {path}: {error.strerror}; free some space in the home, or make it "
            "writable"
        ) from error
    with note:
        is_ours = try_lock(note.descriptor) and not note.is_lost()
        yield note if is_ours else None


def _identity(directory: Path) -> list[int] | None:
    """Return a directory's identity (device, inode); None if it does not exist."""
    try:
        status = directory.lstat()
    except OSError:
        return None
    return [status.st_dev, status.st_ino]
