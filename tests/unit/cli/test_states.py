"""What `cancel`, `resume`, `rerun` and `wait` say and exit with, for a stage in each state."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.execution.submitted import begin
from trainui import clock, control
from trainui.cli.main import main
from trainui.execution.attempt import lost_attempts
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.pipeline.rules.resume_plan import StageOptions
from trainui.resume import code_version
from trainui.store.db import engine
from trainui.store.db.engine import Database, open_store
from trainui.store.db.statements import set_values
from trainui.store.read import views
from trainui.store.runs import attempts

PIPELINE = """\
name: p
stages:
  - {name: a, run: "true", retries: 1, retry_delay: 1h}
  - {name: b, run: "true", depends_on: [a]}
"""

State = Callable[[Database, str], None]
"""Brings stage `a` of a run to a state, and so `b`, which depends on it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    directory = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRAINUI_HOME", str(directory / "home"))
        environment.setenv("XDG_CONFIG_HOME", str(directory / "config"))
        store = open_store()
        yield store
        store.close()


def queued(store: Database, run: str) -> None:
    pass


def granted(store: Database, run: str) -> None:
    with store.write() as connection:
        stage = views.stage(connection, run, "a")
        assert stage is not None
        assert attempts.grant(connection, stage, [], host="h")


def running(store: Database, run: str) -> None:
    begin(store, run, "a")


def stopping(store: Database, run: str) -> None:
    begin(store, run, "a")
    control.cancel(run, ["a"])


def end(store: Database, run: str, name: str, status: Status, *, retry: bool = False) -> None:
    attempt = begin(store, run, name).attempt
    error = None if status == Status.COMPLETED else "exit code 3"
    outcome = attempts.Outcome(
        status, clock.now(), started_at=clock.now(), error=error, retry=retry
    )
    with store.write() as connection:
        attempts.end(connection, attempt.id, outcome)


def retry(store: Database, run: str) -> None:
    end(store, run, "a", Status.FAILED, retry=True)


def cancelled(store: Database, run: str) -> None:
    control.cancel(run, ["a"])


def completed(store: Database, run: str) -> None:
    end(store, run, "a", Status.COMPLETED)


failed = functools.partial(end, name="a", status=Status.FAILED)
interrupted = functools.partial(end, name="a", status=Status.INTERRUPTED)


def all_completed(store: Database, run: str) -> None:
    completed(store, run)
    end(store, run, "b", Status.COMPLETED)


def skipped(store: Database, run: str) -> None:
    failed(store, run)
    control.resume(run, StageOptions(until=["a"]))
    completed(store, run)


