"""The GPUs of this machine: as the driver reports them, who uses them, which may be allocated.

A machine without a driver has no GPUs; that is not an error. The driver (NVML) may lack newer
functions, may hang, or may not report everything: unknown values are None, and a reason why a GPU
cannot be used is a message. `close` releases the driver.

A GPU counts as in use if any process computes on it, ours or not. In a container, processes
outside it may be invisible; then memory in use shows that there is one.

Machine-wide advisory locks keep stages of different users off one GPU. The lock file is named by
the GPU's UUID. The supervisor acquires it and the stage's process inherits it, so it stays locked
while any process of the attempt is alive. Every user can write to the directory, so nothing here
blocks on its files or follows links, and a lock that cannot be opened counts as held.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pwd
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui import settings as settings_module
from trainui.errors import TrainuiError
from trainui.record import dataclass
from trainui.settings import Settings
from trainui.supervisor.supervise import open_machine_lock, try_lock

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Timeout in seconds; a query takes milliseconds, or seconds while the driver initialises cards."""

LIBRARY = "libnvidia-ml.so.1"
"""The driver's library; a machine without it has no GPUs."""

PROHIBITED = 2
"""Compute mode in which no process may compute on the GPU."""

TOO_HOT, POWER_BRAKE = 0x20 | 0x40, 0x80
"""Bits of the reasons for low clocks: slowdowns by temperature (software, hardware), and power."""

NO_PERMISSION, DRIVER_NOT_LOADED = 4, 9
GPU_IS_LOST, RESET_REQUIRED, VERSION_MISMATCH = 15, 16, 18
"""NVML error codes, as in nvml.h."""

TEST_PATIENCE = 0.02
"""Seconds for which a shared lock is tested again: others take one for microseconds to test it."""

MOST_UNEXPLAINED = 2**30
"""Bytes that may be in use on an idle GPU: more than drivers need, less than any training."""

MEMORY_PATIENCE = 5.0
"""Seconds for the driver to free the memory of an ended process."""

POLL_EVERY = 0.1
"""Seconds between two polls during that wait."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    index: int
    """In PCI order."""
    uuid: str
    name: str
    pids: tuple[int, ...] = ()
    """Compute processes of all users."""
    draws: bool = False
    """True if graphics processes use it: they take memory but do not make it unavailable."""
    memory_used: int | None = None
    """Bytes, without the driver's own reserved memory if it is reported separately."""
    memory_total: int | None = None
    """Bytes."""
    utilisation: int | None = None
    """Per cent of the last sample period in which a kernel was running."""
    temperature: int | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    problem: str | None = None
    """Why no stage can run on it, e.g. `has fallen off the bus`."""
    warning: str | None = None
    """Why it is slow or its results may be wrong, e.g. `3 uncorrected ECC errors`."""


@dataclass(frozen=True, slots=True)
class GpuReport:
    """The result of a query."""

    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None
    """Why an installed driver did not answer."""


def query() -> GpuReport:
    """Query the driver for all GPUs, with a timeout in case the driver hangs."""
    global _question
    with _lock:
        if _question is None or _question.answered.is_set():
            _question = _Question()
        question = _question
    if question.answered.wait(question.asked_at + PATIENCE - time.monotonic()):
        return question.answer
    return GpuReport(problem=f"the NVIDIA driver has not answered for {PATIENCE:.0f} s")


def close() -> None:
    """Release the driver, which cannot be reset or replaced while a process uses it."""
    with _lock:
        if _question is None or _question.answered.is_set():
            _session.close()


class _Question:
    """A query of the driver in a separate thread, since it may never return."""

    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self.answered = threading.Event()
        self.answer = GpuReport()
        threading.Thread(target=self._ask, name="nvml", daemon=True).start()

    def _ask(self) -> None:
        try:
            self.answer = _session.query()
        except Exception as error:
            logger.exception("the NVIDIA driver cannot be queried")
            self.answer = GpuReport(problem=f"the NVIDIA driver cannot be queried: {error}")
        finally:
            self.answered.set()


