"""Which slots are free, and why a stage waits; GPUs as the driver would list them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui import clock
from trainui.execution import gpus, planner
from trainui.execution.gpus import Gpu, Usable
from trainui.execution.planner import RetryTimers
from trainui.model.definition import StageDefinition
from trainui.model.records import HostView, Slot, StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules.scheduling import FreeSlots
from trainui.settings import Settings
from trainui.store.runs.attempts import LONGEST_PAUSE
from trainui.supervisor.supervise import open_machine_lock, try_lock

GPUS = [Gpu(0, "GPU-aaa1", "H100"), Gpu(1, "GPU-bbb2", "H100"), Gpu(2, "GPU-bbb3", "H100")]


def indices(found: list[Gpu]) -> list[int]:
    return [gpu.index for gpu in found]


def cpu(number: int) -> Slot:
    return Slot(planner.host(), "cpu", number)


def gpu(number: int) -> Slot:
    return Slot(planner.host(), "gpu", number)


def survey(
    held: dict[Slot, str], settings: Settings | None = None, gpus: Sequence[Gpu] = GPUS
) -> FreeSlots:
    return planner.survey(held, settings or Settings(), Usable(tuple(gpus)))


@pytest.mark.parametrize(
    ("setting", "visible", "expected"),
    [
        (None, None, [0, 1, 2]),
        ((2, 0, 7), None, [0, 2]),
        (None, "1", [1]),
        (None, "2, 0", [0, 2]),
        ((0,), "1,2", []),
        (None, "", []),
        (None, "-1", []),
        (None, "0,9,1", [0]),
        (None, "GPU-aaa", [0]),
        (None, "GPU-bbb", []),
        (None, "GPU-bbb3,0", [0, 2]),
        (None, "1,1", [1]),
        (None, "MIG-5f2a,1", []),
        (None, "GPU-", []),
    ],
)
def test_gpus_are_limited_by_setting_and_visibility(
    setting: tuple[int, ...] | None, visible: str | None, expected: list[int]
) -> None:
    assert indices(gpus.limited(GPUS, setting, visible)) == expected


def test_a_machine_without_a_driver_has_no_gpu_or_error() -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a driver")
    assert gpus.usable_gpus(Settings(), {}) == Usable()
    assert planner.all_slots(Settings(cpus=2)) == (cpu(0), cpu(1))


def test_a_gpu_without_a_holder_is_free() -> None:
    held = {cpu(1): "train", gpu(0): "big"}
    free = survey(held, Settings(cpus=3))
    assert free.cpus == (0, 2)
    assert free.cpu_users == {1: "train"}
    assert free.gpus == (1, 2)
    assert free.gpu_users == {0: "big"}


def test_places_held_beyond_a_lowered_limit_count_as_taken() -> None:
    held = {cpu(5): "a", cpu(6): "b"}
    assert survey(held, Settings(cpus=2)).cpus == ()
    assert survey(held, Settings(cpus=3)).cpus == (0,)


def test_a_gpu_with_a_process_is_not_assigned() -> None:
    foreign = [Gpu(0, "GPU-a", "H100", (os.getpid(),)), Gpu(1, "GPU-b", "H100", (2**22 + 5, 1))]
    free = survey({}, gpus=foreign)
    assert free.gpus == ()
    assert free.gpu_users == {}
    assert free.gpu_strangers[0].startswith(f"pid {os.getpid()} (")
    assert free.gpu_strangers[1] == f"pid {2**22 + 5} and 1 more"


def test_where_processes_are_invisible_the_memory_in_use_counts() -> None:
    full = Gpu(0, "GPU-a", "H100", memory_used=20 * 2**30)
    idle = Gpu(1, "GPU-b", "H100", memory_used=600 * 2**20)
    desktop = Gpu(2, "GPU-c", "RTX", memory_used=2 * 2**30, draws=True)
    untold = Gpu(3, "GPU-d", "H100")
    free = survey({}, gpus=[full, idle, desktop, untold])
    assert free.gpus == (1, 2, 3)
    assert free.gpu_strangers == {0: "unseen process (20 GiB)"}


def test_a_broken_gpu_is_nobodys_even_while_held() -> None:
    lost = Gpu(1, "", "GPU", problem="has fallen off the bus")
    free = survey({gpu(1): "train"}, gpus=[GPUS[0], lost])
    assert (free.gpus, free.gpu_users) == ((0,), {})
    assert free.gpu_strangers == {1: "has fallen off the bus"}


def test_a_process_of_somebody_else_is_called_so() -> None:
    if os.getuid() == 1:
        pytest.skip("process 1 is our own")
    own = Path("/proc/1").stat().st_uid == os.getuid()
    assert gpus.describe_process(1).endswith(")" if own else "of another user")


def process_name() -> str:
    return psutil.Process().name()


def test_a_gpu_locked_by_anothers_stage_is_not_assigned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    assert gpus.make_lock_directory()
    assert gpus.make_lock_directory()  # whoever comes second finds it
    assert (tmp_path / "locks").stat().st_mode & 0o7777 == 0o1777
    assert survey({}).gpus == (0, 1, 2)
    descriptor = open_machine_lock(str(gpus.lock_path(GPUS[1].uuid)))
    assert try_lock(descriptor)
    free = survey({})
    assert free.gpus == (0, 2)
    assert free.gpu_strangers == {1: f"is locked by pid {os.getpid()} ({process_name()})"}
    os.close(descriptor)
    wait_for(lambda: survey({}).gpus == (0, 1, 2), "a free GPU")


STAGE = StageRecord(
    *("id", "run", 0, "a", Status.QUEUED, None, StageDefinition("a"), "/", 0, None, None, None),
    *(None, None, None, False, 0, None),
)


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        (None, None, ("b: why", "b")),
        ("b: another", "b", ("b: why", "b")),
        ("a: another", "a", ("a: another", "a")),
        ("retry 1 of 2: exit code 1", None, ("b: why", "b")),
        ("prepare: exit code 1", None, ("b: why", "b")),
    ],
)
def test_one_host_says_why(before: str | None, by: str | None, after: tuple[str, str]) -> None:
    stage = STAGE._replace(reason=before, reason_host=by)
    assert planner.worded(stage, "why", HostView("b")) == after
    assert planner.worded(stage, "why", None) == ("why", None)
    only_there = stage._replace(definition=StageDefinition("a", host="b"))
    assert planner.worded(only_there, "why", HostView("b")) == ("why", None)


def test_stages_for_another_host_or_queue_wait() -> None:
    settings = Settings(host="b", queues=("big",))
    assert planner.host_mismatch(StageDefinition("a", host="b", queue="big"), settings) is None
    host_mismatch = planner.host_mismatch(StageDefinition("a", host="a"), settings)
    assert host_mismatch == "asks for the host a, and this is b"
    no_queue = planner.host_mismatch(StageDefinition("a", queue="huge"), settings)
    assert no_queue == "asks for the queue huge, which is not in the setting queues"


HOURS = 5 * 3600 * clock.SECOND


def test_a_retry_waits_no_longer_than_its_delay() -> None:
    ended = clock.now() + HOURS
    retried = STAGE._replace(completed_at=ended, not_before=ended + 4 * clock.SECOND)
    assert 0 < RetryTimers().left(retried) <= 4


def test_a_requeued_stage_waits_at_most_the_longest_pause() -> None:
    put_back = STAGE._replace(completed_at=None, not_before=clock.now() + HOURS)
    assert 0 < RetryTimers().left(put_back) <= LONGEST_PAUSE
