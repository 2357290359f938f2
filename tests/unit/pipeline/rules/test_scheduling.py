"""The plan: who starts, who waits, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.model.states import Status
from trainui.pipeline.rules.scheduling import (
    LONGEST_DELAY,
    FreeSlots,
    Grant,
    Retry,
    Upstream,
    Wait,
    WaitingStage,
    decide,
    next_retry,
    next_state,
)

NOW = 1_000 * clock.SECOND


def one(stage: WaitingStage, free: FreeSlots, *, paused: bool = False) -> Grant | Wait:
    (decided,) = decide([stage], free, NOW, paused=paused)[0]
    return decided


def test_a_stage_without_gpus_gets_the_lowest_cpu_places() -> None:
    assert one(WaitingStage("a", cpus=2), FreeSlots(cpus=(1, 3, 4))) == Grant("a", "cpu", (1, 3))


def test_a_stage_with_gpus_needs_no_cpu_place() -> None:
    free = FreeSlots(cpu_users={0: "x"}, gpus=(0, 2))
    assert one(WaitingStage("a", gpus=2, cpus=8), free) == Grant("a", "gpu", (0, 2))


def test_the_reason_names_who_has_the_gpus() -> None:
    free = FreeSlots(gpu_users={1: "pid 4242 of another user", 0: "train_a"})
    reason = "needs 1 GPU: GPU 0 train_a, GPU 1 pid 4242 of another user"
    assert one(WaitingStage("a", gpus=1), free) == Wait("a", reason)


def test_the_reason_names_who_has_the_cpu_places() -> None:
    free = FreeSlots(cpu_users={0: "a", 1: "b"})
    assert one(WaitingStage("c"), free) == Wait("c", "needs 1 CPU slot: 2 of 2 taken by a, b")


def test_many_holders_of_cpu_places_become_a_number() -> None:
    free = FreeSlots(cpu_users=dict(enumerate("abcdef")))
    reason = "needs 1 CPU slot: 6 of 6 taken by a, b, c, d, 2 more"
    assert one(WaitingStage("z"), free) == Wait("z", reason)


def test_more_than_the_machine_has_is_said() -> None:
    free = FreeSlots(cpus=(0, 1), gpus=(0,), gpu_users={1: "x"})
    assert one(WaitingStage("a", gpus=3), free) == Wait("a", "needs 3 GPUs, this machine has 2")
    assert one(WaitingStage("a", cpus=4), free) == Wait(
        "a", "needs 4 CPU slots, this machine has 2, by the setting cpus"
    )
    assert one(WaitingStage("a", gpus=1), FreeSlots()) == Wait(
        "a", "needs 1 GPU, this machine has none"
    )


def test_a_stage_that_can_never_start_delays_no_other() -> None:
    decided = decide(
        [WaitingStage("a", gpus=3), WaitingStage("b", gpus=1)], FreeSlots(gpus=(0,)), 0
    )[0]
    assert decided[1] == Grant("b", "gpu", (0,))


def test_no_later_stage_overtakes_one_that_waits_for_more() -> None:
    free = FreeSlots(cpus=(0,), gpus=(1,), gpu_users={0: "x"})
    waiting = [WaitingStage("a", gpus=2), WaitingStage("b", gpus=1), WaitingStage("c")]
    first, second, third = decide(waiting, free, NOW)[0]
    assert first == Wait("a", "needs 2 GPUs: GPU 0 x")
    assert second == Wait("b", "needs 1 GPU: an earlier stage waits for more")
    assert third == Grant("c", "cpu", (0,))


def test_the_reason_names_foreign_processes_and_broken_gpus_too() -> None:
    free = FreeSlots(
        gpu_users={0: "train_a"},
        gpu_strangers={1: "pid 4242 of another user", 2: "has fallen off the bus"},
    )
    assert one(WaitingStage("a", gpus=1), free) == Wait(
        "a",
        "needs 1 GPU: GPU 0 train_a, GPU 1 pid 4242 of another user, GPU 2 has fallen off the bus",
    )


def test_a_stage_awaiting_a_foreign_process_delays_nobody() -> None:
    waiting = [WaitingStage("a", gpus=2), WaitingStage("b", gpus=1)]
    first, second = decide(waiting, FreeSlots(gpus=(0,), gpu_strangers={1: "pid 7"}), NOW)[0]
    assert first == Wait("a", "needs 2 GPUs: GPU 1 pid 7")
    assert second == Grant("b", "gpu", (0,))
    first, second = decide(waiting, FreeSlots(gpus=(1,), gpu_users={0: "b"}), NOW)[0]
    assert isinstance(first, Wait)
    assert second == Wait("b", "needs 1 GPU: an earlier stage waits for more")


def test_a_stage_gets_only_gpus_that_its_run_may_see() -> None:
    waiting = [
        WaitingStage("a", gpus=1, visible=frozenset({1})),
        WaitingStage("b", gpus=1, visible=frozenset({1})),
        WaitingStage("c", gpus=1),
        WaitingStage("d", gpus=2, visible=frozenset({1})),
    ]
    decided = decide(waiting, FreeSlots(gpus=(0, 1)), NOW)[0]
    assert decided == [
        Grant("a", "gpu", (1,)),
        Wait("b", "needs 1 GPU: 1 given to earlier stages"),
        Grant("c", "gpu", (0,)),
        Wait("d", "needs 2 GPUs, the CUDA_VISIBLE_DEVICES of its run allows 1"),
    ]


def test_the_reason_for_no_more_gpus_is_shown() -> None:
    free = FreeSlots(gpus=(0,), gpu_limit="limited by the setting gpus")
    assert one(WaitingStage("a", gpus=2), free) == Wait(
        "a", "needs 2 GPUs, this machine has 1: limited by the setting gpus"
    )


def test_grants_of_the_same_plan_are_named() -> None:
    decided = decide([WaitingStage("a"), WaitingStage("b")], FreeSlots(cpus=(0,)), NOW)[0]
    assert decided[1] == Wait("b", "needs 1 CPU slot: 1 given to earlier stages")


def test_a_retry_waits_for_its_time_and_delays_nothing_else() -> None:
    late = WaitingStage("a", not_before=NOW + 12 * clock.SECOND, retry="retry 1 of 2", cause="no")
    decided = decide([late, WaitingStage("b")], FreeSlots(cpus=(0,)), NOW)[0]
    assert decided == [Wait("a", "retry 1 of 2 in 12 s: no"), Grant("b", "cpu", (0,))]
    assert one(WaitingStage("a", not_before=NOW), FreeSlots(cpus=(0,))) == Grant("a", "cpu", (0,))


def test_the_words_of_a_long_delay_change_seldom() -> None:
    seconds = range(1, 7200)
    words = {
        one(WaitingStage("a", not_before=NOW + second * clock.SECOND), FreeSlots())
        for second in seconds
    }
    assert len(words) < len(seconds) / 40


def test_a_paused_queue_starts_nothing() -> None:
    decided = one(WaitingStage("a"), FreeSlots(cpus=(0,)), paused=True)
    assert decided == Wait("a", "the queue is paused")


stages = st.lists(
    st.builds(
        WaitingStage,
        id=st.just(""),
        gpus=st.integers(0, 4),
        cpus=st.integers(1, 4),
        not_before=st.none() | st.integers(NOW - 5, NOW + 5),
        visible=st.none() | st.frozensets(st.integers(0, 5)),
    ),
    max_size=12,
).map(lambda found: [_numbered(stage, number) for number, stage in enumerate(found)])


def _numbered(stage: WaitingStage, number: int) -> WaitingStage:
    return replace(stage, id=str(number))


@st.composite
def hosts(draw: st.DrawFn) -> FreeSlots:
    cpus = draw(st.lists(st.booleans(), max_size=6))
    gpus = draw(st.lists(st.sampled_from(["free", "ours", "strange"]), max_size=6))
    return FreeSlots(
        cpus=tuple(n for n, free in enumerate(cpus) if free),
        cpu_users={n: "x" for n, free in enumerate(cpus) if not free},
        gpus=tuple(n for n, state in enumerate(gpus) if state == "free"),
        gpu_users={n: "x" for n, state in enumerate(gpus) if state == "ours"},
        gpu_strangers={n: "y" for n, state in enumerate(gpus) if state == "strange"},
    )


@given(stages, hosts())
def test_stages_are_decided_in_order_and_slots_given_once(
    waiting: list[WaitingStage], free: FreeSlots
) -> None:
    decided = decide(waiting, free, NOW)[0]
    assert [item.stage_id for item in decided] == [stage.id for stage in waiting]
    for kind, there in (("cpu", free.cpus), ("gpu", free.gpus)):
        given_out = [
            slot
            for item in decided
            if isinstance(item, Grant) and item.kind == kind
            for slot in item.slots
        ]
        assert len(given_out) == len(set(given_out))
        assert set(given_out) <= set(there)


@given(stages, hosts())
def test_a_grant_is_whole_and_respects_earlier_waits(
    waiting: list[WaitingStage], free: FreeSlots
) -> None:
    every = {*free.gpus, *free.gpu_users}
    kept: dict[str, set[int]] = {"cpu": set(), "gpu": set()}
    for stage, item in zip(waiting, decide(waiting, free, NOW)[0], strict=True):
        kind = "gpu" if stage.gpus else "cpu"
        needed = stage.gpus or stage.cpus
        if isinstance(item, Grant):
            assert item.kind == kind
            assert len(item.slots) == needed
            assert not kept[kind].intersection(item.slots)
            assert stage.not_before is None or stage.not_before <= NOW
            assert kind == "cpu" or stage.visible is None or stage.visible.issuperset(item.slots)
        elif item.reason.startswith("needs"):
            own = every if kind == "gpu" else {*free.cpus, *free.cpu_users}
            if kind == "gpu" and stage.visible is not None:
                own = own & stage.visible
            kept[kind] |= own if needed <= len(own) else set()


@given(stages, hosts())
def test_the_first_that_is_ready_and_fits_starts(
    waiting: list[WaitingStage], free: FreeSlots
) -> None:
    ready = [s for s in waiting if s.not_before is None or s.not_before <= NOW]
    possible = [s for s in ready if not s.gpus and s.cpus <= len(free.cpus) + len(free.cpu_users)]
    decided = {item.stage_id: item for item in decide(waiting, free, NOW)[0]}
    if possible and possible[0].cpus <= len(free.cpus):
        assert isinstance(decided[possible[0].id], Grant)


@given(stages, hosts())
def test_every_wait_has_words(waiting: list[WaitingStage], free: FreeSlots) -> None:
    for item in decide(waiting, free, NOW)[0]:
        if isinstance(item, Wait):
            assert item.reason.strip()
            assert "\n" not in item.reason
            assert not item.reason.endswith(": ")


def test_a_stage_lacking_something_else_blocks_no_slot() -> None:
    lacking = WaitingStage("a", wait_reason="needs 100 MB of disk space: 0 MB free on /x")
    decided = decide([lacking, WaitingStage("b")], FreeSlots(cpus=(0,)), NOW)[0]
    assert decided == [Wait("a", str(lacking.wait_reason)), Grant("b", "cpu", (0,))]


def test_a_stage_waits_for_a_gpu_with_enough_memory() -> None:
    stage = WaitingStage("a", gpus=1, visible=frozenset({1}), memory="40 GB")
    assert one(stage, FreeSlots(gpus=(0, 1))) == Grant("a", "gpu", (1,))
    assert one(stage, FreeSlots(gpus=(0,))) == Wait(
        "a", "needs 1 GPU of at least 40 GB, this machine has none for its run"
    )


S = Status


def upstreams(*states: tuple[Status, bool]) -> list[Upstream]:
    return [Upstream(f"s{number}", *state) for number, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], (S.QUEUED, None)),
        ([(S.COMPLETED, False), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.COMPLETED, False), (S.RUNNING, False)], None),
        ([(S.RUNNING, False), (S.FAILED, False)], (S.BLOCKED, "s1 failed")),
        ([(S.FAILED, True), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.PRUNED, False), (S.COMPLETED, False)], (S.QUEUED, None)),
        ([(S.PRUNED, False), (S.RUNNING, False)], None),
        ([(S.CANCELLED, True)], (S.QUEUED, None)),
        ([(S.INTERRUPTED, True)], (S.BLOCKED, "s0 was interrupted")),
        ([(S.BLOCKED, False)], (S.BLOCKED, "s0 is blocked")),
        ([(S.SKIPPED, False)], (S.SKIPPED, "s0 was skipped")),
    ],
)
def test_settled(
    states: list[tuple[Status, bool]], expected: tuple[Status, str | None] | None
) -> None:
    assert next_state(upstreams(*states)) == expected


def stage(retries: int, delay: float = 0.0) -> StageDefinition:
    return StageDefinition("a", retries=retries, retry_delay=delay)


@pytest.mark.parametrize("ended", [Status.COMPLETED, Status.CANCELLED])
def test_stopped_or_completed_stages_are_not_retried(ended: Status) -> None:
    assert next_retry(stage(5), ended, used=0, completed_at=7) is None


def test_the_delay_doubles_until_the_retries_are_used_up() -> None:
    ends = [
        next_retry(stage(3, 1.5), Status.FAILED, used=used, completed_at=7) for used in range(4)
    ]
    delays = [1_500_000, 3_000_000, 6_000_000]
    assert ends == [*(Retry(at + 1, 7 + delay) for at, delay in enumerate(delays)), None]


@pytest.mark.parametrize("used", [40, 2_000, 10**6])
def test_a_doubled_delay_has_an_end(used: int) -> None:
    longest = int(LONGEST_DELAY * clock.SECOND)
    retry = next_retry(stage(10**7, 1.0), Status.INTERRUPTED, used=used, completed_at=0)
    assert retry == Retry(used + 1, longest)
    week = 7 * LONGEST_DELAY
    retry = next_retry(stage(10**7, week), Status.FAILED, used=used, completed_at=0)
    assert retry == Retry(used + 1, int(week * clock.SECOND))
