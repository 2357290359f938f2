"""Following with real supervisors and a store, without Celery: by looks alone."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.unit.execution.submitted import begin, of_stage, submit
from tests.unit.supervisor import launching
from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.errors import StoreLockedError
from trainui.execution.attempt import (
    executors,
    launch,
    monitor,
    prepared_process,
    record_outcome,
)
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.attempt.record_outcome import FlushResult
from trainui.execution.planner import host
from trainui.model.records import AttemptRecord, PruningReason
from trainui.model.states import PRUNING_OFF, Status
from trainui.plugin.backends import LaunchAnswer, Launched
from trainui.resume import outputs
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests, stages
from trainui.supervisor import process
from trainui.supervisor.process import Probe
from trainui.supervisor.protocol import Spec


@pytest.fixture
def follower(hasty: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[AttemptMonitor]:
    # no metrics reader runs here
    monkeypatch.setattr(record_outcome, "wait_until_read", lambda *_, **__: FlushResult.COMPLETE)
    monkeypatch.setattr(monitor, "AGAIN_AFTER", 0.01)
    with following(hasty) as follower:
        yield follower


@contextmanager
def following(store: Database) -> Iterator[AttemptMonitor]:
    """A follower, as a worker has it."""
    stopping = threading.Event()
    follower = AttemptMonitor(store, stopping)
    yield follower
    stopping.set()
    follower.release()
    for pid in process.processes_of({"TRAINUI_HOME": os.environ["TRAINUI_HOME"]}):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def granted(store: Database, run: str, name: str = "a") -> AttemptRecord:
    with store.write() as connection:
        stage = views.stage(connection, run, name)
        assert stage is not None
        attempt = attempts.grant(connection, stage, (), host=host())
    assert attempt is not None
    return attempt


def look_until(follower: AttemptMonitor, run: str, status: Status) -> AttemptRecord:
    def seen() -> AttemptRecord | None:
        follower.poll(changed=True)
        attempt = of_stage(run, "a")[-1]
        return attempt if attempt.status == status else None

    return wait_for(seen, f"{status}")


def test_a_claimed_attempt_is_launched_followed_and_recorded(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    attempt = granted(store, run)
    task_id = str(attempt.celery_task_id)
    followed = follower.claim(run, "a", task_id)
    assert followed is not None
    assert follower.claim(run, "a", task_id) is None
    assert follower.claim(run, "a", "of another message") is None
    found = look_until(follower, run, Status.COMPLETED)
    assert followed.done.wait(60)
    assert (found.exit_code, Path(found.directory, "stdout.log").read_text()) == (0, "hi\n")


@pytest.mark.parametrize(
    "clears",
    ["rm -rf $TRAINUI_STAGE_DIR/* $TRAINUI_STAGE_DIR/.[!.]*", "rm -rf $TRAINUI_STAGE_DIR"],
)
@pytest.mark.parametrize("makes_again", [True, False])
def test_a_stage_may_clear_or_remove_its_own_directory(
    store: Database, follower: AttemptMonitor, tmp_path: Path, clears: str, makes_again: bool
) -> None:
    again = "mkdir -p $TRAINUI_STAGE_DIR; echo x > $TRAINUI_STAGE_DIR/out; " * makes_again
    script = f"echo before; {clears}; {again}echo '{{}}' >> $TRAINUI_METRICS_FILE; echo after"
    stage = {"name": "a", "run": script, "outputs": ["out"] * makes_again}
    run = submit(tmp_path, json.dumps({"stages": [stage]}))
    attempt = granted(store, run)
    follower.claim(run, "a", str(attempt.celery_task_id))
    found = look_until(follower, run, Status.COMPLETED)
    records = Path(found.directory)
    assert (records / "stdout.log").read_text() == "before\nafter\n"
    assert (records / "metrics.jsonl").read_text() == "{}\n"


def test_an_earlier_workers_claim_is_launched_by_a_look(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: echo hi >> said}]")
    with store.write() as connection:
        stage = views.stage(connection, run, "a")
        assert stage is not None
        attempt = attempts.grant(connection, stage, (), host=host())
        assert attempt is not None
        executors.make_records(Path(attempt.directory))
        assert attempts.claim(connection, run, "a", str(attempt.celery_task_id))
    look_until(follower, run, Status.COMPLETED)
    assert (tmp_path / "said").read_text() == "hi\n"


def test_the_next_worker_stops_a_pruned_stage_and_continues_unpruned(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    script = (
        "trap 'exit 0' TERM; echo x >> said; if test -e go; then exit 0; fi; "
        "while :; do sleep 0.02; done"
    )
    text = {
        "stages": [{"name": "a", "run": script}, {"name": "b", "depends_on": ["a"], "run": "x"}]
    }
    run = submit(tmp_path, json.dumps(text))
    with following(store) as killed:
        killed.claim(run, "a", str(granted(store, run).celery_task_id))
        wait_for((tmp_path / "said").exists, "its start")
        killed.release()  # the request is on record when its worker dies
        with store.write() as connection:
            stage = views.stage(connection, run, "a")
            assert stage is not None
            stage_requests.request_stop(
                connection, stage, pruning=PruningReason("nop", "m", 3, 1.0, lower=True)
            )
        found = look_until(follower, run, Status.PRUNED)
    assert found.error == "1 at step 3 was pruned by nop"
    assert not process.processes_of({"TRAINUI_RUN_ID": run})
    assert control.resume(run) == []
    with store.read() as connection:
        after, pruned = (views.stage(connection, run, name) for name in "ba")
    assert after is not None
    assert after.status == Status.QUEUED
    assert pruned is not None
    assert (pruned.status, pruned.reason) == (Status.PRUNED, found.error)
    (tmp_path / "go").touch()
    assert control.rerun(run, ["a"]) == ["a"]
    follower.claim(run, "a", str(granted(store, run).celery_task_id))
    assert look_until(follower, run, Status.COMPLETED).number == 2
    with store.read() as connection:
        told = [one for _, one in views.events(connection, run)]
    off = [one.text for one in told if one.kind == PRUNING_OFF]
    assert off == ["a runs with pruning off, since it was pruned before"]


@pytest.mark.parametrize("moment", ["record_start", "_launch_now"])
def test_a_stage_that_removes_its_records_is_not_restarted(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """Its worker is killed before it noted the process; so is another that it had no time for."""
    script = "rm -rf $TRAINUI_RUN_DIR; echo ran >> ran; until test -e go; do sleep 0.02; done"
    run = submit(tmp_path, json.dumps({"stages": [{"name": "a", "run": script}]}))
    attempt = granted(store, run)
    killed = AttemptMonitor(store, threading.Event())
    owner = monitor if moment == "record_start" else killed._launcher
    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, _be_killed)
        with pytest.raises(KeyboardInterrupt):
            killed.claim(run, "a", str(attempt.celery_task_id))
    killed.release()
    for _ in range(5):
        follower.poll(changed=True)
    wait_for((tmp_path / "ran").exists, "its start")
    for _ in range(5):
        follower.poll(changed=True)
    assert of_stage(run, "a")[-1].status == Status.RUNNING
    (tmp_path / "go").touch()
    look_until(follower, run, Status.INTERRUPTED)
    assert (tmp_path / "ran").read_text() == "ran\n"


def _be_killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("cause", [OSError(errno.ENOSPC, "No space left"), OSError(5, "I/O error")])
def test_an_attempt_whose_directory_cannot_be_made_was_never_started(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cause: OSError,
) -> None:
    def refuse(_directory: Path) -> None:
        raise cause

    monkeypatch.setattr(monitor, "make_records", refuse)
    run = submit(tmp_path, "stages: [{name: a, run: touch ran}]")
    follower.claim(run, "a", str(granted(store, run).celery_task_id))
    (attempt,) = of_stage(run, "a")
    assert (attempt.status, attempt.error) == (Status.FAILED, str(cause))
    with store.read() as connection:
        waits = stages.get(connection, attempt.stage_id).status == Status.QUEUED
    assert waits == (cause.errno == errno.ENOSPC)
    assert not (tmp_path / "ran").exists()


def test_a_worker_stopped_before_its_claim_leaves_anothers_attempt(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it continues, it finds records of an attempt that is not forgotten."""
    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    message = str(granted(store, run).celery_task_id)
    forgotten = outputs.forgotten
    with following(store) as other:

        def late(directory: Path) -> list[Path]:
            monkeypatch.setattr(outputs, "forgotten", forgotten)
            assert other.claim(run, "a", message) is not None
            look_until(other, run, Status.COMPLETED)
            return forgotten(directory)

        monkeypatch.setattr(outputs, "forgotten", late)
        assert follower.claim(run, "a", message) is None
    (attempt,) = of_stage(run, "a")
    assert Path(attempt.directory, "stdout.log").read_text() == "hi\n"


