"""The machine's files: which are what they seem, which file systems answer, how much space is free.

Files and directories that anybody may have written are read within bounds. Only regular files are
opened: opening a FIFO would block, and reading `/dev/zero` would never end. trainui's own processes
raise their soft limit of open files; users' processes get the original one.

A file system of the network or of a program (FUSE) blocks whoever looks at it for as long as its
server does not answer; a signal may not end that. So paths are compared as text here, and a child
process finds out if a file system answers. All thresholds for free space are defined here.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import re
import resource
import select
import stat
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

from trainui import formatting
from trainui.errors import NotPlainFileError, UnfitEnvironmentError
from trainui.record import dataclass

MOST_ENTRIES = 20_000
"""The most entries listed below a directory, which takes some 0.1 s on a local disk."""

ANSWERS_WITHIN = 2.0
"""Seconds in which a file system has to answer."""

_FRESH = 0.01
"""Seconds for which an answer is used: a file is polled less often."""

MEGABYTE, GIGABYTE = 10**6, 10**9

ROUGH = 10 * MEGABYTE
"""Bytes to which a shown number is rounded if it changes all the time."""

LEAST_FREE = 100 * MEGABYTE
"""Bytes; with less, no stage starts, to leave space for the logs and records of running ones."""

LITTLE_FOR_HOME = GIGABYTE
"""Bytes; with less in the home, warn: the database and its backup need space."""

LITTLE_FOR_RUNS = 5 * GIGABYTE
"""Bytes; with less in the runs directory, warn: a few checkpoints need this much."""

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_open_files_before: int | None = None
"""The original soft limit of this process, set once it is raised."""


def check_plain(path: Path, mode: int) -> None:
    """Raise NotPlainFileError if a mode is not that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise NotPlainFileError(str(path), kind)


def open_plain(path: Path) -> BufferedReader:
    """Open a regular file without blocking; raise NotPlainFileError if it is something else."""
    check_link(str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        check_plain(path, os.fstat(descriptor).st_mode)
    except NotPlainFileError:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


class TooLongError(Exception):
    """A file has more bytes, or instructions, than are read of it."""


class BoundedFile:
    """The part of a file's interface that `zipfile` and `pickletools` use, with a limit of bytes.

    Reading more raises TooLongError. The end is where it was when the file was opened, and no
    memory is allocated for a length that the file merely states.
    """

    def __init__(self, file: BufferedReader, most: int) -> None:
        self.left = most
        """The bytes that may still be read."""
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, length: int = -1) -> bytes:
        """Return `length` bytes, or fewer at the end of the file; all if it is negative."""
        if 0 <= length <= min(self.left, 2**16):
            self.left -= length
            return self._file.read(length)
        rest = max(self.size - self.tell(), 0)
        wanted = rest if length < 0 else length
        if self.left < wanted <= rest:
            raise TooLongError
        data = self._file.read(min(wanted, rest, self.left))
        self.left -= len(data)
        return data

    def readline(self) -> bytes:
        """Return the bytes up to the next line feed."""
        line = self._file.readline(self.left + 1)
        if len(line) > self.left:
            raise TooLongError
        self.left -= len(line)
        return line


def files_below(directory: Path, most: int, *, strict: bool = False) -> Iterator[Path]:
    """Yield at most `most` files below a directory, as `entries_below` finds them."""
    entries = islice(entries_below(directory, strict=strict), MOST_ENTRIES)
    return islice((Path(one.path) for one in entries if not _is_directory(one)), most)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    """Return True for a directory or a link to one; a link to itself is none."""
    if entry.is_symlink():
        return Path(entry.path).is_dir()
    return entry.is_dir()


def entries_below(directory: Path, *, strict: bool = False) -> Iterator[os.DirEntry[str]]:
    """Yield all that is below a directory, of any depth; links to directories are not followed.

    A directory that cannot be listed raises OSError with `strict`; otherwise it counts as empty.
    """
    frontier = [str(directory)]
    while frontier:
        try:
            with os.scandir(frontier.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        frontier.append(entry.path)
                    yield entry
        except OSError:
            if strict:
                raise


def status(path: Path) -> os.stat_result:
    """Return a file's status; raise OSError also if its file system does not answer."""
    check_link(str(path))
    return path.stat()


def look(path: Path) -> os.stat_result | None:
    """Return a path's status; None if nothing is there, or if it cannot be seen."""
    try:
        return path.stat()
    except OSError:
        return None


def read_bytes(path: Path) -> bytes:
    """Return a regular file's bytes; raise NotPlainFileError if it is something else."""
    with open_plain(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return a regular file's text; raise NotPlainFileError if it is something else."""
    return read_bytes(path).decode("utf-8")


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a regular file; None if there is none, or if it is damaged."""
    try:
        content = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def raise_open_files() -> None:
    """Raise this process's soft limit of open files to the hard limit."""
    global _open_files_before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not hasattr(resource, "prlimit") or soft == hard:
        return  # the old limit could not be restored for children
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _open_files_before = soft


def restore_open_files(pid: int) -> None:
    """Give a child that has started no process yet the original limit.

    Programs that use `select` rely on a low one.
    """
    if _open_files_before is None:
        return
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(_open_files_before, hard), hard))


