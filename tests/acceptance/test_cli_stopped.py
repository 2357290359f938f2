"""Ctrl+c in commands that change a run: they say what is done by then, and have that done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.command_line import COMMAND, CommandLine, stage_of
from tests.unit.supervisor.waiting import wait_for
from trainui.store.db.engine import Database

SLEEPS = "name: {name}\nstages: [{{name: a, run: exec sleep 300}}]\n"


def process_of(served: CommandLine, run: str) -> int | None:
    """The pid of what stage `a` runs now."""
    stage = stage_of(served.json("show", run), "a")
    return stage["attempts"][-1]["pid"] if stage["status"] == "running" else None


def start_sleeper(served: CommandLine, name: str) -> str:
    """Start a run that does not end by itself; return its id when it runs."""
    served.write(f"{name}.yaml", SLEEPS.format(name=name))
    run = str(served.json("run", f"{name}.yaml", "--detach")["run"])
    wait_for(lambda: process_of(served, run))
    return run


@contextmanager
def nobody_else_writes(served: CommandLine) -> Iterator[None]:
    file = f"sqlite:///{served.home / 'trainui.db'}"
    store = Database(served.environ.get("TRAINUI_DATABASE_URL", file))
    with store.write():
        yield
    store.close()


def test_stopped_before_anything_is_recorded(served: CommandLine) -> None:
    run = start_sleeper(served, "early")
    stop_early(served, run, "cancel", "early", words="nothing was cancelled")
    served("cancel", run)
    served("wait", run)
    stop_early(served, run, "resume", "early", words="nothing was resumed")
    stop_early(served, run, "rerun", "early", "a", words="nothing was rerun")


def stop_early(served: CommandLine, run: str, *command: str, words: str) -> None:
    """Stop a command that waits for the database; the run stays as it was."""
    before = served.json("show", run)
    with nobody_else_writes(served):
        stopped = served.start(*command)
        assert stopped.stderr is not None
        assert "locked by another process" in stopped.stderr.readline()
        stopped.send_signal(signal.SIGINT)
    _out, err = stopped.communicate(timeout=60)
    assert (stopped.returncode, err) == (130, f"stopped; {words}\n")
    assert served.json("show", run) == before


def stop_late(served: CommandLine, *command: str, when: Callable[[], object]) -> list[str]:
    """Stop a command that is done, but for what it prints, which nobody reads; return its words."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading, "rb") as answer, open(writing, "wb", buffering=0) as full:
        while full.write(b" " * 4096):
            pass
        os.set_blocking(writing, True)
        stopped = subprocess.Popen(
            [*COMMAND, *command],
            cwd=served.directory,
            env=served.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(when)
        stopped.send_signal(signal.SIGINT)
        full.close()
        answer.read()
    _out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err
    return err.splitlines()


def test_stopped_when_it_is_recorded(served: CommandLine) -> None:
    run = start_sleeper(served, "late")
    see = f"see `trainui show {run}`"

    def is_cancelled() -> bool:
        return served.status(run) == "cancelled"

    def runs() -> int | None:
        return process_of(served, run)

    said = stop_late(served, "cancel", "late", when=is_cancelled)
    assert said == [f"stopped, but cancelling: a; {see}"]
    said = stop_late(served, "resume", "late", "--detach", when=runs)
    assert said[-1] == f"stopped, but resumed: a; {see}"
    served("cancel", run)
    wait_for(is_cancelled)
    said = stop_late(served, "rerun", "late", "a", when=runs)
    assert said == [f"stopped, but rerunning: a; {see}"]
    attempt = stage_of(served.json("show", run), "a")["attempts"][-1]
    for process in (attempt["supervisor_pid"], attempt["pid"]):
        os.kill(process, signal.SIGKILL)
    wait_for(lambda: served.status(run) == "interrupted")
    said = stop_late(served, "resume", "--interrupted", "--detach", "--json", when=runs)
    assert said[-1] == f"stopped, but resumed: a; {see}"
    served("cancel", run)


RESUME = """
import signal, sys
from trainui import control
from trainui.cli import standstill
with standstill.report_changes_on_stop(sys.argv[1:], standstill.REVIVED, "resumed"):
    control.resume(sys.argv[1])
    signal.raise_signal(signal.SIGINT)
"""


def test_recorded_requests_are_carried_out_after_a_workers_absence(emptied: CommandLine) -> None:
    cli = emptied
    run = start_sleeper(cli, "alone")
    cli("cancel", run)
    cli("wait", run)
    cli("worker", "stop")
    done = subprocess.run(
        [sys.executable, "-c", RESUME, run],
        cwd=cli.directory,
        env=cli.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert f"StoppedError: stopped, but resumed: a; see `trainui show {run}`" in done.stderr
    wait_for(lambda: process_of(cli, run))
    cli("cancel", run)


def test_a_deletion_that_is_stopped_says_how_many_are_deleted(served: CommandLine) -> None:
    small, large = (
        served.run(f"name: {name}\nstages: [{{name: a, run: exit 0}}]")["run"]
        for name in ("small", "large")
    )
    first, directory = (Path(served.json("path", run)["paths"][0]) for run in (small, large))
    for number in range(40_000):
        (directory / str(number)).touch()
    count = len(served.json("prune", "--keep", "0", "--older-than", "0s", "--dry-run")["runs"])
    before = runs_of(served)
    stopped = served.start("prune", "--keep", "0", "--older-than", "0s", "--yes")
    wait_for(lambda: not first.exists(), "the first to be deleted")
    stopped.send_signal(signal.SIGINT)
    _out, err = stopped.communicate(timeout=60)
    deleted = before - runs_of(served)
    rest = "; run the same command again for the rest" if len(deleted) < count else ""
    words = f"stopped; {len(deleted)} of {count} were deleted{rest}\n"
    assert (stopped.returncode, err) == (130, words)
    assert directory.exists() == (large not in deleted)


STUBBORN = """
name: stubborn
stages:
  - {name: a, run: "trap : TERM; touch begun; while :; do sleep 0.1; done", grace: 3}
"""


def test_an_interrupted_stop_says_that_the_worker_is_still_stopping(served: CommandLine) -> None:
    served.write("stubborn.yaml", STUBBORN)
    run = served.json("run", "stubborn.yaml", "--detach")["run"]
    wait_for((served.directory / "begun").exists, "its start")
    stopped = served.start("worker", "stop", "--with-stages")
    assert stopped.stderr is not None
    assert "cancelled in stubborn: a" in stopped.stderr.readline()
    stopped.send_signal(signal.SIGINT)
    _out, err = stopped.communicate(timeout=60)
    words = "stopped; the operation may still complete; see `trainui worker status`"
    assert (stopped.returncode, err.splitlines()[-1]) == (130, words)
    served("wait", run)
    assert stage_of(served.json("show", run), "a")["status"] == "cancelled"
    assert served.json("worker", "status")["running"]


def runs_of(served: CommandLine) -> set[str]:
    return {str(run["run"]) for run in served.json("ls")["runs"]}
