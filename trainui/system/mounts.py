"""The mounted file systems, and those among them that may stop answering.

A file system of the network or of a program (FUSE) blocks whoever looks at it for as long as its
server does not answer; a signal may not end that. So paths are compared as text here, and a child
process finds out if a file system answers.
"""

from __future__ import annotations

import errno
import math
import os
import re
import select
import sys
import threading
import time
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse"}
)
"""File systems on which database locks are unreliable."""

_OF_THE_SYSTEM = frozenset({"fuse.lxcfs", "fuse.portal", "fuse.snapfuse"})
"""FUSE file systems without files of users."""

MOUNTS = Path("/proc/self/mountinfo")

ANSWERS_WITHIN = 2.0
"""Seconds in which a file system has to answer."""

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

_FRESH = 0.01
"""Seconds for which an answer is used: a file is polled less often."""


def kinds(mounts: Path = MOUNTS) -> dict[str, str]:
    """Return the kernel's names of the file system types, by mountpoint; none if unknown."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:  # if several are mounted at one path, the last one is visible
        before, _, after = line.partition(" - ")
        found[_unescaped(before.split(" ")[4])] = after.split(" ", 1)[0]
    return found


def below(directory: Path, mounts: Path = MOUNTS) -> list[str]:
    """Return the mountpoints in a directory, itself included."""
    real = os.path.realpath(directory)
    return [one for one in kinds(mounts) if one == real or one.startswith(f"{real}/")]


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
        for path, kind in kinds().items()
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


def silence(mount: str) -> str:
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