def test_an_attempt_that_could_not_launch_is_never_launched_later(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: touch ran, workdir: ./later}]")
    attempt = granted(store, run)
    assert follower.claim(run, "a", str(attempt.celery_task_id)) is not None
    found = look_until(follower, run, Status.FAILED)
    assert "later does not exist" in str(found.error)
    (tmp_path / "later").mkdir()
    spec = Spec(("touch", "ran"), str(tmp_path / "later"), dict(os.environ))
    late = launching.launch(Path(attempt.directory), spec)
    assert late.state == LaunchAnswer.ALREADY
    assert not (tmp_path / "later" / "ran").exists()


def test_an_unanswered_launch_is_recorded_only_where_nothing_started(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = process.start

    def start_and_not_answer(*arguments: object, **_: object) -> Launched:
        assert real(*arguments).state == LaunchAnswer.STARTED  # type: ignore[arg-type]
        return Launched(LaunchAnswer.BROKEN, "no answer within 60 s")

    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    attempt = granted(store, run)
    monkeypatch.setattr(process, "start", start_and_not_answer)
    follower.claim(run, "a", str(attempt.celery_task_id))
    look_until(follower, run, Status.COMPLETED)

    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    attempt = granted(store, run)
    broken = Launched(LaunchAnswer.BROKEN, "no answer within 60 s")
    monkeypatch.setattr(process, "start", lambda *_, **__: broken)
    follower.claim(run, "a", str(attempt.celery_task_id))
    found = look_until(follower, run, Status.FAILED)
    assert found.error == "its supervisor could not be started: no answer within 60 s"


def test_an_unanswered_launch_with_removed_records_has_not_failed(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = process.start

    def start_and_not_answer(*arguments: object, **_: object) -> Launched:
        assert real(*arguments).state == LaunchAnswer.STARTED  # type: ignore[arg-type]
        wait_for((tmp_path / "ran").exists, "its start")
        return Launched(LaunchAnswer.BROKEN, "no answer within 60 s")

    monkeypatch.setattr(process, "start", start_and_not_answer)
    script = "rm -rf $TRAINUI_RUN_DIR; echo ran >> ran; until test -e go; do sleep 0.02; done"
    run = submit(tmp_path, json.dumps({"stages": [{"name": "a", "run": script}]}))
    follower.claim(run, "a", str(granted(store, run).celery_task_id))
    follower.poll(changed=True)
    assert of_stage(run, "a")[-1].status == Status.RUNNING
    (tmp_path / "go").touch()
    look_until(follower, run, Status.INTERRUPTED)
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_an_invalid_record_is_reported_and_blocks_no_other_attempt(
    store: Database, follower: AttemptMonitor, tmp_path: Path
) -> None:
    runs = [submit(tmp_path, "stages: [{name: a, run: echo hi}]") for _ in range(2)]
    first, _ = (begin(store, run, "a").attempt for run in runs)
    Path(first.directory, "exit.json").write_text('{"version": 1, "reason": "bored", "left": []}')
    look_until(follower, runs[1], Status.COMPLETED)
    with store.read() as connection:
        reason = str(stages.get(connection, first.stage_id).reason)
    assert f"{first.directory}/exit.json cannot be understood: 'bored' is not" in reason
    assert "`trainui cancel` " in reason


def test_a_poll_that_fails_blocks_no_other_attempt(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [submit(tmp_path, "stages: [{name: a, run: echo hi}]") for _ in range(2)]
    first, _ = (begin(store, run, "a").attempt for run in runs)
    real = process.probe

    def probe(directory: Path, identity: Mapping[str, str] | None = None) -> Probe:
        if directory == Path(first.directory):
            raise ValueError("a bug")
        return real(directory, identity)

    monkeypatch.setattr(process, "probe", probe)
    look_until(follower, runs[1], Status.COMPLETED)


def test_a_pass_ends_at_the_first_locked_store(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        run = submit(tmp_path, "stages: [{name: a, run: sleep 100}]")
        assert follower.claim(run, "a", str(granted(store, run).celery_task_id)) is not None
    met: list[Path] = []

    def probe(directory: Path) -> Probe:
        met.append(directory)
        raise StoreLockedError("locked")

    monkeypatch.setattr(process, "probe", probe)
    with pytest.raises(StoreLockedError):
        follower.poll(changed=False)
    assert len(met) == 1


def launch_while_locked(store: Database, follower: AttemptMonitor, run: str) -> None:
    """Have an attempt launched, and the store locked from before that until it was refused."""
    attempt, refused = granted(store, run), threading.Event()
    real = prepared_process.choose_checkpoint

    def choose(*arguments: Any) -> str | None:
        locked.enter_context(store.write())
        return real(*arguments)

    with ExitStack() as locked, pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "choose_checkpoint", choose)
        patch.setattr(engine.outages, "failed", lambda _: refused.set())
        assert follower.claim(run, "a", str(attempt.celery_task_id)) is not None
        assert refused.is_set()


@pytest.mark.parametrize("inputs", ["pipeline.yaml", ""])
def test_a_launch_that_finds_the_store_locked_is_done_again(
    store: Database, follower: AttemptMonitor, tmp_path: Path, inputs: str
) -> None:
    """Refused as its inputs are to be noted, or as its start is."""
    run = submit(tmp_path, f"stages: [{{name: a, run: echo hi >> x, inputs: [{inputs}]}}]")
    launch_while_locked(store, follower, run)
    look_until(follower, run, Status.COMPLETED)
    assert [one.number for one in of_stage(run, "a")] == [1]
    assert (tmp_path / "x").read_text() == "hi\n"


@pytest.mark.parametrize("same", [True, False])
def test_a_failed_launch_is_recorded_when_the_store_is_free(
    store: Database, hasty: Database, follower: AttemptMonitor, tmp_path: Path, same: bool
) -> None:
    """By this worker or by the next one."""
    run = submit(tmp_path, "stages: [{name: a, run: touch ran, workdir: ./later}]")
    launch_while_locked(store, follower, run)
    with nullcontext(follower) if same else following(hasty) as recording:
        found = look_until(recording, run, Status.FAILED)
    assert "later does not exist" in str(found.error)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EROFS])
def test_a_postponed_launch_is_requeued_when_the_store_is_free(
    store: Database,
    hasty: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    monkeypatch.setattr(outputs, "note", fail)
    launch_while_locked(store, follower, run)
    with following(hasty) as next_one:
        attempt = look_until(next_one, run, Status.FAILED)
    with store.read() as connection:
        stage = stages.get(connection, attempt.stage_id)
    assert (stage.status, stage.retries_used) == (Status.QUEUED, 0)
    assert os.strerror(number) in str(stage.reason)


def test_steps_that_failed_for_the_store_are_retried(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = record_outcome.record_end, iter([OSError("disk full")] * 3)

    def fail_at_first(*arguments: object) -> bool:
        if (error := next(failures, None)) is not None:
            raise error
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(record_outcome, "record_end", fail_at_first)
    run = submit(tmp_path, "stages: [{name: a, run: echo hi}]")
    attempt = granted(store, run)
    follower.claim(run, "a", str(attempt.celery_task_id))
    look_until(follower, run, Status.COMPLETED)
    assert next(failures, None) is None


@pytest.mark.parametrize("who", ["supervisor", "process"])
def test_a_stage_that_is_stopped_by_a_signal_says_so(
    store: Database,
    follower: AttemptMonitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
) -> None:
    monkeypatch.setattr(monitor, "SUSPENSION_EVERY", 0.0)
    run = submit(tmp_path, "stages: [{name: a, run: sleep 600}]")
    attempt = granted(store, run)
    follower.claim(run, "a", str(attempt.celery_task_id))
    found = of_stage(run, "a")[-1]
    pid = found.supervisor_pid if who == "supervisor" else found.pid
    assert pid is not None

    def reason() -> str | None:
        follower.poll(changed=False)
        with store.read() as connection:
            return stages.get(connection, attempt.stage_id).reason

    os.kill(pid, signal.SIGSTOP)
    words = f"its {who} is stopped by a signal: `kill -CONT {pid}` lets it continue"
    wait_for(lambda: reason() == words, words)
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: reason() is None, "no warning")


def test_why_a_launch_is_tried_again_is_said(
    store: Database, follower: AttemptMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    run = submit(tmp_path, "stages: [{name: a, run: echo hi, workdir: ./later}]")
    attempt = granted(store, run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor, "prevent_start", fail)
        follower.claim(run, "a", str(attempt.celery_task_id))
        with store.read() as connection:
            reason = stages.get(connection, attempt.stage_id).reason
        assert reason == "will retry: [Errno 5] Input/output error"
    (tmp_path / "later").mkdir()
    look_until(follower, run, Status.COMPLETED)
    with store.read() as connection:
        assert stages.get(connection, attempt.stage_id).reason is None
