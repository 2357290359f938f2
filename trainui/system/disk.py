"""Free space and file system type of the disks of the home, the runs and their checkpoints.

All thresholds for free space are defined here.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from trainui import formatting
from trainui.errors import UnfitEnvironmentError
from trainui.system import mounts

MEGABYTE, GIGABYTE = 10**6, 10**9

ROUGH = 10 * MEGABYTE
"""Bytes to which a shown number is rounded if it changes all the time."""

LEAST_FREE = 100 * MEGABYTE
"""Bytes; with less, no stage starts, to leave space for the logs and records of running ones."""

LITTLE_FOR_HOME = GIGABYTE
"""Bytes; with less in the home, warn: the database and its backup need space."""

LITTLE_FOR_RUNS = 5 * GIGABYTE
"""Bytes; with less in the runs directory, warn: a few checkpoints need this much."""


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The free space of a directory's disk."""

    path: Path
    free: int
    """Bytes available to us."""
    little: int
    """Bytes below which a warning is shown."""

    @property
    def is_full(self) -> bool:
        """True: too full to start a stage."""
        return self.free < LEAST_FREE

    @property
    def is_low(self) -> bool:
        """True: below the warning level."""
        return self.free < self.little

    def has(self, path: Path) -> bool:
        """Return True if a path, or where it would be made, is on this disk."""
        return _device(path) == _device(self.path)

    def __str__(self) -> str:
        return f"{formatting.size(self.free)} free on {self.path}"

    @property
    def roughly(self) -> str:
        """The same, rounded down to 10 MB, so that the text changes rarely."""
        return str(replace(self, free=self.free // ROUGH * ROUGH or self.free))


def spaces(home: Path, runs_dir: Path, others: Iterable[Path] = ()) -> list[DiskSpace]:
    """Return the free space for the home and the runs, and on other disks; one entry a disk."""
    found = [DiskSpace(runs_dir, free(runs_dir), LITTLE_FOR_RUNS)]
    seen = {_device(runs_dir)}
    if _device(home) not in seen:
        found.insert(0, DiskSpace(home, free(home), LITTLE_FOR_HOME))
        seen.add(_device(home))
    for place in others:
        if (device := _device(place)) not in seen:
            seen.add(device)
            root = _root_of_disk(place)
            found.append(DiskSpace(root, free(root), LITTLE_FOR_RUNS))
    return found


def free(path: Path) -> int:
    """Return the available bytes at a path, which need not exist."""
    status = os.statvfs(existing(path))
    if status.f_files and not status.f_favail:
        return 0  # out of inodes
    return status.f_bavail * status.f_frsize


def used(directory: Path, most: float = math.inf) -> int:
    """Return the disk usage of a directory tree in bytes; hard links count once.

    Unreadable entries count as 0, and so do file systems that are mounted in it, and those after
    the first `most`.
    """
    total, seen, waiting = 0, set(), [os.path.realpath(directory)]
    mounted = frozenset(mounts.below(directory))
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.path in mounted:
                        continue
                    if (most := most - 1) < 0:
                        return total
                    status = entry.stat(follow_symlinks=False)
                    if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if (status.st_dev, status.st_ino) in seen:
                            continue
                        seen.add((status.st_dev, status.st_ino))
                    total += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total


def wait_reason(places: Iterable[Path]) -> str | None:
    """Return the wait reason of a stage that would write to these places; None: enough space.

    The number is rounded, so that the text changes rarely.
    """
    for place in places:
        if (left := free(place)) < LEAST_FREE:
            least, known = formatting.size(LEAST_FREE), formatting.size(left // ROUGH * ROUGH)
            return f"needs {least} of disk space: {known} free on {place}"
    return None


def read_only(directory: Path) -> str | None:
    """Return a message if a directory is read-only by its mount or mode; otherwise None."""
    if not directory.exists() or os.access(directory, os.W_OK | os.X_OK):
        return None
    return f"{directory} is read-only; the stage starts when it can be written"


def write_problem(directory: Path) -> str | None:
    """Write a test file to a directory and return the error; None: it is writable.

    Only this detects a file system that was remounted read-only after an error.
    """
    import tempfile  # slow to import, and rarely needed

    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror or repr(error)
    return None


def warnings(found: Iterable[DiskSpace]) -> list[str]:
    """Return a message for each disk that is full or nearly full."""
    said = []
    for room in found:
        if room.is_full:
            said.append(f"the disk is full: {room}; no stage starts with less than 100 MB")
        elif room.is_low:
            said.append(f"the disk is nearly full: {room}")
    return said


def check_home(home: Path, table: Path = mounts.MOUNTS) -> None:
    """Check that the home is writable, not shared, and on a file system with reliable locks.

    Raises:
        UnfitEnvironmentError: it is not; the message says what to do.
        UnicodeEncodeError: its path is not UTF-8 text, as paths in the database are.
    """
    str(home).encode()
    kind = file_system(home, table)
    if kind in mounts.NETWORK:
        raise UnfitEnvironmentError(
            f"{home} is on a network file system ({kind}), where a database may be damaged: set "
            "TRAINUI_HOME to a directory on a local disk; the runs may stay on this one, with "
            "TRAINUI_RUNS_DIR"
        )
    if home.exists() and not home.is_dir():
        raise UnfitEnvironmentError(
            f"{home} is not a directory; set TRAINUI_HOME to a directory of your own"
        )
    if home.exists() and not os.access(home, os.W_OK | os.X_OK):
        raise UnfitEnvironmentError(
            f"{home} is read-only, so runs can only be viewed: make it writable, or set "
            "TRAINUI_HOME to a directory that is"
        )
    if is_shared(home):
        raise UnfitEnvironmentError(
            f"{home} contains other files, and other users may write in it; trainui would make it "
            f"private: set TRAINUI_HOME to a separate directory, e.g. {home / 'trainui'}"
        )


def is_shared(home: Path) -> bool:
    """Return True if others use a directory: they may write there, and its files are not ours."""
    if not home.is_dir() or not home.stat().st_mode & 0o022:
        return False
    return not any((home / name).exists() for name in _IN_HOME) and any(home.iterdir())


_IN_HOME = ("trainui.db", "worker", "broker")


def network_file_system(path: Path, table: Path = mounts.MOUNTS) -> str | None:
    """Return the type of the network file system at a path; None: it is on none."""
    kind = file_system(path, table)
    return kind if kind in mounts.NETWORK else None


def file_system(path: Path, table: Path = mounts.MOUNTS) -> str | None:
    """Return the kernel's name of the file system type at a path; None: unknown."""
    kinds, real = mounts.kinds(table), path.resolve()
    return next((kinds[str(one)] for one in (real, *real.parents) if str(one) in kinds), None)


def existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def _device(path: Path) -> int:
    return existing(path).stat().st_dev


def _root_of_disk(path: Path) -> Path:
    """Return the topmost directory on the disk of a path."""
    real = existing(path).resolve()
    device = real.stat().st_dev
    above = itertools.takewhile(lambda one: one.stat().st_dev == device, real.parents)
    return [real, *above][-1]
