"""The disks under the home and the runs: how much room they have, and what kind they are.

How little is too little is decided here and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainui import formatting
from trainui.errors import UnfitEnvironmentError

MEGABYTE, GIGABYTE = 10**6, 10**9

LEAST_FREE = 100 * MEGABYTE
"""Bytes. With less no stage starts: what runs still needs room for its logs, and its record."""

LITTLE_FOR_HOME = GIGABYTE
"""Bytes. The database and its copy fit into more."""

LITTLE_FOR_RUNS = 5 * GIGABYTE
"""Bytes. A few checkpoints are as large."""

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse"}
)
"""File systems on which the locks of a database are not to be trusted."""

MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Room:
    """How much room there is under a directory."""

    path: Path
    free: int
    """Bytes that we may use."""
    little: int
    """Bytes below which it is said."""

    @property
    def is_full(self) -> bool:
        """Whether nothing starts here any more."""
        return self.free < LEAST_FREE

    @property
    def is_low(self) -> bool:
        """Whether it is time to free some."""
        return self.free < self.little

    def __str__(self) -> str:
        return f"{formatting.size(self.free)} free on {self.path}"


def rooms(home: Path, runs_dir: Path) -> list[Room]:
    """Return the room under the home and under the runs; once where they share a disk."""
    found = [Room(runs_dir, free(runs_dir), LITTLE_FOR_RUNS)]
    if _device(home) != _device(runs_dir):
        found.insert(0, Room(home, free(home), LITTLE_FOR_HOME))
    return found


def free(path: Path) -> int:
    """Return the bytes that may still be written under a path, which need not exist."""
    status = os.statvfs(_existing(path))
    if status.f_files and not status.f_favail:
        return 0  # no file can be made
    return status.f_bavail * status.f_frsize


def used(directory: Path) -> int:
    """Return the bytes that a directory takes with all it holds; a file of two names counts once.

    What cannot be looked at counts as nothing.
    """
    total, seen, waiting = 0, set(), [str(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
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


def lack(places: Iterable[Path]) -> str | None:
    """Say what a stage waits for that would write to these places; None: there is room.

    Coarse, so that the words change seldom.
    """
    for place in places:
        if (left := free(place)) < LEAST_FREE:
            coarse = left // (10 * MEGABYTE) * 10 * MEGABYTE
            least, known = formatting.size(LEAST_FREE), formatting.size(coarse)
            return f"needs {least} of disk space: {known} free on {place}"
    return None


def read_only(directory: Path) -> str | None:
    """Say that a directory is read-only, as far as its mount and its mode tell; None: it is not."""
    if not directory.exists() or os.access(directory, os.W_OK | os.X_OK):
        return None
    return f"{directory} is read-only; the stage starts when it can be written"


def write_problem(directory: Path) -> str | None:
    """Write a file to a directory, and say what hinders that; None: nothing does.

    Nothing else tells of a file system that an error made read-only.
    """
    import tempfile  # takes long to load, and few ask

    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror or repr(error)
    return None


def notice(found: Iterable[Room]) -> str | None:
    """Say of the disk with the least room that it is full or low, in few words."""
    least = min(found, key=lambda room: room.free / room.little)
    if not least.is_low:
        return None
    return (
        f"disk full: {formatting.size(least.free)} free" if least.is_full else f"disk low: {least}"
    )


def warnings(found: Iterable[Room]) -> list[str]:
    """Say which disks are full or soon will be, and what that means."""
    said = []
    for room in found:
        if room.is_full:
            said.append(f"the disk is full: {room}; no stage starts with less than 100 MB")
        elif room.is_low:
            said.append(f"the disk is nearly full: {room}")
    return said


def check_home(home: Path, mounts: Path = MOUNTS) -> None:
    """Refuse to write to a home that is read-only, or where locks could not be trusted.

    Raises:
        UnfitEnvironmentError: it is; the message says what to do.
    """
    kind = file_system(home, mounts)
    if kind in NETWORK:
        raise UnfitEnvironmentError(
            f"{home} lies on a network file system ({kind}), where a database may be damaged: set "
            "TRAINUI_HOME to a directory on a local disk; the runs may stay on this one, with "
            "TRAINUI_RUNS_DIR"
        )
    if home.exists() and not os.access(home, os.W_OK | os.X_OK):
        raise UnfitEnvironmentError(
            f"{home} is read-only, so runs can only be looked at: make it writable, or set "
            "TRAINUI_HOME to a directory that is"
        )


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the kind of the file system that a path lies on, as the kernel names it.

    Args:
        path: need not exist.
        mounts: the kernel's list of mounts (Linux).
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    kinds = {}
    for line in lines:  # of several mounts at one place the last one covers the others
        before, _, after = line.partition(" - ")
        kinds[_unescaped(before.split(" ")[4])] = after.split(" ", 1)[0]
    real = path.resolve()
    return next((kinds[str(one)] for one in (real, *real.parents) if str(one) in kinds), None)


def _unescaped(mountpoint: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mountpoint)


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _device(path: Path) -> int:
    return _existing(path).stat().st_dev
