"""Machine-wide advisory locks of GPUs, so that stages of different users never share a GPU.

The lock file is named by the GPU's UUID. The supervisor acquires it and the stage's process
inherits it, so it stays locked while any process of the attempt is alive. Every user can write to
the directory, so nothing here blocks on its files or follows links, and a lock that cannot be
opened counts as held.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainui.errors import TrainuiError
from trainui.execution.gpu.nvml import Gpu
from trainui.supervisor.supervise import open_machine_lock, try_lock

logger = logging.getLogger(__name__)

LOCKS = Path("/tmp/trainui-gpus")
"""One directory for all users of the machine, hence not under TMPDIR."""

TEST_PATIENCE = 0.02
"""Seconds for which a shared lock is tested again: others take one for microseconds to test it."""

MODE = 0o1777
"""Mode of the directory, like /tmp: all users may add files and remove only their own."""


class UnusableLockError(TrainuiError):
    """A lock file or its directory is unusable; the message says why and names its owner."""


@dataclass(frozen=True, slots=True)
class LockState:
    """State of a GPU's lock."""

    held: bool
    """True if a process of any user has locked the GPU, also shared, or if that is unknown."""
    problem: str | None = None
    """Why the lock cannot be opened."""
    pid: int | None = None
    """A process that holds it; None: it is not visible here, e.g. in another container."""


def path_of(uuid: str) -> Path:
    """Return the lock file of a GPU."""
    return LOCKS / f"{uuid}.lock"


def prepare(gpus: Iterable[Gpu]) -> tuple[str, ...]:
    """Create the directory if needed; return the GPUs' lock files, none if that is impossible.

    Raises:
        UnusableLockError: the directory or a lock file is unusable.
    """
    paths = tuple(path_of(gpu.uuid) for gpu in gpus)
    if not paths or not make_directory():
        return ()
    for path in paths:
        if (descriptor := _open(path)) is not None:
            os.close(descriptor)
    return tuple(str(path) for path in paths)


def make_directory() -> bool:
    """Create the lock directory for all users; return False if that is impossible.

    Raises:
        UnusableLockError: its path is not a usable directory.
    """
    try:
        with suppress(FileExistsError):
            LOCKS.mkdir(mode=0o700)
        _share_if_ours()
    except OSError as error:
        if os.path.lexists(LOCKS):
            raise UnusableLockError(_described(LOCKS, error.strerror)) from error
        logger.warning("no GPU locks between users on this machine: %s", error)
        return False
    check_directory()
    return True


def check_directory() -> None:
    """Raise UnusableLockError if the directory's type or mode is unsafe for several users."""
    with suppress(FileNotFoundError):
        mode = LOCKS.lstat().st_mode
        if not stat.S_ISDIR(mode):
            raise UnusableLockError(_described(LOCKS))
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise UnusableLockError(_described(LOCKS, "others may remove files in it"))
        if not os.access(LOCKS, os.W_OK | os.X_OK):
            raise UnusableLockError(_described(LOCKS, "not writable"))


def foreign_owner() -> str | None:
    """Return the user, other than root and us, who may remove other users' locks; None: nobody."""
    with suppress(OSError):
        owner = LOCKS.lstat().st_uid
        return None if owner in (0, os.getuid()) else _user(owner)
    return None


def state_of(gpu: Gpu) -> LockState:
    """Return the current state of a GPU's lock."""
    try:
        check_directory()
        descriptor = _open(path_of(gpu.uuid))
    except UnusableLockError as error:
        return LockState(held=True, problem=str(error))
    if descriptor is None:
        return LockState(held=False)
    try:
        held = _is_held(descriptor)
        return LockState(held, pid=_holder(descriptor) if held else None)
    finally:
        os.close(descriptor)


def _is_held(descriptor: int) -> bool:
    """Return True if the file is locked, exclusively or shared.

    Another process may be testing a shared one at this moment, so that is tested again.
    """
    give_up_at = time.monotonic() + TEST_PATIENCE
    while not try_lock(descriptor):
        if not try_lock(descriptor, fcntl.LOCK_SH):
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        if time.monotonic() > give_up_at:
            return True
        time.sleep(0.001)
    return False


def _holder(descriptor: int) -> int | None:
    """Return the pid of a process that holds the lock of a file, by the kernel's list."""
    found = os.fstat(descriptor)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5] == device and int(words[4]) > 0:
                return int(words[4])
    return None


def _share_if_ours() -> None:
    """Set the shared mode, also if a process was killed between `mkdir` and `chmod`."""
    descriptor = os.open(LOCKS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) != MODE:
            os.fchmod(descriptor, MODE)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    """Open a lock file; None if it does not exist yet."""
    try:
        return open_machine_lock(str(path), make=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableLockError(_described(path, error.strerror)) from error


def _described(path: Path, why: str | None = None) -> str:
    """Return the error message for an unusable lock or directory: its type and owner."""
    try:
        found = path.lstat()
    except OSError as error:
        return f"unusable lock: {path}: {error.strerror}"
    kind = next((words for test, words in _KINDS if test(found.st_mode)), "")
    expected = "directory" if path == LOCKS else "file"
    said = f"a {kind}" if kind != expected else why or "cannot be opened"
    return f"unusable lock: {path} of user {_user(found.st_uid)}: {said}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


_KINDS = (
    (stat.S_ISLNK, "symbolic link"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISREG, "file"),
)