def open_files_limit() -> int:
    """Return the number of files that this process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse"}
)
"""File systems on which database locks are unreliable."""

_OF_THE_SYSTEM = frozenset({"fuse.lxcfs", "fuse.portal", "fuse.snapfuse"})
"""FUSE file systems without files of users."""

MOUNTS = Path("/proc/self/mountinfo")


_ANSWER = """\
import os, sys
while os.read(0, 1):
    try:
        os.statvfs(sys.argv[1])
    except OSError:
        pass
    os.write(1, b".")
"""
"""Answers each byte once the file system has answered; `stat` would use the kernel's cache."""


def file_system_types(table: Path = MOUNTS) -> dict[str, str]:
    """Return the kernel's names of the file system types, by mountpoint; none if unknown."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:  # if several are mounted at one path, the last one is visible
        before, _, after = line.partition(" - ")
        found[_unescaped(before.split(" ")[4])] = after.split(" ", 1)[0]
    return found


def mountpoints_in(directory: Path, table: Path = MOUNTS) -> list[str]:
    """Return the mountpoints in a directory, itself included."""
    real = os.path.realpath(directory)
    return [one for one in file_system_types(table) if one == real or one.startswith(f"{real}/")]


def _unescaped(mountpoint: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mountpoint)


def remote_mount(*paths: str) -> str:
    """Return the mountpoint of the first remote file system that one of some paths is on.

    It is empty if they are on local disks. Links in the paths are not followed.
    """
    remote = _remote(int(time.monotonic()))
    if not remote:
        return ""
    above = (up for path in paths for up in (Path(path), *Path(path).parents))
    return next((str(up) for up in above if str(up) in remote), "")


@lru_cache(maxsize=1)
def _remote(_second: int) -> frozenset[str]:
    """Return the mountpoints of remote file systems, read once a second."""
    return frozenset(
        path
        for path, kind in file_system_types().items()
        if kind in NETWORK or (kind.partition(".")[0] == "fuse" and kind not in _OF_THE_SYSTEM)
    )


def has_remote() -> bool:
    """Return True if any remote file system is mounted."""
    return bool(_remote(int(time.monotonic())))


def is_any_silent() -> bool:
    """Return True if a remote file system did not answer when asked last, or was never asked."""
    answers = [does_answer(one, wait=False) for one in _remote(int(time.monotonic()))]
    return not all(answers)  # each is asked


class _Probe:
    """Polls a file system through a child process, which may block."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._does_answer = False
        """The last answer; False: there is none yet."""
        self._answered_at = -math.inf
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        """Start a child process, and ask it for the first time; it ends with this process."""
        import subprocess  # rarely needed

        command, pipe = [sys.executable, "-ISc", _ANSWER, self._path], subprocess.PIPE
        nothing = subprocess.DEVNULL
        self._child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=nothing, cwd="/", bufsize=0
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._questions, self._answers = self._child.stdin, self._child.stdout
        self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        with suppress(BrokenPipeError):  # it was killed: the end of its answers is read
            self._questions.write(b"?")

    def answered(self, *, wait: bool) -> bool:
        """Return True if it answers; wait until `ANSWERS_WITHIN` after the question.

        Without `wait` the last answer is returned.
        """
        with self._lock:
            now = time.monotonic()
            if self._answered_at >= self._asked_at and now - self._answered_at >= _FRESH:
                self._ask()
            if self._answered_at < self._asked_at:
                self._await(max(0.0, self._asked_at + ANSWERS_WITHIN - now) if wait else 0.0)
            return self._does_answer

    def _await(self, seconds: float) -> None:
        if select.select([self._answers], [], [], seconds)[0]:
            if self._answers.read(1):
                self._does_answer, self._answered_at = True, time.monotonic()
                return
            self._child.wait()
            self._questions.close()
            self._answers.close()
            self._start()
        elif time.monotonic() - self._asked_at >= ANSWERS_WITHIN:
            self._does_answer = False


_probe_of = cache(_Probe)


def does_answer(path: str, *, wait: bool = True) -> bool:
    """Return True if the file system of a path answers in time, or if none is remote.

    Without `wait` the last answer is returned at once, False at first, and the next is asked for.
    """
    return not has_remote() or _probe_of(path).answered(wait=wait)


