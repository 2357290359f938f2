"""Stalls: the rule as a table of histories, the flag and alerts on stages that really run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_monitor import following
from tests.unit.execution.attempt.test_orphan import Running
from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import PATIENCE, wait_for
from trainui import clock, system
from trainui.cli.main import main
from trainui.control import digest
from trainui.execution import stall
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.gpus import Gpu
from trainui.execution.stall import (
    LEAST_POINTS,
    NEVER,
    Stall,
    StallAlerts,
    StallDetector,
    StallRule,
    Writes,
)
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import stages
from trainui.supervisor.protocol import read_spec

TALK = "until test -e quiet; do echo line; sleep 0.02; done; "
PAUSE = "until test -e more; do sleep 0.02; done; rm quiet; "
LINES = f"echo ran >> ran; {TALK}{PAUSE}{TALK}until test -e go; do sleep 0.02; done"


def events(run: Running) -> list[str]:
    with engine.reading() as connection:
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
def stalls(store: Database) -> StallDetector:
    """One that sees in a second what takes a minute."""
    return StallDetector(store, least_silence=1.0, grace=0.0, apart=0.1)


def test_a_stage_without_output_is_stalled_until_it_writes_again(
    store: Database,
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
    store: Database, follower: AttemptMonitor, stalls: StallDetector, tmp_path: Path
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


def test_activity_ends_a_silence_that_was_not_confirmed_yet(store: Database) -> None:
    """The next silence is confirmed anew, and not by the time of this one."""
    stall = Stall(store, grace=0.0)
    stall.is_recorded = False
    assert stall.is_unrecorded(stalled=True)
    assert not stall.is_unrecorded(stalled=False)
    stall._grace = PATIENCE
    assert not stall.is_unrecorded(stalled=True)


@pytest.mark.parametrize(("points", "stalled"), [(LEAST_POINTS, True), (LEAST_POINTS - 1, False)])
def test_a_soon_silent_stage_has_the_pace_of_its_points(
    store: Database, follower: AttemptMonitor, tmp_path: Path, points: int, stalled: bool
) -> None:
    run = Running(store, follower, tmp_path)
    stalls = StallDetector(store, least_silence=0.2, grace=0.0, apart=0.1)
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
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    started = int(run.attempt.started_at or 0)
    with Path(run.attempt.directory, "times.log").open("a") as times:
        # before its start, since what is ahead of now counts as now
        times.writelines(f"{started - back * 20_000} {30 - back} 0\n" for back in range(29, 0, -1))
    # it is seen for the first time, so its interval is known from the journal alone
    until(StallDetector(store, least_silence=0.1, grace=0.0, apart=0.1), run, True)
    run.go()


def test_a_soon_silent_stage_has_the_pace_of_its_logs(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path)
    stalls = StallDetector(store, least_silence=0.1, grace=0.0, apart=0.1)
    stalls.poll()  # all that follows grows between two checks
    started = int(run.attempt.started_at or 0)
    with Path(run.attempt.directory, "times.log").open("a") as times:
        times.writelines(f"{started - back * 20_000} {30 - back} 0\n" for back in range(29, 0, -1))
    with Path(run.attempt.directory, "stdout.log").open("a") as log:
        log.write("epoch\n" * 5)
    until(stalls, run, True)
    run.go()


@pytest.mark.parametrize(
    ("own", "setting", "stalled"),
    [("1s", 3600.0, True), (None, 0.3, True), ("never", 0.3, False)],
)
def test_a_hang_before_any_output_is_a_stall(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    own: str | None,
    setting: float,
    stalled: bool,
) -> None:
    run = Running(store, follower, tmp_path, stall_after=own)
    stalls = StallDetector(store, stall_after=setting, grace=0.0, apart=0.1)
    if stalled:
        until(stalls, run, True)
    else:
        wait_for(lambda: silence_of(stalls) > 2 * setting, "a silence")
        assert not run.stage.stalled
    assert events(run) == ["stalled"] * stalled
    run.go()
    run.until(Status.COMPLETED)


def test_half_of_a_silences_limit_is_on_record_until_a_sign_of_life(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, stall_after="4s")
    stalls = StallDetector(store, grace=0.0, apart=0.1)

    def limit() -> float | None:
        stalls.poll()
        return run.stage.stalls_after

    assert limit() is None
    wait_for(lambda: limit() == 4.0, "half of the limit")
    assert not run.stage.stalled
    with Path(run.attempt.directory, "stdout.log").open("a") as log:
        log.write("a line\n")
    wait_for(lambda: limit() is None, "a sign of life")
    run.go()
    run.until(Status.COMPLETED)


HANGS = """
import os, threading
os.write(os.open("ran", os.O_CREAT | os.O_WRONLY), b"ran")
def rendezvous():
    lock = threading.Lock()
    with lock:
        lock.acquire()