ASKS = "cancelling: a"
TABLE: list[tuple[State, str, int, str, str]] = [
    (queued, "cancel RUN a", 0, "cancelled: a", "cancelled blocked"),
    (granted, "cancel RUN a", 0, "cancelled: a", "cancelled blocked"),
    (running, "cancel RUN a", 0, ASKS + " *", "running pending"),
    (stopping, "cancel RUN a", 0, ASKS + " *", "running pending"),
    (retry, "cancel RUN a", 0, "cancelled: a", "cancelled blocked"),
    (completed, "cancel RUN a", 0, "nothing to cancel: a is ✓ completed", "completed queued"),
    (failed, "cancel RUN a", 0, "nothing to cancel: a is ✗ failed", "failed blocked"),
    (failed, "cancel RUN b", 0, "cancelled: b", "failed cancelled"),
    (skipped, "cancel RUN b", 0, "nothing to cancel: b is – skipped", "completed skipped"),
    (running, "cancel RUN", 0, "cancelled: b cancelling: a *", "running cancelled"),
    (failed, "cancel RUN", 0, "nothing to cancel: p is ✗ failed", "failed blocked"),
    (all_completed, "cancel RUN", 0, "nothing to cancel: p is ✓ completed", "completed completed"),
    (queued, "cancel RUN zz", 3, "no stage is named 'zz'; this run has a, b", "queued pending"),
    (queued, "resume RUN", 0, "nothing to resume: p is ◔ queued *", "queued pending"),
    (granted, "resume RUN", 0, "nothing to resume: p is ◔ queued *", "queued pending"),
    (stopping, "resume RUN", 0, "nothing to resume: p is ● running *", "running pending"),
    (retry, "resume RUN", 0, "nothing to resume: p is ● running *", "queued pending"),
    (all_completed, "resume RUN", 0, "nothing to resume: p is ✓ completed", "completed completed"),
    (failed, "resume RUN --detach", 0, "resumed: a, b *", "queued pending"),
    (cancelled, "resume RUN --detach", 0, "resumed: a, b *", "queued pending"),
    (interrupted, "resume RUN --detach", 0, "resumed: a, b *", "queued pending"),
    (skipped, "resume RUN --detach", 0, "resumed: b *", "completed queued"),
    (failed, "resume RUN --detach --until a", 0, "resumed: a *", "queued skipped"),
    (running, "resume RUN --fresh a", 2, "a is running; cancel it before", "running pending"),
    (retry, "resume RUN --fresh a", 2, "a is queued; cancel it before", "queued pending"),
    (queued, "rerun RUN a", 2, "a is queued; wait for its end, or", "queued pending"),
    (running, "rerun RUN a", 2, "a is running; wait for its end, or", "running pending"),
    (retry, "rerun RUN a", 2, "a is queued; wait for its end, or", "queued pending"),
    (completed, "rerun RUN a", 0, "rerunning: a *", "queued pending"),
    (completed, "rerun RUN a --downstream", 2, "b is queued; wait", "completed queued"),
    (all_completed, "rerun RUN a", 0, "rerunning: a *", "queued completed"),
    (all_completed, "rerun RUN a --downstream", 0, "rerunning: a, b *", "queued pending"),
    (failed, "rerun RUN a", 0, "rerunning: a *", "queued blocked"),
    (failed, "rerun RUN b", 2, "b cannot run: a failed; `trainui resume`", "failed blocked"),
    (
        queued,
        "wait RUN --timeout 0",
        5,
        "; the run continues",
        "queued pending",
    ),
    (stopping, "wait RUN --timeout 0", 5, "running a - was asked to stop", "running pending"),
    (all_completed, "wait RUN", 0, "run p ✓ completed", "completed completed"),
    (skipped, "wait RUN", 0, "run p ✓ completed", "completed skipped"),
    (failed, "wait RUN", 1, "see `trainui logs", "failed blocked"),
    (interrupted, "wait RUN", 1, "resume with: trainui resume", "interrupted blocked"),
    (cancelled, "wait RUN", 130, "run p ⊘ cancelled", "cancelled blocked"),
    (cancelled, "wait RUN", 130, "resume with: trainui resume", "cancelled blocked"),
    (failed, "wait RUN", 1, "resume with: trainui resume", "failed blocked"),
]
"""State, command, exit code, words that are printed (`*`: and a worker is seen to), states after
it of `a` and `b`."""


@pytest.mark.parametrize(("state", "command", "code", "words", "after"), TABLE)
def test_each_command_answers_for_each_state(
    store: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: State,
    command: str,
    code: int,
    words: str,
    after: str,
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: started.append(True))
    run = control.submit(loader.load_text(PIPELINE))
    state(store, run)
    assert main(command.replace("RUN", run).split()) == code
    shown = capsys.readouterr()
    said = " ".join((shown.out + " " + shown.err).split())
    assert words.removesuffix(" *") in said
    assert bool(started) == words.endswith(" *")
    with engine.reading() as connection:
        assert " ".join(str(one.status) for one in views.stages(connection, run)) == after


def test_what_is_not_recorded_yet_is_not_called_uninterrupted(
    store: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: None)
    monkeypatch.setattr(lost_attempts, "runs", lambda: {"run"})
    monkeypatch.setattr(lost_attempts, "PATIENCE", 0.0)
    assert main(["resume", "--interrupted", "--detach"]) == 5
    said = capsys.readouterr().err
    assert "has not recorded yet how some stages ended" in said
    assert "no run was interrupted" not in said


def test_a_code_change_is_one_line_for_all_later_stages(
    store: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = control.submit(loader.load_text(PIPELINE))
    all_completed(store, run)
    with store.write() as connection:
        for attempt in attempts.started(connection, after=0):
            if attempt.run_id == run:
                attempts.record(connection, attempt, "the code was changed: a.py")
    assert main(["show", run]) == 0
    assert capsys.readouterr().out.count("the code was changed") == 1
    words = "the code was changed: a.py; stages that start now use the changed code"
    monkeypatch.setattr(code_version, "since_submission", lambda _: words)
    with store.write() as connection:
        last = views.stages(connection, run)[-1]
        set_values(connection, "stages", last.id, status=Status.QUEUED)
    assert main(["show", run]) == 0
    assert f"a (and 1 more): {words}" in capsys.readouterr().out


def test_the_second_of_two_resumes_says_what_the_run_is_now(
    store: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = control.resume

    def second(run: str, *words: Any, **options: Any) -> Any:
        resume(run, *words, **options)
        return resume(run, *words, **options)

    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: None)
    run = control.submit(loader.load_text(PIPELINE))
    failed(store, run)
    monkeypatch.setattr(control, "resume", second)
    assert main(["resume", run, "--detach"]) == 0
    assert "nothing to resume: p is ● running" in capsys.readouterr().err
