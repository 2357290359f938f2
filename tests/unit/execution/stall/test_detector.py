"""The flag `stalled`, set and cleared for stages that really run and fall silent."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_orphan import Running
from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import PATIENCE, wait_for
from trainui.cli.main import main
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.stall.detector import LEAST_POINTS, Stall, StallDetector
from trainui.model.states import Status
from trainui.store.db.engine import Store
from trainui.store.read import views

TALK = "until test -e quiet; do echo line; sleep 0.02; done; "
PAUSE = "until test -e more; do sleep 0.02; done; rm quiet; "
LINES = f"echo ran >> ran; {TALK}{PAUSE}{TALK}until test -e go; do sleep 0.02; done"


def events(run: Running) -> list[str]:
    with views.reading() as connection:
        found = [event for _, event in views.events(connection, run.id)]
    return [event.kind for event in found if event.kind in ("stalled", "lively")]


def shown(run: Running, capsys: pytest.CaptureFixture[str]) -> tuple[bool, bool]:
    """Whether the command line says that the stage is stalled: as JSON, and to people."""
    capsys.readouterr()
    assert main(["show", run.id, "--json"]) == 0
    (stage,) = json.loads(capsys.readouterr().out)["stages"]
    assert main(["show", run.id]) == 0
    return stage["stalled"], "● running  ◌ stalled" in capsys.readouterr().out


def until(stalls: StallDetector, run: Running, stalled: bool) -> None:
    def seen() -> bool:
        stalls.poll()
        return run.stage.stalled == stalled

    wait_for(seen, f"stalled: {stalled}")


@pytest.fixture
def stalls(store: Store) -> StallDetector:
    """One that sees in a second what takes a minute."""
    return StallDetector(store, least_silence=1.0, grace=0.0)


def test_a_stage_without_output_is_stalled_until_it_writes_again(
    store: Store,
    follower: AttemptMonitor,
    stalls: StallDetector,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Running(store, follower, tmp_path, run=LINES)
    log = Path(run.attempt.directory, "stdout.log")
    until(stalls, run, False)
    size = log.stat().st_size
    for times in range(1, 8):
        wait_for(lambda times=times: log.stat().st_size > size + 5 * times, "lines")  # type: ignore[misc]
        stalls.poll()
    assert not run.stage.stalled
    (tmp_path / "quiet").touch()
    until(stalls, run, True)
    assert shown(run, capsys) == (True, True)
    (tmp_path / "more").touch()
    until(stalls, run, False)
    assert shown(run, capsys) == (False, False)
    (tmp_path / "quiet").touch()
    until(stalls, run, True)
    assert events(run) == ["stalled", "lively", "stalled"]
    run.go()
    run.until(Status.COMPLETED)
    assert not run.stage.stalled


def test_metrics_that_are_read_are_signs_of_life(
    store: Store, follower: AttemptMonitor, stalls: StallDetector, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    feeder = Feeder(store, run.stage.id)
    for step in range(20):
        feeder.feed({"loss": [(step, 0.5)]})
        stalls.poll()
    until(stalls, run, True)
    feeder.feed({"loss": [(100, 0.5)]})
    until(stalls, run, False)
    run.go()


def test_activity_ends_a_silence_that_was_not_confirmed_yet(store: Store) -> None:
    """The next silence is confirmed anew, and not by the time of this one."""
    stall = Stall(store, grace=0.0)
    stall.is_recorded = False
    assert stall.is_unrecorded(stalled=True)
    assert not stall.is_unrecorded(stalled=False)
    stall._grace = PATIENCE
    assert not stall.is_unrecorded(stalled=True)


@pytest.mark.parametrize(("points", "stalled"), [(LEAST_POINTS, True), (LEAST_POINTS - 1, False)])
def test_a_stage_that_soon_falls_silent_has_the_pace_of_its_points(
    store: Store, follower: AttemptMonitor, tmp_path: Path, points: int, stalled: bool
) -> None:
    run = Running(store, follower, tmp_path)
    stalls = StallDetector(store, least_silence=0.2, grace=0.0)
    stalls.poll()
    Feeder(store, run.stage.id).feed({"loss": [(step, 0.5) for step in range(points)]})
    silent = time.monotonic() + 60.0 if stalled else time.monotonic() + 0.5

    def seen() -> bool:
        stalls.poll()
        return run.stage.stalled or time.monotonic() > silent

    wait_for(seen, "a silence")
    assert run.stage.stalled == stalled
    run.go()


def test_the_pace_from_before_a_worker_came_is_known(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    started = int(run.attempt.started_at or 0)
    with Path(run.attempt.directory, "times.log").open("a") as times:
        # before its start, since what is ahead of now counts as now
        times.writelines(f"{started - back * 20_000} {30 - back} 0\n" for back in range(29, 0, -1))
    # it is seen for the first time, so its interval is known from the journal alone
    until(StallDetector(store, least_silence=0.1, grace=0.0), run, True)
    run.go()