class _Session:
    """The NVML session; used by one query at a time."""

    def __init__(self) -> None:
        self._is_open = False
        self._known: dict[int, tuple[str, str]] = {}
        """UUIDs and names by index, because a lost GPU no longer reports them."""

    def query(self) -> GpuReport:
        import ctypes

        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return GpuReport()
        import pynvml  # six times as slow as the check

        try:
            if not self._is_open:
                pynvml.nvmlInit()
                self._is_open = True
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            self.close()
            return GpuReport(problem=_driver_problem(error))
        found = tuple(self._read(pynvml, index) for index in range(count))
        if any(gpu.problem for gpu in found):
            self.close()  # only a new session sees a recovered GPU
        return GpuReport(found)

    def close(self) -> None:
        if self._is_open:
            import pynvml

            self._is_open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _read(self, nvml: Any, index: int) -> Gpu:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
            self._known[index] = uuid, name
            return _Card(nvml, handle).read(index, uuid, name)
        except nvml.NVMLError as error:
            uuid, name = self._known.get(index, ("", "NVIDIA GPU"))
            return Gpu(index, uuid, name, problem=_problem(error))


_lock = threading.Lock()
_session = _Session()
_question: _Question | None = None


@dataclass(frozen=True, slots=True)
class _Card:
    """One GPU and its NVML handle."""

    nvml: Any
    handle: Any

    def read(self, index: int, uuid: str, name: str) -> Gpu:
        nvml, memory = self.nvml, self._memory()
        rates = self._first(nvml.nvmlDeviceGetUtilizationRates)
        power = self._first(nvml.nvmlDeviceGetPowerUsage)
        return Gpu(
            index,
            uuid,
            name,
            pids=self._pids("Compute"),
            draws=bool(self._pids("Graphics")),
            memory_used=memory and int(memory.used),
            memory_total=memory and int(memory.total),
            utilisation=rates and int(rates.gpu),
            temperature=self._temperature(),
            power=None if power is None else power / 1000,
            problem=next(self._unusable(), None),
            warning=", ".join(self._warnings()) or None,
        )

    def _first(self, *questions: Callable[[Any], Any]) -> Any:
        """Return the first supported query's answer; None if none is supported."""
        for ask in questions:
            try:
                return ask(self.handle)
            except self.nvml.NVMLError as error:
                if error.value in (GPU_IS_LOST, RESET_REQUIRED):
                    raise
        return None

    def _pids(self, kind: str) -> tuple[int, ...]:
        # newest version first: an older driver does not have it
        function = f"nvmlDeviceGet{kind}RunningProcesses"
        found = self._first(*(getattr(self.nvml, f"{function}_v{n}") for n in (3, 2)))
        return tuple(process.pid for process in found or ())

    def _memory(self) -> Any:
        ask, second = self.nvml.nvmlDeviceGetMemoryInfo, self.nvml.nvmlMemory_v2
        return self._first(lambda handle: ask(handle, version=second), ask)

    def _temperature(self) -> int | None:
        nvml = self.nvml
        names = ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature")  # second: deprecated
        asks = [getattr(nvml, name) for name in names if hasattr(nvml, name)]
        sensor = nvml.NVML_TEMPERATURE_GPU
        found = self._first(*(lambda handle, ask=ask: ask(handle, sensor) for ask in asks))
        return None if found is None else int(found)

    def _unusable(self) -> Iterator[str]:
        mode = self._first(self.nvml.nvmlDeviceGetMigMode)
        if mode and mode[0] == self.nvml.NVML_DEVICE_MIG_ENABLE:
            yield "is split into MIG instances, which are not supported"
        if self._first(self.nvml.nvmlDeviceGetComputeMode) == PROHIBITED:
            yield "is closed to computing (compute mode: prohibited)"

    def _warnings(self) -> Iterator[str]:
        names = ("EventReasons", "ThrottleReasons")  # second: deprecated
        asks = [getattr(self.nvml, f"nvmlDeviceGetCurrentClocks{name}", None) for name in names]
        reasons = self._first(*filter(None, asks)) or 0
        if reasons & TOO_HOT:
            yield "slowed down by heat"
        if reasons & POWER_BRAKE:
            yield "slowed down by the power supply"
        count = self.nvml.nvmlDeviceGetTotalEccErrors
        uncorrected, since_reset = 1, 0
        if errors := self._first(lambda handle: count(handle, uncorrected, since_reset)):
            yield f"{errors} uncorrected ECC error{'s' * (errors != 1)}"


