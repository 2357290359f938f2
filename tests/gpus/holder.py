"""A process that computes on its GPUs, through the driver's library alone: no framework is needed.

python holder.py FILE.json MEGABYTES   holds so much memory of each GPU that it sees
python holder.py FILE.json too-much    asks for twice what the first GPU has

It writes what it sees into FILE.json, and ends once there is FILE.go.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
import uuid
from pathlib import Path

NO_DEVICE, OUT_OF_MEMORY = 100, 2
"""CUDA's codes of errors."""


class CudaError(RuntimeError):
    """The driver refuses; `code` says why."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{name}: CUDA error {code}")
        self.code = code


class Cuda:
    """The driver's library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")
        self.call("cuInit", 0)

    def call(self, name: str, *arguments: object) -> None:
        """Call one of its functions."""
        if code := getattr(self._library, name)(*arguments):
            raise CudaError(code, name)

    def devices(self) -> list[int]:
        """Return the devices that this process may use."""
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        found = []
        for number in range(count.value):
            device = ctypes.c_int()
            self.call("cuDeviceGet", ctypes.byref(device), number)
            found.append(device.value)
        return found

    def uuid(self, device: int) -> str:
        """Return a device's UUID as NVML writes it."""
        words = (ctypes.c_ubyte * 16)()
        self.call("cuDeviceGetUuid", words, device)
        return f"GPU-{uuid.UUID(bytes=bytes(words))}"

    def use(self, device: int) -> None:
        """Work on a device from here on."""
        context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def total(self) -> int:
        """Return the bytes of the device that is worked on."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return total.value

    def allocate(self, size: int) -> None:
        """Take so many bytes of it."""
        place = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(size))


def main(file: Path, amount: str) -> None:
    """Hold memory, or fail for want of it."""
    seen: dict[str, object] = {
        "pid": os.getpid(),
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "order": os.environ.get("CUDA_DEVICE_ORDER"),
        "uuids": [],
    }
    try:
        cuda = Cuda()
        devices = cuda.devices()
        seen["uuids"] = [cuda.uuid(device) for device in devices]
    except CudaError as error:
        if error.code != NO_DEVICE:
            raise
        devices = []
    for device in devices:
        cuda.use(device)
        if amount == "too-much":
            take_too_much(cuda)
        cuda.allocate(int(amount) << 20)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(seen))
    unfinished.rename(file)
    while not file.with_suffix(".go").exists():
        time.sleep(0.02)


def take_too_much(cuda: Cuda) -> None:
    """Fail as frameworks do."""
    size = 2 * cuda.total()
    try:
        cuda.allocate(size)
    except CudaError as error:
        if error.code == OUT_OF_MEMORY:
            words = f"CUDA out of memory. Tried to allocate {size / 2**30:.2f} GiB."
            raise RuntimeError(words) from error
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
