"""The checks of a real GPU, tried on a stand-in of the driver, so that they work where one is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu_box import CHECKS, NO_GPU, ON_ONE_GPU, ON_TWO_GPUS
from tests.gpus.stand_in import DRIVER_NOT_LOADED, Machine

ROOT = Path(__file__).parents[2]


def gpu_box(machine: Machine | None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    if machine is not None:
        environ["LD_LIBRARY_PATH"] = machine.library_path
    command = [sys.executable, "-m", "tests.gpu_box"]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.long
def test_every_check_says_what_it_has_seen(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "nvml", 2)
    machine.add_cuda()
    try:
        done = gpu_box(machine)
    finally:
        machine.remove_locks()
    lines = done.stdout.splitlines()
    names = [name for name, _ in (*CHECKS, *ON_TWO_GPUS, *ON_ONE_GPU)]
    assert [line.split(":")[0] for line in lines] == [f"ok      {name}" for name in names], lines
    assert done.returncode == 0


def test_without_a_gpu_one_sentence_says_why(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "nvml", 2)
    machine.init_code = DRIVER_NOT_LOADED
    machine.write()
    done = gpu_box(machine)
    assert done.stdout == "There is no GPU to check: the NVIDIA driver is not loaded.\n"
    assert done.returncode == NO_GPU
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a driver")
    done = gpu_box(None)
    assert done.stdout == "There is no GPU to check: no NVIDIA driver is installed.\n"
    assert done.returncode == NO_GPU