def _driver_problem(error: Any) -> str:
    """Return why the driver cannot be used."""
    known = {
        NO_PERMISSION: "may not be used by this user",
        DRIVER_NOT_LOADED: "is not loaded",
        VERSION_MISMATCH: "was updated but not reloaded: restart the machine",
    }
    return f"the NVIDIA driver {known.get(error.value) or f'does not work: {error}'}"


def _problem(error: Any) -> str:
    known = {GPU_IS_LOST: "has fallen off the bus", RESET_REQUIRED: "needs a reset"}
    return known.get(error.value) or f"does not work: {error}"


LOCKS = Path("/tmp/trainui-gpus")
"""The directory of the lock files, one for all users of the machine, hence not under TMPDIR."""


LOCKS_MODE = 0o1777
"""Mode of the directory, like /tmp: all users may add files and remove only their own."""

_FILE_KINDS = (
    (stat.S_ISLNK, "symbolic link"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISREG, "file"),
)

VISIBLE = "CUDA_VISIBLE_DEVICES"


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


def lock_path(uuid: str) -> Path:
    """Return the lock file of a GPU."""
    return LOCKS / f"{uuid}.lock"


def prepare_locks(gpus: Iterable[Gpu]) -> tuple[str, ...]:
    """Create the directory if needed; return the GPUs' lock files, none if that is impossible.

    Raises:
        UnusableLockError: the directory or a lock file is unusable.
    """
    paths = tuple(lock_path(gpu.uuid) for gpu in gpus)
    if not paths or not make_lock_directory():
        return ()
    for path in paths:
        if (descriptor := _open_lock(path)) is not None:
            os.close(descriptor)
    return tuple(str(path) for path in paths)


def make_lock_directory() -> bool:
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
    check_lock_directory()
    return True


def check_lock_directory() -> None:
    """Raise UnusableLockError if the directory's type or mode is unsafe for several users."""
    with suppress(FileNotFoundError):
        mode = LOCKS.lstat().st_mode
        if not stat.S_ISDIR(mode):
            raise UnusableLockError(_described(LOCKS))
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise UnusableLockError(_described(LOCKS, "others may remove files in it"))
        if not os.access(LOCKS, os.W_OK | os.X_OK):
            raise UnusableLockError(_described(LOCKS, "not writable"))


def foreign_lock_owner() -> str | None:
    """Return the user, other than root and us, who may remove other users' locks; None: nobody."""
    with suppress(OSError):
        owner = LOCKS.lstat().st_uid
        return None if owner in (0, os.getuid()) else _user(owner)
    return None


def lock_state(gpu: Gpu) -> LockState:
    """Return the current state of a GPU's lock."""
    try:
        check_lock_directory()
        descriptor = _open_lock(lock_path(gpu.uuid))
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
        if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) != LOCKS_MODE:
            os.fchmod(descriptor, LOCKS_MODE)
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int | None:
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
    kind = next((words for test, words in _FILE_KINDS if test(found.st_mode)), "")
    expected = "directory" if path == LOCKS else "file"
    said = f"a {kind}" if kind != expected else why or "cannot be opened"
    return f"unusable lock: {path} of user {_user(found.st_uid)}: {said}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@dataclass(frozen=True, slots=True)
class Usable:
    """The GPUs that may be allocated."""

    gpus: tuple[Gpu, ...] = ()
    """In PCI order, including those with a problem."""
    limit: str | None = None
    """Why other GPUs of the machine are excluded."""

    @property
    def working(self) -> int:
        """Number of GPUs without a problem."""
        return sum(gpu.problem is None for gpu in self.gpus)

    @property
    def hindrance(self) -> str | None:
        """Message about excluded and broken GPUs; None if there are none."""
        problems = [f"GPU {gpu.index} {gpu.problem}" for gpu in self.gpus if gpu.problem]
        return ", ".join([*([self.limit] if self.limit else []), *problems]) or None


