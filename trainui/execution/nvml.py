"""State of this machine's GPUs, as reported by the NVIDIA driver (NVML).

A machine without a driver has no GPUs; that is not an error. The driver may lack newer functions,
may hang, or may not report everything: unknown values are None, and a reason why a GPU cannot be
used is a message. `close` releases the driver.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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
