"""The worker is started by what needs it, stopped by a person, and stages outlive it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, states_of
from tests.integration.conftest import kill_all
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from trainui.paths import SHARED, Home

SLEEPS = """\
name: sleeps
stages:
  - name: a
    run: echo $$ > ${stage_dir}/pid; while ! test -e go; do sleep 0.1; done
  - name: b
    run: "true"
    depends_on: [a]
"""


def start(cli: CommandLine) -> int:
    """Start the run, with no worker there before; return the pid of its stage's process."""
    cli.write("sleeps.yaml", SLEEPS)
    assert cli("run", "sleeps.yaml", "--detach").code == 0
    return read_pid(Path(cli("path", "sleeps", "a").out.strip(), "pid"))


@pytest.mark.long
def test_a_stage_outlives_the_worker_and_is_taken_up_again(cli: CommandLine) -> None:
    pid = start(cli)
    done = cli("worker", "stop", "--json")
    stopped = done.json()
    assert "1 stage still running: a; the next `trainui worker start` monitors it again" in done.err
    assert (stopped["running"], stopped["pid"], stopped["guard_pid"]) == (False, None, None)
    assert stopped["broker"]["reachable"] is False
    assert is_alive(pid)
    assert cli.json("worker", "start")["running"] is True
    cli.write("go", "")
    shown = cli.json("wait", "sleeps")
    assert states_of(shown) == {"a": "completed", "b": "completed"}
    attempts = shown["stages"][0]["attempts"]
    assert [(attempt["number"], attempt["pid"]) for attempt in attempts] == [(1, pid)]


@pytest.mark.long
def test_after_all_parts_are_killed_the_next_command_restarts_them(cli: CommandLine) -> None:
    start(cli)
    found = cli.json("worker", "status")
    for killed in (found["guard_pid"], found["pid"], found["broker"]["pid"]):
        os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not cli.json("worker", "status")["running"], "its end")
    cli.write("go", "")
    assert cli("run", "--wait", "--", "true").code == 0
    assert cli("wait", "sleeps").code == 0


def test_stopping_with_stages_ends_them_first(cli: CommandLine) -> None:
    pid = start(cli)
    assert cli("worker", "stop", "--with-stages").code == 0
    assert not is_alive(pid)
    assert states_of(cli.json("show", "sleeps")) == {"a": "cancelled", "b": "cancelled"}


def test_a_setting_that_the_worker_was_started_without_is_reported(cli: CommandLine) -> None:
    assert cli("worker", "start").err == ""
    told = "started with 4 CPU slots, but `cpus` is now 7: `trainui worker stop`"
    for command in ("start", "status"):
        assert told in cli("worker", command, TRAINUI_CPUS="7").err
    assert told in cli("doctor", TRAINUI_CPUS="7").out
    cli("worker", "stop")
    started = cli("worker", "start", TRAINUI_CPUS="7")
    assert (started.code, started.err) == (0, "")


def test_looking_starts_nothing(cli: CommandLine) -> None:
    for arguments in (["ls"], ["doctor"], ["worker", "status"], ["worker", "stop"]):
        assert cli(*arguments).code == 0
    assert cli.json("worker", "status")["guard_pid"] is None
    assert not cli.home.exists()


def test_interrupted_runs_are_planned_and_resumed_together(cli: CommandLine) -> None:
    pid = start(cli)
    supervisor = cli.json("show", "sleeps")["stages"][0]["attempts"][0]["supervisor_pid"]
    os.kill(supervisor, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    assert cli("wait", "sleeps").code == 1
    (planned,) = cli.json("resume", "--interrupted", "--dry-run")["runs"]
    assert planned["name"] == "sleeps"
    assert [stage["reason"] for stage in planned["stages"]] == ["was interrupted", "was blocked"]
    shown = cli("resume", "--interrupted", "--dry-run").out
    assert shown.startswith(f"sleeps ({planned['run']})\nSTAGE")
    assert cli.status("sleeps") == "interrupted"
    cli.write("go", "")
    resumed = cli.json("resume", "--interrupted")
    assert [run["status"] for run in resumed["runs"]] == ["completed"]
    nothing = cli("resume", "--interrupted", "--json")
    assert (nothing.code, nothing.json()) == (0, {"runs": []})


@pytest.mark.long
def test_after_all_was_killed_at_once_one_command_continues_all(cli: CommandLine) -> None:
    start(cli)
    cli.write("more.yaml", SLEEPS.replace("name: sleeps", "name: more"))
    assert cli("run", "more.yaml", "--detach").code == 0
    read_pid(Path(cli("path", "more", "a").out.strip(), "pid"))
    service = cli.json("worker", "status")
    tries = [cli.json("show", name)["stages"][0]["attempts"][0] for name in ("sleeps", "more")]
    killed = [service["guard_pid"], service["pid"], service["broker"]["pid"]]
    killed += [one[pid] for one in tries for pid in ("supervisor_pid", "pid")]
    for pid in killed:  # as a reboot does
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in killed), "the end of all")

    def notes_of_plan() -> str:
        planned = cli("resume", "--interrupted", "--dry-run", "--json")
        assert planned.json() == {"runs": []}
        return planned.err

    # until the `sleep` of each shell has ended, its stage has not
    wait_for(lambda: "not yet in this plan" in notes_of_plan(), "the lost stages")
    assert not cli.json("worker", "status")["pid"]  # a plan starts nothing
    cli.write("go", "")
    resumed = cli.json("resume", "--interrupted")
    assert [run["status"] for run in resumed["runs"]] == ["completed", "completed"]
    for run in resumed["runs"]:
        ends = [attempt["status"] for attempt in run["stages"][0]["attempts"]]
        assert ends == ["interrupted", "completed"]


def test_the_demo_is_a_run_like_any_other(cli: CommandLine) -> None:
    started = cli.json("demo", "--detach")
    assert started["name"] == "digits"
    assert len(started["stages"]) == 5
    assert cli("cancel", "digits").code == 0
    assert cli("wait", "digits").code == 130


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_stopping_leaves_no_socket_behind(cli: CommandLine, killed: bool) -> None:
    home = Home(cli.home / ("deep" * 25))
    cli.environ["TRAINUI_HOME"] = str(home.root)
    try:
        assert cli("run", "--wait", "--", "true").code == 0
        places = {home.wake_socket.parent, home.broker_socket.parent}
        assert all(place.parent == SHARED for place in places)
        assert all([*place.glob("*.sock")] for place in places)
        if killed:
            kill_all(home)
        assert cli("worker", "stop").code == 0
        assert [place for place in places if place.exists()] == []
        assert [*home.root.rglob("*.sock")] == []
    finally:
        kill_all(home)