def usable_gpus(
    settings: Settings | None = None, environ: Mapping[str, str] | None = None
) -> Usable:
    """Return the GPUs that are in the setting `gpus` and in `CUDA_VISIBLE_DEVICES`.

    None stands for the settings, or the environment, of this process.
    """
    settings = settings or settings_module.load()
    visible = (os.environ if environ is None else environ).get(VISIBLE)
    found = query()
    usable = limited(found.gpus, settings.gpus, visible)
    limit = found.problem
    if len(usable) < len(found.gpus):
        by_setting = settings.gpus is not None and {g.index for g in found.gpus} - {*settings.gpus}
        limit = "limited by the setting gpus" if by_setting else f"limited by {VISIBLE}={visible}"
    return Usable(tuple(usable), limit)


def limited(gpus: Sequence[Gpu], indices: Sequence[int] | None, visible: str | None) -> list[Gpu]:
    """Return the GPUs that a setting and `CUDA_VISIBLE_DEVICES` both allow, in PCI order."""
    seen = None if visible is None else visible_indices(gpus, visible)
    return [
        gpu for gpu in gpus if all(among is None or gpu.index in among for among in (indices, seen))
    ]


def visible_indices(gpus: Iterable[Gpu], value: str) -> list[int]:
    """Parse `CUDA_VISIBLE_DEVICES` as CUDA does: an invalid entry hides all entries after it.

    Entries are indices in PCI order, UUIDs, or unique UUID prefixes. A MIG instance (`MIG-...`)
    counts as invalid.
    """
    found: list[int] = []
    gpus = list(gpus)
    for entry in (part.strip() for part in value.split(",")):
        named = [
            gpu.index
            for gpu in gpus
            if entry == str(gpu.index) or (entry.startswith("GPU-") and gpu.uuid.startswith(entry))
        ]
        if len(named) != 1:
            break
        found += named
    return found


def stranger_on(gpu: Gpu) -> str | None:
    """Return a description of a foreign user of a GPU that none of our stages uses; None: free."""
    if gpu.pids:
        more = f" and {len(gpu.pids) - 1} more" if len(gpu.pids) > 1 else ""
        return describe_process(gpu.pids[0]) + more
    if (lock := lock_state(gpu)).held:
        locked = None if lock.pid is None else f"is locked by {describe_process(lock.pid)}"
        return lock.problem or locked or "a stage of another trainui"
    if not gpu.draws and (gpu.memory_used or 0) > MOST_UNEXPLAINED:
        used = (gpu.memory_used or 0) / 2**30
        return f"unseen process ({used:.0f} GiB)"
    return None


def await_memory(indices: Collection[int], patience: float = MEMORY_PATIENCE) -> str:
    """Wait until the GPUs of an ended attempt are free; return a message about the result.

    No process of the attempt is known to be left; the driver gets `patience` seconds to free the
    memory.
    """
    names = ", ".join(f"GPU {index}" for index in indices)
    give_up_at = time.monotonic() + patience
    while True:
        found = query()
        kept = [words for gpu in found.gpus if gpu.index in indices if (words := _kept_on(gpu))]
        if found.problem:
            return f"cannot tell whether the memory of {names} is free again: {found.problem}"
        if not kept:
            return f"the memory of {names} is free again"
        if time.monotonic() >= give_up_at:
            return ", ".join(kept)
        time.sleep(POLL_EVERY)


def _kept_on(gpu: Gpu) -> str | None:
    """Return a message about a problem or a process on a GPU; None if its memory is free."""
    if gpu.problem:
        return f"GPU {gpu.index} {gpu.problem}"
    stranger = stranger_on(gpu)
    used = f", {gpu.memory_used / 2**30:.1f} GiB in use" if gpu.memory_used and gpu.pids else ""
    if stranger and not stranger.startswith("is "):
        stranger = f"is still used by {stranger}{used}"
    return f"GPU {gpu.index} {stranger}" if stranger else None


def problems_of(indices: Collection[int]) -> str | None:
    """Return a message about the problems of some GPUs; None if the driver reports none."""
    broken = [gpu for gpu in query().gpus if gpu.index in indices and gpu.problem]
    return ", ".join(f"GPU {gpu.index} {gpu.problem}" for gpu in broken) or None


def describe_process(pid: int) -> str:
    """Return a process's pid, with its name if it is ours."""
    import psutil  # rarely needed

    try:
        process = psutil.Process(pid)
        own = process.uids().real == os.getuid()
        return f"pid {pid} ({process.name()})" if own else f"pid {pid} of another user"
    except psutil.Error:
        return f"pid {pid}"  # in another container, or just ended
