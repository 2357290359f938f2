"""The GPUs of this machine that may be used, who uses them, and the locks that keep users apart.

No driver, no GPU: that is no error. A GPU that a process of anybody's is on is taken, whether or
not that process came through us; between those that did, of all users, a lock file decides.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from trainui import settings as settings_module
from trainui.settings import Settings

logger = logging.getLogger(__name__)

LOCKS = Path("/tmp/trainui-gpus")
"""One directory for all users of the machine, so not under anybody's TMPDIR."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    index: int
    """In PCI order."""
    uuid: str
    name: str
    pids: tuple[int, ...] = ()
    """Processes that compute on it."""


def usable_gpus(
    settings: Settings | None = None, environ: Mapping[str, str] | None = None
) -> list[Gpu]:
    """Return the GPUs that may be used: those of the setting `gpus`, as far as they are visible.

    Args:
        settings: None: those of this process.
        environ: an inherited `CUDA_VISIBLE_DEVICES` in it limits them; None: this process's.
    """
    settings = settings or settings_module.load()
    environ = os.environ if environ is None else environ
    return limited(_present(), settings.gpus, environ.get("CUDA_VISIBLE_DEVICES"))


def limited(gpus: Sequence[Gpu], indices: Sequence[int] | None, visible: str | None) -> list[Gpu]:
    """Return those of some GPUs that a setting and a `CUDA_VISIBLE_DEVICES` allow, in PCI order."""
    seen = list(gpus) if visible is None else _visible(gpus, visible)
    return sorted(
        (gpu for gpu in seen if indices is None or gpu.index in indices),
        key=lambda gpu: gpu.index,
    )


def _visible(gpus: Sequence[Gpu], value: str) -> list[Gpu]:
    """Read a `CUDA_VISIBLE_DEVICES`: as in CUDA, all after one that is not there is hidden."""
    found: list[Gpu] = []
    for entry in (part.strip() for part in value.split(",")):
        named = [
            gpu for gpu in gpus if entry and (entry == str(gpu.index) or gpu.uuid.startswith(entry))
        ]
        if len(named) != 1:
            break
        found += named
    return found


def _present() -> list[Gpu]:
    """Ask the driver for the GPUs of this machine."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        logger.debug("no GPU can be used: %s", error)
        return []
    return [gpu for index in range(count) if (gpu := _read(pynvml, index)) is not None]


def _read(nvml: Any, index: int) -> Gpu | None:
    """Ask for one GPU; None for one that does not answer, such as one that fell off the bus."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
    except nvml.NVMLError as error:
        logger.warning("GPU %d is left out: %s", index, error)
        return None
    return Gpu(index, _text(uuid), _text(name), _pids(nvml, handle))


def _pids(nvml: Any, handle: Any) -> tuple[int, ...]:
    try:
        return tuple(process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except nvml.NVMLError:  # some cards and containers do not tell
        return ()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def user_of(gpu: Gpu) -> str | None:
    """Return who is on a GPU that no stage of ours holds, in words; None: nobody."""
    if gpu.pids:
        return describe_process(gpu.pids[0])
    return "a stage of another user" if is_locked(lock_path(gpu)) else None


def describe_process(pid: int) -> str:
    """Return a process in words, as far as we may know it."""
    try:
        process = psutil.Process(pid)
        own = process.uids().real == os.getuid()
        return f"pid {pid} ({process.name()})" if own else f"pid {pid} of another user"
    except psutil.Error:
        return f"pid {pid}"  # of another container, or about to be gone


def lock_path(gpu: Gpu) -> Path:
    """Return the machine-wide lock file of a GPU."""
    return LOCKS / f"{gpu.uuid}.lock"


def prepare_locks(indices: Sequence[int]) -> tuple[str, ...]:
    """Return the lock files of GPUs by index, their directory made; none where it cannot be."""
    wanted = [gpu for gpu in _present() if gpu.index in indices]
    if not wanted or not _make_lock_directory():
        return ()
    return tuple(str(lock_path(gpu)) for gpu in wanted)


def _make_lock_directory() -> bool:
    with suppress(FileExistsError):
        LOCKS.mkdir(mode=0o700)
        LOCKS.chmod(0o1777)  # as /tmp: all may add a file, none may take another's away
    if LOCKS.is_dir() and not LOCKS.is_symlink() and os.access(LOCKS, os.W_OK | os.X_OK):
        return True
    logger.warning("%s is of no use: GPUs are not kept apart from those of other users", LOCKS)
    return False


def is_locked(path: Path) -> bool:
    """Whether somebody holds a lock file now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
