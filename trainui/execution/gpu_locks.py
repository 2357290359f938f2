"""The machine-wide locks of GPUs, which keep the stages of all users of a machine apart.

A GPU's lock is a file named by its UUID. The supervisor takes it and the stage's process inherits
it, so the lock is held for as long as anything of the attempt lives.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from trainui.execution.nvml import Gpu

logger = logging.getLogger(__name__)

LOCKS = Path("/tmp/trainui-gpus")
"""One directory for all users of the machine, so not under anybody's TMPDIR."""


def path_of(uuid: str) -> Path:
    """Return the lock file of a GPU."""
    return LOCKS / f"{uuid}.lock"


def prepare(gpus: Iterable[Gpu]) -> tuple[str, ...]:
    """Return the lock files of GPUs, their directory made; none where it cannot be made."""
    paths = tuple(str(path_of(gpu.uuid)) for gpu in gpus)
    return paths if paths and make_directory() else ()


def make_directory() -> bool:
    """Make the directory of the locks for all users; False where it is of no use to us."""
    with suppress(FileExistsError):
        LOCKS.mkdir(mode=0o700)
        LOCKS.chmod(0o1777)  # as /tmp: all may add a file, none may take another's away
    if LOCKS.is_dir() and not LOCKS.is_symlink() and os.access(LOCKS, os.W_OK | os.X_OK):
        return True
    logger.warning("%s is of no use: GPUs are not kept apart from those of other users", LOCKS)
    return False


def is_held(gpu: Gpu) -> bool:
    """Whether an attempt of any user of this machine has a GPU."""
    try:
        descriptor = os.open(path_of(gpu.uuid), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
