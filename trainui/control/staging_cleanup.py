"""Directories on their way to a run, or from one: what is killed in the middle leaves none behind.

The rule that lives here: a directory is noted in the home before it is made, and what it is known
again by as soon as it is there. Whoever comes next takes away what is noted, where nobody is at it
any more and no run has it. A directory that is not the very one is never touched.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.store.read import views


class StagingNote:
    """A run's directory that may be without a run, for as long as the note is open."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def write(self, directory: Path) -> None:
        """Write down a directory as it is now."""
        text = json.dumps({"directory": str(directory), "identity": _identity(directory)}).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def read(self) -> tuple[Path, list[int] | None] | None:
        """Return the directory, and what it was known by; None where nothing was written yet."""
        try:
            found = json.loads(os.pread(self._descriptor, 65_536, 0))
            return Path(found["directory"]), found["identity"]
        except (ValueError, KeyError):
            return None

    def remove(self) -> None:
        """Nothing is left to take away."""
        self._path.unlink(missing_ok=True)


@contextmanager
def noted(run_id: str) -> Iterator[StagingNote]:
    """Hold the note of a run's directory; where there is no such run at the end, take it away.

    Raises:
        UsageError: somebody else makes or deletes this run just now.
    """
    path = paths.make_private(_notes()) / run_id
    with _held(path, os.O_RDWR | os.O_CREAT) as note:
        if note is None:
            raise UsageError(f"the run {run_id!r} is being submitted or deleted just now")
        try:
            yield note
        finally:
            _take_away(note, run_id)
            note.remove()


def _notes() -> Path:
    return paths.home().root / "unstored"


def sweep() -> None:
    """Take away what was left by those who were killed."""
    with suppress(OSError, UnfitEnvironmentError):  # another sweeps too; the home is read-only
        for path in list(_notes().iterdir()):
            with _held(path, os.O_RDWR) as note:
                if note is not None:
                    _take_away(note, path.name)
                    note.remove()


def _take_away(note: StagingNote, run_id: str) -> None:
    written = note.read()
    with views.reading() as connection:
        if written is None or views.run(connection, run_id) is not None:
            return
    directory, identity = written
    if identity is None:
        with suppress(OSError):  # killed as it made it: it holds nothing then
            directory.rmdir()
    elif identity == _identity(directory):
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _held(path: Path, flags: int) -> Iterator[StagingNote | None]:
    """Open a note; None where somebody else holds it. The lock dies with its holder."""
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
    """Lock an opened note; False where somebody else has it, or has removed it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _identity(directory: Path) -> list[int] | None:
    """Return what a directory is known again by; None where it is not there."""
    try:
        status = directory.lstat()
    except OSError:
        return None
    return [status.st_dev, status.st_ino]