rendezvous()
"""
COMPUTES = """
import os
def part(total, number):
    for i in range(1000 + number):
        total += i
    return total
def evaluate():
    total = 0
    while not os.path.exists("hang"):
        total = part(total, 0)
        total = part(total, 1)
        total = part(total, 2)
        total = part(total, 3)
        total = part(total, 4)
        total = part(total, 5)
        total = part(total, 6)
        total = part(total, 7)
os.write(os.open("ran", os.O_CREAT | os.O_WRONLY), b"ran")
evaluate()
os.read(os.pipe()[0], 1)
"""


def hanging(store: Database, follower: AttemptMonitor, directory: Path) -> Running:
    """A stage that soon waits for a lock, which is a stall after a second."""
    (directory / "train.py").write_text(HANGS)
    command = [sys.executable, "-S", "train.py"]
    return Running(store, follower, directory, run=command, stall_after="1s")


def test_a_stalled_stage_says_where_it_waits(
    store: Database, follower: AttemptMonitor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = hanging(store, follower, tmp_path)
    stalls = StallDetector(store, grace=0.0, apart=0.1)
    until(stalls, run, True)
    place = f"process {run.pid} is in rendezvous (train.py:7), which waits for a lock"
    assert run.stage.reason == place
    assert main(["show", run.id]) == 0
    assert place in " ".join(capsys.readouterr().out.split())
    assert place in digest.read(0, clock.now()).trouble[0].evidence
    assert place in Path(run.attempt.directory, "stacks-1.txt").read_text()


def test_a_new_worker_takes_no_stall_for_a_recovery(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = hanging(store, follower, tmp_path)
    until(StallDetector(store, grace=0.0, apart=0.1), run, True)
    reason = run.stage.reason
    assert reason
    with following(store) as next_worker:
        next_worker.poll(changed=True)
        assert run.stage.reason == reason
    with engine.reading() as connection:
        kinds = [event.kind for _, event in views.events(connection, run.id)]
    assert kinds[-1] == "stalled"


def test_stacks_that_come_after_the_stall_are_its_reason(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "STACKS_WITHIN", -1.0)
    run = hanging(store, follower, tmp_path)
    stalls = StallDetector(store, grace=0.0, apart=0.1)
    until(stalls, run, True)
    assert run.stage.reason is None

    def reason() -> str | None:
        stalls.poll()
        return run.stage.reason

    wait_for(reason, "the reason")
    assert "rendezvous (train.py:7)" in str(run.stage.reason)


def test_a_silent_stage_that_computes_is_not_stalled(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(COMPUTES)
    run = Running(
        store, follower, tmp_path, run=[sys.executable, "-S", "train.py"], stall_after="0.5s"
    )
    with store.write() as connection:  # as a worker before this one may have found
        stages.set_stalled(connection, run.attempt, True, "silent")
    stalls = StallDetector(store, grace=0.0, apart=0.6)

    def computes() -> bool:
        stalls.poll()
        is_said = str(run.stage.reason).startswith("silent, computing: process")
        return is_said and not run.stage.stalled

    wait_for(computes, "that it computes")
    assert events(run) == ["stalled", "lively"]
    (tmp_path / "hang").touch()
    until(stalls, run, True)
    assert "train.py:20, which reads from a pipe" in str(run.stage.reason)


@pytest.mark.parametrize("allowed", [False, True])
def test_debuggers_are_allowed_by_the_setting_alone(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    allowed: bool,
) -> None:
    monkeypatch.setenv("TRAINUI_DEBUGGERS", str(allowed).lower())
    run = Running(store, follower, tmp_path)
    spec = read_spec(Path(run.attempt.directory))
    assert spec is not None
    assert spec.debuggers == allowed
    run.go()
    run.until(Status.COMPLETED)  # also where the kernel knows no such permission


PRCTL = r"""
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int prctl(int option, ...) {
    va_list rest;
    va_start(rest, option);
    unsigned long first = va_arg(rest, unsigned long);
    FILE *noted = fopen(getenv("NOTED_PRCTL"), "a");
    if (noted) {
        fprintf(noted, "%x %lx %d\n", option, first, getpid());
        fclose(noted);
    }
    return syscall(SYS_prctl, option, first, 0, 0, 0);
}
"""


@pytest.mark.parametrize("allowed", [False, True])
def test_the_stages_first_process_allows_debuggers(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    allowed: bool,
) -> None:
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no compiler for what notes the calls")
    source, library, noted = (tmp_path / name for name in ("prctl.c", "prctl.so", "noted"))
    source.write_text(PRCTL)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))  # the supervisor's
    monkeypatch.setenv("NOTED_PRCTL", str(noted))
    monkeypatch.setenv("TRAINUI_DEBUGGERS", str(allowed).lower())
    run = Running(store, follower, tmp_path)
    calls = [line.split() for line in noted.read_text().splitlines()]
    any_process = f"{2**64 - 1:x}"
    found = [(first, int(pid)) for option, first, pid in calls if option == "59616d61"]
    assert found == ([(any_process, run.pid)] if allowed else [])
    run.go()
    run.until(Status.COMPLETED)


def test_the_reason_goes_with_the_stall(
    store: Database, follower: AttemptMonitor, stalls: StallDetector, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, run=LINES, stall_after="0.5s")
    (tmp_path / "quiet").touch()
    until(stalls, run, True)
    assert run.stage.reason  # the shell, or its sleep of the moment
    (tmp_path / "more").touch()
    until(stalls, run, False)
    assert run.stage.reason is None
    run.go()


def silence_of(stalls: StallDetector) -> float:
    stalls.poll()
    (watched,) = stalls._watched.values()
    return watched.rule.silence(time.monotonic())


def test_a_mute_stage_that_writes_files_is_not_stalled(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    copying = "echo ran >> ran; exec 3> data; until test -e quiet; do echo x >&3; sleep 0.02; done"
    run = Running(
        store,
        follower,
        tmp_path,
        run=f"{copying}; until test -e go; do sleep 0.02; done",
        stall_after="0.5s",
    )
    wait_for((tmp_path / "data").exists, "the file")
    stalls = StallDetector(store, grace=0.0, apart=0.1)
    started = time.monotonic()

    def wrote() -> bool:
        size = (tmp_path / "data").stat().st_size
        wait_for(lambda: (tmp_path / "data").stat().st_size > size, "a write")
        stalls.poll()
        assert not run.stage.stalled
        return time.monotonic() - started > 1.5

    wait_for(wrote, "three times the limit")
    (tmp_path / "quiet").touch()
    until(stalls, run, True)
    run.go()


def signs(*gaps: float) -> list[float]:
    times = [0.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    return times


@pytest.mark.parametrize(
    ("gaps", "patience"),
    [
        ([1.0] * 50, 60.0),  # a line a second: a minute's silence is nothing yet
        ([30.0] * 10, 150.0),  # five times its pace
        ([600.0] * 10, 3000.0),
        ([10.0] * 20 + [200.0] + [10.0] * 20, 400.0),  # twice its longest gap: an evaluation
        ([3600.0] + [20.0] * 100, 100.0),  # the first hour is forgotten
        ([1.0] * 4, float("inf")),  # no pace yet
        ([], float("inf")),
        ([0.0, -5.0, 20.0, 20.0, 20.0, 20.0, 20.0], 100.0),  # a clock set back is no gap
    ],
)
def test_the_patience_is_of_its_own_pace(gaps: list[float], patience: float) -> None:
    known = signs(*gaps)
    pace = StallRule(known)
    assert pace.patience == pytest.approx(patience)
    last = max(known)
    assert not pace.is_stalled(last + min(patience, 1e9))
    assert pace.is_stalled(last + patience + 0.1) == (patience < 1e9)


@pytest.mark.parametrize(
    ("gaps", "stall_after", "patience"),
    [
        ([], 300.0, 300.0),  # a hang before the first output
        ([2.0], 300.0, 300.0),  # after one line
        ([2.0] * 4, 300.0, 300.0),  # four lines are no pace
        ([2.0] * 5, 300.0, 60.0),  # five are
        ([100.0] * 5, 1.0, 500.0),  # and then count alone
        ([], NEVER, NEVER),  # a mute preparation
        ([2.0] * 4, NEVER, NEVER),
        ([2.0] * 5, NEVER, 60.0),
        ([], 1.0, 1.0),  # less than a minute only if asked for
    ],
)
def test_without_a_pace_a_silence_has_its_own_limit(
    gaps: list[float], stall_after: float, patience: float
) -> None:
    known = signs(*gaps)
    pace = StallRule(known, stall_after=stall_after)
    assert pace.patience == patience
    assert not pace.is_stalled(known[-1] + min(patience, 1e9))
    assert pace.is_stalled(known[-1] + patience + 0.1) == (patience != NEVER)


@pytest.mark.parametrize(("silence", "limit"), [(149.0, None), (151.0, 300.0), (301.0, 300.0)])
def test_a_silence_has_a_limit_from_half_of_it_on(silence: float, limit: float | None) -> None:
    assert StallRule([0.0], stall_after=300.0).stalls_after(silence) == limit
    assert StallRule([0.0], stall_after=NEVER).stalls_after(silence) is None


def test_a_pause_of_the_machine_is_no_silence() -> None:
    pace = StallRule([0.0], stall_after=300.0)
    pace.skip(1000.0)
    assert not pace.is_stalled(1300.0)
    assert pace.is_stalled(1300.1)


def test_a_write_ends_a_silence_and_sets_no_pace() -> None:
    pace = StallRule([0.0], stall_after=300.0)
    for time_ in range(200, 2200, 200):
        pace.prolong(time_)
    assert not pace.is_known
    assert not pace.is_stalled(2300.0)
    assert pace.is_stalled(2300.1)


def test_a_sign_of_life_ends_it() -> None:
    pace = StallRule(signs(*[10.0] * 10))
    assert pace.is_stalled(300.0)
    pace.note(300.0)
    assert not pace.is_stalled(301.0)


def test_a_stage_whose_metrics_stop_is_ended_with_the_reason(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "stop"})
    watch = StallAlerts(store, least_silence=0.5, grace=0.0)
    feeder = Feeder(store, run.stage.id)
    for step in range(20):
        feeder.feed({"loss": [(step, 0.5)]})
        watch.poll()
        assert run.attempt.stop_reason is None

    def asked() -> bool:
        watch.poll()
        return run.attempt.stop_reason is not None

    wait_for(asked, "it is asked to stop")
    run.until(Status.FAILED)
    words = r"stopped by an alert: no metric for \S+, more than 5 times the usual pace"
    assert re.fullmatch(words, run.stage.reason or "")
    assert kinds(run) == ["alert"]


def test_a_stage_is_not_stopped_for_an_unwritable_store(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "stop"})
    feeder = Feeder(store, run.stage.id)
    with closing(Database(store.url)) as another, ThreadPoolExecutor() as pool:
        watch = StallAlerts(another, least_silence=0.2, grace=0.0)
        for step in range(20):
            feeder.feed({"loss": [(step, 0.5)]})
            watch.poll()
        ((watched,),) = watch._watched.values()
        watched.stall._grace = PATIENCE
        with store.write():
            wait_for(lambda: watched.rule.is_stalled(time.monotonic()), "a silence")
            looking = pool.submit(watch.poll)
            wait_for(another._write_lock.locked, "that it waits to write")
        looking.result()
    assert run.attempt.stop_reason is None
    run.go()


def test_a_gpu_that_computes_is_no_stall(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "notify"})
    used = {"gpu": 90}
    watch = StallAlerts(
        store,
        least_silence=0.2,
        grace=0.0,
        gpus=lambda: [Gpu(0, "uuid", "GPU", utilisation=used["gpu"])],
    )
    with store.write() as connection:  # as if its place were a GPU
        slots = json.dumps([["here", "gpu", 0]])
        connection.execute("UPDATE attempts SET slots_json = ?", (slots,))
    feeder = Feeder(store, run.stage.id)
    for step in range(20):
        feeder.feed({"loss": [(step, 0.5)]})
        watch.poll()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        watch.poll()
    assert kinds(run) == []
    used["gpu"] = 0

    def marked() -> bool:
        watch.poll()
        return kinds(run) == ["alert"]

    wait_for(marked, "it is marked")
    run.go()


def kinds(run: Running) -> list[str]:
    with engine.reading() as connection:
        found = [event.kind for _, event in views.events(connection, run.id)]
    return [kind for kind in found if kind == "alert"]


ECHO = """
import sys
with open(sys.argv[1], "a", buffering=1) as log:
    for line in sys.stdin:
        log.write(line)
        print("written", flush=True)