def silence_message(mount: str) -> str:
    """Return what to show where the file system at a mountpoint does not answer."""
    return f"{mount} does not answer; what was written there is read when it does"


def is_silent(path: str) -> bool:
    """Return True if a path is on a remote file system that does not answer."""
    mount = remote_mount(path)
    return mount != "" and not does_answer(mount)


def check_link(path: str) -> None:
    """Check that a link does not lead to a remote file system that does not answer.

    The log of an external run is such a link.

    Raises:
        OSError: it does; looking at it would block.
    """
    if not has_remote():
        return
    try:
        target = os.readlink(path)  # noqa: PTH115
    except OSError:
        return  # it is no link
    if is_silent(target):
        raise OSError(errno.EHOSTDOWN, "its file system does not answer", target)


def is_silent_below(directory: str, below: str, *, wait: bool = True) -> bool:
    """Return True if a remote file system that does not answer is mounted below a directory."""
    if not has_remote():
        return False
    mount = remote_mount(below)
    return mount not in ("", remote_mount(directory)) and not does_answer(mount, wait=wait)


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


def disk_spaces(home: Path, runs_dir: Path, others: Iterable[Path] = ()) -> list[DiskSpace]:
    """Return the free space for the home and the runs, and on other disks; one entry a disk."""
    found = [DiskSpace(runs_dir, free_bytes(runs_dir), LITTLE_FOR_RUNS)]
    seen = {_device(runs_dir)}
    if _device(home) not in seen:
        found.insert(0, DiskSpace(home, free_bytes(home), LITTLE_FOR_HOME))
        seen.add(_device(home))
    for place in others:
        if (device := _device(place)) not in seen:
            seen.add(device)
            root = _root_of_disk(place)
            found.append(DiskSpace(root, free_bytes(root), LITTLE_FOR_RUNS))
    return found


def free_bytes(path: Path) -> int:
    """Return the available bytes at a path, which need not exist."""
    status = os.statvfs(nearest_existing(path))
    if status.f_files and not status.f_favail:
        return 0  # out of inodes
    return status.f_bavail * status.f_frsize


def used_bytes(directory: Path, most: float = math.inf) -> int:
    """Return the disk usage of a directory tree in bytes; hard links count once.

    Unreadable entries count as 0, and so do file systems that are mounted in it, and those after
    the first `most`.
    """
    total, seen, waiting = 0, set(), [os.path.realpath(directory)]
    mounted = frozenset(mountpoints_in(directory))
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


def disk_wait_reason(places: Iterable[Path]) -> str | None:
    """Return the wait reason of a stage that would write to these places; None: enough space.

    The number is rounded, so that the text changes rarely.
    """
    for place in places:
        if (left := free_bytes(place)) < LEAST_FREE:
            least, known = formatting.size(LEAST_FREE), formatting.size(left // ROUGH * ROUGH)
            return f"needs {least} of disk space: {known} free on {place}"
    return None


def read_only_reason(directory: Path) -> str | None:
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


def disk_warnings(found: Iterable[DiskSpace]) -> list[str]:
    """Return a message for each disk that is full or nearly full."""
    said = []
    for room in found:
        if room.is_full:
            said.append(
                f"too little disk space: {room}; no stage starts with less than 100 MB; "
                "`trainui prune` deletes old runs"
            )
        elif room.is_low:
            said.append(f"the disk is nearly full: {room}")
    return said


def check_home(home: Path, table: Path = MOUNTS) -> None:
    """Check that the home is writable, not shared, and on a file system with reliable locks.

    Raises:
        UnfitEnvironmentError: it is not; the message says what to do.
        UnicodeEncodeError: its path is not UTF-8 text, as paths in the database are.
    """
    str(home).encode()
    kind = file_system(home, table)
    if kind in NETWORK:
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


def network_file_system(path: Path, table: Path = MOUNTS) -> str | None:
    """Return the type of the network file system at a path; None: it is on none."""
    kind = file_system(path, table)
    return kind if kind in NETWORK else None


def file_system(path: Path, table: Path = MOUNTS) -> str | None:
    """Return the kernel's name of the file system type at a path; None: unknown."""
    known, real = file_system_types(table), path.resolve()
    return next((known[str(one)] for one in (real, *real.parents) if str(one) in known), None)


def nearest_existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def _device(path: Path) -> int:
    return nearest_existing(path).stat().st_dev


def _root_of_disk(path: Path) -> Path:
    """Return the topmost directory on the disk of a path."""
    real = nearest_existing(path).resolve()
    device = real.stat().st_dev
    above = itertools.takewhile(lambda one: one.stat().st_dev == device, real.parents)
    return [real, *above][-1]
