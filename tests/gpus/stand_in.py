"""A machine whose GPUs a test describes, as the driver's library reports them.

Whoever starts with `directory` on LD_LIBRARY_PATH sees these GPUs, as they are at that moment.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pynvml
import pytest

from tests.compiling import library
from trainui.execution import gpus

SOURCE = Path(__file__).with_name("nvml.c")
LIBRARY = "libnvidia-ml.so.1"

CUDA_SOURCE = Path(__file__).with_name("cuda.c")
CUDA_LIBRARY = "libcuda.so.1"

GPU_IS_LOST, DRIVER_NOT_LOADED, VERSION_MISMATCH, NO_PERMISSION = 15, 9, 18, 4
GIB = 2**30


@dataclass(frozen=True)
class Card:
    """One GPU; -1 stands for what the card does not report."""

    uuid: str = field(default_factory=lambda: f"GPU-{uuid.uuid4()}")  # no other test's locks
    name: str = "NVIDIA H100 80GB HBM3"
    code: int = 0
    total: int = 80 * GIB
    used: int = 0
    utilisation: int = 0
    celsius: int = 30
    milliwatts: int = 70_000
    mig: int = 0
    compute_mode: int = 0
    clock_reasons: int = 0
    ecc_errors: int = 0

    def line(self) -> str:
        numbers = [self.code, self.total, self.used, self.utilisation, self.celsius]
        numbers += [self.milliwatts, self.mig, self.compute_mode]
        numbers += [self.clock_reasons, self.ecc_errors]
        return f"gpu {self.uuid} {' '.join(map(str, numbers))} {self.name}\n"


class Machine:
    """The machine as it is now; a change is seen at once by all who look."""

    def __init__(self, directory: Path, cards: int = 0, *, old: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(compiled(old), directory / LIBRARY)
        self.directory = directory
        self.cards = [Card() for _ in range(cards)]
        self.processes: list[tuple[int, str, int, int]] = []
        self.init_code, self.seconds = 0, 0.0
        self.write()

    def write(self) -> None:
        """Let all see it as it is here."""
        text = f"driver {self.init_code} {self.seconds}\n"
        text += "".join(card.line() for card in self.cards)
        text += "".join(f"process {' '.join(map(str, one))}\n" for one in self.processes)
        unfinished = self.directory / "gpus.new"
        unfinished.write_text(text)
        unfinished.replace(self.directory / "gpus.txt")

    def change(self, index: int, **values: Any) -> None:
        """Change one GPU."""
        self.cards[index] = replace(self.cards[index], **values)
        self.write()

    def add_cuda(self) -> None:
        """Let processes allocate memory, through a stand-in of libcuda too."""
        shutil.copy(library(CUDA_SOURCE, CUDA_LIBRARY), self.directory / CUDA_LIBRARY)

    def load(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this process see it: LD_LIBRARY_PATH counts only for those that start."""
        gpus.close()
        monkeypatch.setattr(gpus, "LIBRARY", str(self.directory / LIBRARY))
        monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(self.directory / LIBRARY)))
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})

    def reset(self, cards: int) -> None:
        """Start again, with idle GPUs."""
        self.remove_locks()
        self.cards = [Card() for _ in range(cards)]
        self.processes.clear()
        self.init_code, self.seconds = 0, 0.0
        self.write()

    def lose(self, index: int) -> None:
        """Let a GPU fall off the bus."""
        self.change(index, code=GPU_IS_LOST)

    def occupy(self, index: int, pid: int, used: int = 4 * GIB, kind: str = "C") -> None:
        """Let a process compute on a GPU."""
        self.processes.append((index, kind, pid, used))
        self.change(index, used=used)

    def vacate(self, index: int) -> None:
        """Let nobody be on a GPU any more."""
        self.processes = [one for one in self.processes if one[0] != index]
        self.change(index, used=0)

    def hand_over(self, index: int, pid: int, used: int) -> None:
        """Let another process be there in the place of all that are, with no moment between."""
        self.processes = [one for one in self.processes if one[0] != index]
        self.occupy(index, pid, used)

    def remove_locks(self) -> None:
        """Remove the lock files of its GPUs, which nobody holds any more."""
        for card in self.cards:
            gpus.lock_path(card.uuid).unlink(missing_ok=True)

    @property
    def library_path(self) -> str:
        """The value of LD_LIBRARY_PATH with which a process sees it."""
        return os.pathsep.join(
            filter(None, [str(self.directory), os.environ.get("LD_LIBRARY_PATH")])
        )


def compiled(old: bool = False) -> Path:
    """Compile the library, once a process; skip the test where nothing can."""
    return library(SOURCE, LIBRARY, *(["-DOLD"] if old else []))