"""
"""A program that appends each line of its standard input to a file."""


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes one file only, as this one may have others open."""
    with subprocess.Popen(
        [sys.executable, "-c", ECHO, tmp_path / "train.log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process
        process.kill()


def write(process: subprocess.Popen[str]) -> None:
    """Have the process write one line, and wait until it is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("step 1\n")
    assert process.stdout.readline() == "written\n"


@pytest.mark.parametrize("is_remote", [True, False])
def test_each_output_is_a_write(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    echo: subprocess.Popen[str],
    is_remote: bool,
) -> None:
    """A file on a remote file system counts by the process's position in it."""
    path = str(tmp_path / "train.log")
    found = {path} if is_remote else set[str]()
    monkeypatch.setattr(system, "remote_mount", lambda one: "/far" if one in found else "")
    before = Writes.of({echo.pid})
    for _ in range(3):
        write(echo)
        now = Writes.of({echo.pid})
        assert now.differ(before)
        before = now
    assert not Writes.of({echo.pid}).differ(before)


def test_what_others_write_into_a_shared_file_is_none(
    tmp_path: Path, echo: subprocess.Popen[str]
) -> None:
    """As a database of MLflow or Trackio, to which several trainings log."""
    write(echo)
    before = Writes.of({echo.pid})
    with (tmp_path / "train.log").open("a") as file:
        file.write("step 1\n")
    now = Writes.of({echo.pid})
    assert now.files != before.files
    assert not now.differ(before)


def test_a_trackers_service_writes_nothing_of_the_training(tmp_path: Path) -> None:
    """W&B's notes the machine's load each 15 s, also while the training hangs."""
    service = tmp_path / "wandb-core"
    service.symlink_to(sys.executable)
    with subprocess.Popen(
        [service, "-c", ECHO, tmp_path / "run.log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        write(process)
        before = Writes.of({process.pid})
        write(process)
        assert not Writes.of({process.pid}).differ(before)
        process.kill()
