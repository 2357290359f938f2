"""GPUs on the command line: what a command gets, what is refused, what is shown."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.gpus.stand_in import VERSION_MISMATCH, Machine
from trainui.execution import gpus

ECHO = ("sh", "-c", "echo gpus=$CUDA_VISIBLE_DEVICES")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("nvml"), 2)
    yield made
    made.reset(0)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, box: Machine) -> Iterator[CommandLine]:
    command_line = CommandLine(tmp_path_factory.mktemp("cli"))
    command_line.environ["LD_LIBRARY_PATH"] = box.library_path
    yield command_line
    command_line.close()


@pytest.fixture(autouse=True)
def two_idle_gpus(box: Machine) -> None:
    box.reset(2)


@pytest.mark.parametrize(
    ("options", "told", "got"),
    [
        ((), "uses one GPU", [0]),
        (("--gpus", "2"), "", [0, 1]),
        (("--gpus", "0"), "", []),
        (("--no-gpus",), "", []),
    ],
)
def test_a_command_gets_one_gpu_or_the_requested_number(
    cli: CommandLine, options: tuple[str, ...], told: str, got: list[int]
) -> None:
    done = cli("run", "--wait", "--json", *options, "--", *ECHO)
    assert done.code == 0
    assert ("uses one GPU" in done.err) == bool(told)
    (stage,) = done.json()["stages"]
    assert stage["gpus"] == got
    log = Path(stage["attempts"][0]["stdout"]).read_text()
    assert log == f"gpus={','.join(map(str, got))}\n"


def test_too_many_cpu_places_exit_4_with_advice(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("stages: [{name: wide, run: 'true', cpus: 999}]")
    done = cli("run", str(file), "--json")
    assert (done.code, done.error()) == (4, "environment")
    assert "stage wide needs 999 CPU slots and this machine has" in done.err
    assert "TRAINUI_CPUS" in done.err
    checked = cli("validate", str(file))
    assert checked.code == 0
    assert "warning: stage wide needs 999 CPU slots" in checked.err
    file.write_text("stages: [{name: wide, run: 'true', cpus: 999, gpus: 1}]")
    assert cli("run", str(file), "--wait").code == 0  # on a GPU it takes no CPU slot


def test_more_than_there_are_is_4_and_says_how_many(cli: CommandLine, box: Machine) -> None:
    done = cli("run", "--gpus", "3", "--json", "--", *ECHO)
    assert (done.code, done.error()) == (4, "environment")
    assert "needs 3 GPUs and only 2 can be used" in done.err
    assert "--no-gpus" in done.err
    box.lose(0)
    box.lose(1)
    done = cli("run", "--", *ECHO)
    assert done.code == 4
    assert "GPU 0 has fallen off the bus, GPU 1 has fallen off the bus" in done.err
    assert "--no-gpus" in done.err


def test_gpus_is_for_a_command_only(cli: CommandLine) -> None:
    cli.write("one.yaml", "stages: [{name: a, run: 'true'}]\n")
    for words in (
        ("--gpus", "1", "one.yaml"),
        ("--gpus", "1", "--no-gpus", "--", "true"),
        ("--gpus", "-1", "--", "true"),
    ):
        assert cli("run", *words).code == 2, words


def test_validate_warns_of_gpus_that_are_not_there(cli: CommandLine, box: Machine) -> None:
    cli.write("three.yaml", "stages: [{name: a, run: 'true', gpus: 3}]\n")
    done = cli("validate", "three.yaml", "--json")
    assert (done.code, done.json()) == (0, {"valid": True, "problems": []})
    assert done.err == ("warning: stage a needs 3 GPUs and only 2 can be used on this machine\n")
    assert cli("validate", "three.yaml", TRAINUI_GPUS="1").err == (
        "warning: stage a needs 3 GPUs and only 1 can be used on this machine "
        "(limited by the setting gpus)\n"
    )
    box.init_code = VERSION_MISMATCH
    box.write()
    assert "restart the machine" in cli("validate", "three.yaml").err


def test_doctor_reports_each_gpu(cli: CommandLine, box: Machine) -> None:
    box.change(0, mig=1)
    box.occupy(1, 2**22 + 9)
    shown = cli("doctor").out
    assert "0: NVIDIA H100 80GB HBM3, is split into MIG instances" in shown
    assert f"1: NVIDIA H100 80GB HBM3, pid {2**22 + 9}" in shown
    assert gpus.make_lock_directory()
    box.change(0, mig=0)
    with gpus.lock_path(box.cards[0].uuid).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert f"0: NVIDIA H100 80GB HBM3, locked by pid {os.getpid()}" in cli("doctor").out
    box.init_code = VERSION_MISMATCH
    box.write()
    assert "the NVIDIA driver was updated" in cli("doctor").out


def test_doctor_reports_a_lock_that_is_no_file_without_waiting(
    cli: CommandLine, box: Machine
) -> None:
    assert gpus.make_lock_directory()
    lock = gpus.lock_path(box.cards[0].uuid)
    os.mkfifo(lock)
    shown = cli("doctor").out
    assert f"unusable lock: {lock} of user {lock.owner()}: a FIFO; 1: " in shown
    assert "until the lock file's owner or root removes it" in shown


def test_why_a_stage_waits_is_shown_everywhere(cli: CommandLine, box: Machine) -> None:
    box.occupy(0, 2**22 + 9)
    cli("run", "--name", "waiting", "--gpus", "2", "--detach", "--", *ECHO)
    reason = f"needs 2 GPUs: GPU 0 pid {2**22 + 9}"
    shown = wait_for_reason(cli)
    assert shown == reason
    assert reason in " ".join(cli("show", "waiting").out.split())
    box.vacate(0)
    assert cli("wait", "waiting").code == 0


def wait_for_reason(cli: CommandLine) -> str:
    reasons = (cli.json("show", "waiting")["stages"][0]["reason"] for _ in range(60))
    return next(str(reason) for reason in reasons if reason)
