"""What is gone is started again: at once at first, then ever less often, and never twice."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from typing import cast

import pytest

from trainui.execution.processes.respawn import MAX_DELAY, RespawnedProcess


class FakeProcess:
    """A process that ends when the test says so."""

    pid = 4711

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


class World:
    """One kept process whose life is the test's to decide."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.alive = False
        self.starts: list[float] = []
        self.now = 0.0
        self.kept = RespawnedProcess("thing", self._spawn, lambda: self.alive)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.processes.append(FakeProcess())
        self.starts.append(self.now)
        return cast("subprocess.Popen[bytes]", self.processes[-1])

    def poll(self, now: float) -> None:
        self.now = now
        self.kept.poll(now)

    def die(self) -> None:
        self.processes[-1].code = 1
        self.alive = False


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_started_at_once(world: World) -> None:
    world.poll(100.0)
    assert world.starts == [100.0]


def test_one_that_is_on_its_way_up_is_not_started_twice(world: World) -> None:
    for now in (0.0, 10.0, 100.0):
        world.poll(now)
    assert world.starts == [0.0]
    assert not world.kept.is_settled()


def test_one_that_somebody_else_started_is_left_alone(world: World) -> None:
    world.alive = True
    world.poll(0.0)
    assert world.starts == []
    assert world.kept.is_settled()


def test_one_that_dies_at_once_is_respawned_with_backoff(world: World) -> None:
    for tenth in range(0, 2000):
        world.poll(tenth / 10)
        world.die()
    pauses = [round(later - sooner, 1) for sooner, later in pairwise(world.starts)]
    assert pauses[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6], abs=0.11)
    assert max(pauses) == pytest.approx(MAX_DELAY, abs=0.11)
    assert pauses == sorted(pauses)


def test_one_that_lived_a_minute_is_started_again_at_once(world: World) -> None:
    for tenth in range(0, 600):
        world.poll(tenth / 10)
        world.die()
    world.poll(world.kept.due)
    start = world.starts[-1]
    world.alive = True
    world.poll(start + 1)
    world.poll(start + 62)
    world.die()
    world.poll(start + 63)
    assert world.starts[-1] == start + 63
    world.die()
    world.poll(start + 63.1)
    assert world.starts[-1] == start + 63
    world.poll(start + 63.3)
    assert world.starts[-1] == start + 63.3


def test_its_end_is_noticed_while_what_it_made_lives_on(world: World) -> None:
    world.poll(0.0)
    world.alive = True
    world.processes[-1].code = 0
    world.poll(1.0)
    assert world.kept.process is None
    assert world.starts == [0.0]


def test_what_goes_wrong_as_its_end_is_noted_keeps_it_from_no_further_start(world: World) -> None:
    def note(_pid: int, _code: int) -> None:
        raise OSError("no space left")

    world.kept.on_end = note
    world.poll(0.0)
    world.die()
    with pytest.raises(OSError, match="no space"):
        world.poll(1.0)
    world.poll(2.0)
    assert world.starts == [0.0, 2.0]


def test_the_log_does_not_say_that_a_service_has_ended_whose_start_has(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trainui")
    world.poll(0.0)
    world.alive, world.processes[-1].code = True, 0
    world.poll(1.0)
    assert caplog.messages[-1] == "the thing runs; pid 4711, which started it, has ended"
    world.die()
    world.poll(2.0)
    assert not world.kept.is_settled()
