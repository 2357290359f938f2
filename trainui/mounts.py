"""The mounted file systems, and those among them that may stop answering.

A file system of the network or of a program (FUSE) blocks whoever looks at it for as long as its
server does not answer; a signal may not end that. So paths are compared as text here, and a child
process finds out if a file system answers.
"""

from __future__ import annotations

import errno
import os
import re
import sys
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

_LOOK = "import os, signal, sys; signal.alarm(10); os.stat(sys.argv[1])"
_AGAIN_AFTER = 5.0
"""Seconds for which an answer is used."""


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


class _Probe:
    """Polls a file system through a child process, which may block."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._answered: bool | None = None
        """The last answer; None: there is none yet."""
        self._ask()

    def _ask(self) -> None:
        import subprocess  # rarely needed

        command, nothing = [sys.executable, "-ISc", _LOOK, self._path], subprocess.DEVNULL
        self._asked_at, self._too_late = time.monotonic(), subprocess.TimeoutExpired
        self._child = subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=nothing, cwd="/"
        )

    def answered(self, *, wait: bool) -> bool:
        """Return the last answer; the first one is waited for, at most for `ANSWERS_WITHIN`."""
        age = time.monotonic() - self._asked_at
        if self._child.poll() is not None and age > _AGAIN_AFTER:
            self._ask()
            age = 0.0
        if wait and self._answered is None and age < ANSWERS_WITHIN:
            with suppress(self._too_late):
                self._child.wait(ANSWERS_WITHIN - age)
        code = self._child.poll()
        if code is not None:
            self._answered = code >= 0  # else it was ended while it waited
        elif time.monotonic() - self._asked_at >= ANSWERS_WITHIN:
            self._answered = False
        return bool(self._answered)


_probe_of = cache(_Probe)


def does_answer(path: str, *, wait: bool = True) -> bool:
    """Return True if the file system of a path answers in time, or if none is remote.

    Without `wait` the last answer is returned at once, False at first, and the next is asked for.
    """
    return not has_remote() or _probe_of(path).answered(wait=wait)


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
