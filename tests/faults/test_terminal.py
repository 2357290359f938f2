"""The terminal is gone, or the screen is killed, also in the middle of what a person does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.terminal import PROGRAM, Terminal, terminal
from tests.faults.conftest import NewRun
from tests.faults.dying_screen import AFTER, DURING
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, Run, stage
from tests.unit.supervisor.waiting import wait_for
from trainui.execution import broker
from trainui.execution.daemon import health
from trainui.model.records import RunRecord
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.store.read import views
from trainui.supervisor.supervise import start_ticks

MOMENTS = (DURING, pytest.param(AFTER, marks=pytest.mark.long))

SUBMITTING = "import sys; from trainui.cli.main import run; sys.argv[1:] = ['run', {!r}]; run()"


def all_runs() -> list[RunRecord]:
    with engine.reading() as connection:
        found = connection.execute("SELECT id FROM runs ORDER BY created_at").fetchall()
        return [run for (run_id,) in found if (run := views.run(connection, run_id)) is not None]


def hang_up(shown: Terminal) -> None:
    """Close the terminal: the kernel sends the screen SIGHUP, as when an SSH session drops."""
    shown.process.ptyproc.fileobj.close()  # type: ignore[attr-defined]


def kill(shown: Terminal) -> None:
    assert shown.process.pid
    os.kill(shown.process.pid, signal.SIGKILL)
    shown.ended()


@pytest.mark.parametrize("leave", [hang_up, pytest.param(kill, marks=pytest.mark.long)])
def test_processes_started_by_a_screen_outlive_its_terminal(
    trainui_home: Home, tmp_path: Path, leave: Callable[[Terminal], None]
) -> None:
    """Case 11. `trainui run` starts everything from a terminal, which then hangs up.

    Or the screen is killed. Guard, worker, broker, supervisor and stage are the same processes
    afterwards, the worker does not begin anew, and another screen shows the run.
    """
    file = tmp_path / "held.yaml"
    held = f"until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    file.write_text(f"name: held\nstages:\n  - {{name: a, run: '{held}'}}\n")
    with terminal(program=SUBMITTING.format(str(file))) as shown:
        shown.until_shown("● running")
        (record,) = all_runs()
        (attempt,) = attempts_of(record.id)
        pids = [
            background.guard_pid(trainui_home),
            background.worker_pid(trainui_home),
            background.broker_pid(trainui_home),
            int(attempt["supervisor_pid"]),
            int(attempt["pid"]),
        ]
        before = [start_ticks(pid) for pid in pids]
        leave(shown)
        screen = int(shown.process.pid or 0)
        wait_for(lambda: is_gone(screen), "the end of the screen")
    assert [start_ticks(pid) for pid in pids] == before
    with terminal() as again:
        again.until_shown("held", "● running")
        (tmp_path / "go").touch()
        again.until_shown("✓ completed")
    ready = health.read_ready(trainui_home)
    assert ready is not None
    assert int(ready["pid"]) == pids[1]
    assert broker.find_pid(trainui_home) == pids[2]
    assert trainui_home.worker_log.read_text().count(" ready.") == 1


def is_gone(pid: int) -> bool:
    return start_ticks(pid) is None


def attempts_of(run_id: str) -> list[dict[str, int]]:
    def look() -> list[dict[str, int]]:
        with engine.reading() as connection:
            (one,) = views.stages(connection, run_id)
            found = views.attempts_of_stage(connection, one.id)
        return [
            {"pid": int(a.pid), "supervisor_pid": int(a.supervisor_pid or 0)}
            for a in found
            if a.pid
        ]

    return wait_for(look, "an attempt's process")


@contextmanager
def dying(moment: str, run: Run | None = None) -> Iterator[Terminal]:
    run_id = None if run is None else run.id
    program = f"from tests.faults import dying_screen; dying_screen.run({moment!r}, {run_id!r})"
    with terminal(program=program, PYTHONPATH=str(Path(__file__).parents[2])) as shown:
        yield shown


@contextmanager
def living(run: Run) -> Iterator[Terminal]:
    program = PROGRAM.replace("run_screen()", f"run_screen({run.id!r})")
    with terminal(program=program) as shown:
        yield shown


def database_is_whole() -> bool:
    with engine.reading() as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_screen_killed_as_it_cancels_has_cancelled_or_not(
    home: Home, new_run: NewRun, moment: str
) -> None:
    """The screen is killed in the transaction that cancels a stage, or just after it.

    The stage goes on, or is cancelled to its end; where it goes on the next screen cancels it.
    """
    run = new_run(stage("a", HOLD), stage("b", NOTE, "a"))
    run.process("a")

    def cancel(shown: Terminal) -> None:
        shown.until_shown("● running")
        shown.press("x")
        shown.until_shown("Cancel")
        shown.press("y")

    with dying(moment, run) as shown:
        cancel(shown)
        assert shown.ended() == -signal.SIGKILL
    assert database_is_whole()
    if moment == DURING:
        assert run.attempt("a").cancel_requested_at is None
        assert run.statuses() == {"a": "running", "b": "pending"}
        with living(run) as shown:
            cancel(shown)
            run.wait_for("a", Status.CANCELLED)
    assert run.wait().status == Status.CANCELLED
    assert run.statuses() == {"a": "cancelled", "b": "blocked"}
    assert run.lines("ledger") == ["a 1"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_screen_killed_during_a_resume_resumed_all_or_nothing(
    home: Home, new_run: NewRun, moment: str
) -> None:
    """The screen is killed in the transaction that resumes a run, or just after it.

    No stage or each stage that is due gets its new attempt, once.
    """
    run = new_run(stage("done", NOTE), stage("a", NOTE + "[ -e go ]"), stage("b", NOTE, "a"))
    assert run.wait().status == Status.FAILED
    run.go()

    def resume(shown: Terminal) -> None:
        shown.until_shown("✗ failed")
        shown.press("r")
        shown.until_shown("2 to run, 1 skipped")
        shown.press("y")

    with dying(moment, run) as shown:
        resume(shown)
        assert shown.ended() == -signal.SIGKILL
    assert database_is_whole()
    if moment == DURING:
        assert run.statuses() == {"done": "completed", "a": "failed", "b": "blocked"}
        with living(run) as shown:
            resume(shown)
            wait_for(lambda: len(run.attempts("a")) == 2, "a new attempt")
    assert run.wait().status == Status.COMPLETED
    assert sorted(run.lines("ledger")) == ["a 1", "a 2", "b 1", "done 1"]


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_screen_killed_during_a_submission_stored_all_or_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The screen is killed in the transaction that stores a run, or just after it."""
    background.start()
    (tmp_path / "two.yaml").write_text(
        "name: two\nstages:\n  - {name: a, run: 'true'}\n"
        "  - {name: b, run: 'true', depends_on: [a]}\n"
    )
    monkeypatch.chdir(tmp_path)
    before = {run.id for run in all_runs()}

    def new() -> list[RunRecord]:
        return [run for run in all_runs() if run.id not in before]

    def submit(shown: Terminal) -> None:
        shown.press("u")
        shown.until_shown("✓ two")
        shown.press("\r")

    with dying(moment) as shown:
        shown.until_shown("quit")
        submit(shown)
        assert shown.ended() == -signal.SIGKILL
    assert database_is_whole()
    if moment == DURING:
        assert new() == []
        with terminal() as shown:
            shown.until_shown("quit")
            submit(shown)
            wait_for(new, "the run")
    (run,) = new()
    wait_for(lambda: new()[0].status == Status.COMPLETED, "the run's end")
    with engine.reading() as connection:
        assert [one.attempt for one in views.stages(connection, run.id)] == [1, 1]
