"""What the driver's library reports, and what it does not, with a stand-in for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pynvml
import pytest

from tests.gpus.stand_in import (
    DRIVER_NOT_LOADED,
    GIB,
    NO_PERMISSION,
    VERSION_MISMATCH,
    Machine,
)
from trainui.control.submission import missing_gpus
from trainui.execution import gpus
from trainui.model.definition import StageDefinition
from trainui.settings import Settings

NewMachine = Callable[..., Machine]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewMachine]:
    """Make a machine whose library this process has loaded."""

    def make(cards: int, *, old: bool = False) -> Machine:
        made = Machine(tmp_path / "nvml", cards, old=old)
        made.load(monkeypatch)
        return made

    yield make
    gpus.close()


def test_a_gpu_is_shown_with_all_its_figures(machine: NewMachine) -> None:
    here = machine(2)
    here.occupy(1, 4242, used=5 * GIB)
    here.change(1, utilisation=97, celsius=61, milliwatts=412_500)
    idle, busy = gpus.query().gpus
    assert (idle.index, idle.pids, idle.memory_used, idle.problem) == (0, (), 0, None)
    assert (busy.index, busy.uuid, busy.name) == (1, here.cards[1].uuid, here.cards[1].name)
    assert (busy.pids, busy.memory_used, busy.memory_total) == ((4242,), 5 * GIB, 80 * GIB)
    assert (busy.utilisation, busy.temperature, busy.power) == (97, 61, 412.5)


def test_figures_that_a_gpu_does_not_report_are_none(machine: NewMachine) -> None:
    here = machine(1)
    here.change(0, used=-1, utilisation=-1, celsius=-1, milliwatts=-1, mig=-1, compute_mode=-1)
    here.change(0, clock_reasons=-1, ecc_errors=-1)
    (found,) = gpus.query().gpus
    assert found.warning is None
    assert (found.memory_used, found.memory_total, found.utilisation) == (None, None, None)
    assert (found.temperature, found.power, found.problem) == (None, None, None)


@pytest.mark.parametrize(
    ("clock_reasons", "ecc_errors", "words"),
    [
        (0x1 | 0x4, 0, None),  # idle, and within the power limit
        (0x20, 0, "slowed down by heat"),
        (0x8 | 0x40, 1, "slowed down by heat, 1 uncorrected ECC error"),
        (0x80, 3, "slowed down by the power supply, 3 uncorrected ECC errors"),
    ],
)
def test_a_slowed_gpu_or_memory_errors_give_a_warning(
    machine: NewMachine, clock_reasons: int, ecc_errors: int, words: str | None
) -> None:
    machine(1).change(0, clock_reasons=clock_reasons, ecc_errors=ecc_errors)
    (found,) = gpus.query().gpus
    assert found.warning == words
    assert found.problem is None, "stages may run on it"


def test_an_old_driver_reports_processes_too(machine: NewMachine) -> None:
    here = machine(1, old=True)
    here.occupy(0, 4242)
    here.occupy(0, 4243)
    (found,) = gpus.query().gpus
    assert found.pids == (4242, 4243)
    assert found.temperature == 30
    assert found.memory_used == 4 * GIB + 600 * 2**20  # it counts its own as used


def test_processes_of_a_display_are_kept_apart(machine: NewMachine) -> None:
    machine(1).occupy(0, 900, kind="G")
    (found,) = gpus.query().gpus
    assert (found.pids, found.draws) == ((), True)
    assert gpus.stranger_on(found) is None


def test_a_gpu_off_the_bus_is_named_and_others_used(machine: NewMachine) -> None:
    here = machine(3)
    assert all(gpu.problem is None for gpu in gpus.query().gpus)
    here.lose(1)
    found = gpus.query().gpus
    assert [gpu.problem for gpu in found] == [None, "has fallen off the bus", None]
    assert found[1].uuid == here.cards[1].uuid  # known from before
    here.change(1, code=0)
    assert all(gpu.problem is None for gpu in gpus.query().gpus)


def test_an_unassignable_gpu_says_why(machine: NewMachine) -> None:
    here = machine(3)
    here.change(0, mig=1)
    here.change(1, compute_mode=2)
    here.change(2, code=16)
    assert [gpu.problem for gpu in gpus.query().gpus] == [
        "is split into MIG instances, which are not supported",
        "is closed to computing (compute mode: prohibited)",
        "needs a reset",
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (DRIVER_NOT_LOADED, "is not loaded"),
        (VERSION_MISMATCH, "restart the machine"),
        (NO_PERMISSION, "may not be used by this user"),
        (999, "does not work: Unknown Error"),
    ],
)
def test_a_broken_driver_says_why_and_is_asked_again(
    machine: NewMachine, code: int, words: str
) -> None:
    here = machine(1)
    here.init_code = code
    here.write()
    found = gpus.query()
    assert found.gpus == ()
    assert found.problem is not None
    assert found.problem.startswith("the NVIDIA driver ")
    assert words in found.problem
    here.init_code = 0
    here.write()
    assert len(gpus.query().gpus) == 1


def test_a_driver_that_hangs_blocks_nothing(
    machine: NewMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine(1)
    monkeypatch.setattr(gpus, "PATIENCE", 0.2)
    here.seconds = 0.3
    here.write()
    for _ in range(3):  # the second and third find the first still asking, and ask no more
        assert gpus.query().problem == "the NVIDIA driver has not answered for 0 s"
    here.seconds = 0.0
    here.write()
    question = gpus._question
    assert question is not None
    assert question.answered.wait(20)
    assert len(gpus.query().gpus) == 1


def test_the_driver_is_held_only_during_a_look(machine: NewMachine) -> None:
    machine(1)
    by_others = pynvml._nvmlLib_refcount
    gpus.query()
    assert pynvml._nvmlLib_refcount == by_others + 1
    gpus.query()
    assert pynvml._nvmlLib_refcount == by_others + 1
    gpus.close()
    gpus.close()
    assert pynvml._nvmlLib_refcount == by_others


def test_limits_on_gpus_are_named(machine: NewMachine) -> None:
    here = machine(3)
    uuid = here.cards[2].uuid
    by_setting = gpus.usable_gpus(Settings(gpus=(0, 1)), {})
    assert ([g.index for g in by_setting.gpus], by_setting.limit) == (
        [0, 1],
        "limited by the setting gpus",
    )
    inherited = gpus.usable_gpus(Settings(), {"CUDA_VISIBLE_DEVICES": uuid})
    assert [gpu.index for gpu in inherited.gpus] == [2]
    assert inherited.limit == f"limited by CUDA_VISIBLE_DEVICES={uuid}"
    assert gpus.usable_gpus(Settings(), {}).limit is None


def test_a_stages_lack_is_named(machine: NewMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine(2)
    stage = StageDefinition("train", command="x", workdir="/", gpus=2)
    assert missing_gpus([stage], {}) is None
    assert missing_gpus([stage], {"CUDA_VISIBLE_DEVICES": "0"}) == (
        "stage train needs 2 GPUs and only 1 can be used on this machine "
        "(limited by CUDA_VISIBLE_DEVICES=0)"
    )
    here.lose(1)
    assert missing_gpus([stage], {}) == (
        "stage train needs 2 GPUs and only 1 can be used on this machine "
        "(GPU 1 has fallen off the bus)"
    )


def test_memory_that_comes_back_is_waited_for(machine: NewMachine) -> None:
    here = machine(2)
    assert gpus.await_memory([0, 1]) == "the memory of GPU 0, GPU 1 is free again"
    here.occupy(1, 2**22 + 7, used=3 * GIB)
    assert gpus.await_memory([0, 1], patience=0) == (
        f"GPU 1 is still used by pid {2**22 + 7}, 3.0 GiB in use"
    )
    here.processes.clear()
    here.write()
    assert gpus.await_memory([1], patience=0) == ("GPU 1 is still used by unseen process (3 GiB)")
    here.occupy(0, os.getpid())
    assert f"used by pid {os.getpid()} (" in gpus.await_memory([0], patience=0)
