"""How ends are recorded in the store: metrics first, slots free, checkpoints marked."""

from __future__ import annotations

import errno
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.execution.attempt.test_outcome import ended
from tests.unit.execution.submitted import begin, of_stage, submit
from tests.unit.store.readings import Feeder, held_slots
from tests.unit.supervisor.waiting import PATIENCE
from trainui import clock, paths
from trainui.execution.attempt import record_outcome
from trainui.execution.attempt.outcome import LostSupervisor
from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.execution.attempt.record_outcome import FlushResult
from trainui.execution.daemon import health
from trainui.execution.planner import host
from trainui.model.records import AttemptRecord, Slot, StageRecord
from trainui.model.states import BEST, NAN, Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import event_feed, views
from trainui.store.runs import attempts, runs, stage_requests, stages
from trainui.store.runs.metrics_progress import mark_metrics_complete
from trainui.supervisor.protocol import ExitReason

GPU = Slot(host(), "gpu", 0)
TEXT = "stages: [{name: a, run: x, checkpoint: 'ckpt-*', retries: 1}, {name: b, run: x}]"


@pytest.fixture
def context(store: Database, tmp_path: Path) -> AttemptContext:
    """An attempt that has just started, its metrics read."""
    return started(store, begin(store, submit(tmp_path, TEXT), "a", GPU))


def started(store: Database, context: AttemptContext) -> AttemptContext:
    directory = Path(context.attempt.directory)
    (directory / "started").touch()
    with store.write() as connection:
        mark_metrics_complete(connection, context.attempt.id)
    return context


def stage(store: Database, context: AttemptContext) -> StageRecord:
    with store.read() as connection:
        return stages.get(connection, context.stage.id)


def record(store: Database, context: AttemptContext, **fields: object) -> AttemptRecord:
    found = ended(**fields)
    assert record_outcome.record_end(store, context.attempt, found, threading.Event())
    return of_stage(context.run.id, "a")[context.attempt.number - 1]


def tried(store: Database, context: AttemptContext) -> set[str]:
    with store.read() as connection:
        return set(attempts.tried_checkpoints(connection, context.stage.id))


def test_a_taken_gpu_makes_the_stage_wait_without_a_retry(
    store: Database, context: AttemptContext
) -> None:
    reason = ExitReason.LOCK_HELD
    attempt = record(
        store,
        context,
        exit_code=None,
        reason=reason,
        message="another process has locked /tmp/x.lock",
    )
    assert (attempt.status, attempt.error) == (
        Status.FAILED,
        "GPU 0 cannot be locked: another process has locked /tmp/x.lock",
    )
    found = stage(store, context)
    assert (found.status, found.retries_used) == (Status.QUEUED, 0)
    assert found.not_before is not None
    assert found.not_before > clock.now()
    with store.read() as connection:
        assert held_slots(connection, host()) == {}


def test_a_stage_without_a_process_waits_without_a_retry(
    store: Database, context: AttemptContext
) -> None:
    message = f"cannot fork: {os.strerror(errno.EAGAIN)}"
    reason = ExitReason.START_FAILED
    number = errno.EAGAIN
    attempt = record(store, context, exit_code=None, reason=reason, message=message, errno=number)
    assert (attempt.status, attempt.error) == (Status.FAILED, message)
    found = stage(store, context)
    assert (found.status, found.reason, found.retries_used) == (Status.QUEUED, message, 0)


def test_a_path_that_reads_as_a_shortage_is_none(store: Database, context: AttemptContext) -> None:
    reason = ExitReason.START_FAILED
    message = f"cannot enter the working directory '/{os.strerror(errno.ENOSPC)}': gone"
    number = errno.ENOENT
    record(store, context, exit_code=None, reason=reason, message=message, errno=number)
    assert stage(store, context).retries_used == 1


def continued(store: Database, context: AttemptContext) -> str:
    """Let an attempt have continued from a checkpoint that was there before."""
    checkpoint = Path(context.stage.directory) / "ckpt-1"
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_text("x")
    began = (Path(context.attempt.directory) / "started").stat().st_mtime_ns
    os.utime(checkpoint, ns=(began - 1, began - 1))
    with store.write() as connection:
        attempts.set_checkpoint(connection, context.attempt.id, str(checkpoint))
    return str(checkpoint)


def test_a_checkpoint_from_which_nothing_came_is_marked(
    store: Database, context: AttemptContext
) -> None:
    checkpoint = continued(store, context)
    assert record(store, context, exit_code=1).status == Status.FAILED
    assert tried(store, context) == {checkpoint}


def test_a_checkpoint_from_which_a_point_came_is_not(
    store: Database, context: AttemptContext
) -> None:
    continued(store, context)
    Feeder(store, context.stage.id, attempt=1).feed({"loss": [(1, 0.5)]})
    record(store, context, exit_code=1)
    assert tried(store, context) == set()


def test_a_checkpoint_from_which_another_came_is_not(
    store: Database, context: AttemptContext
) -> None:
    continued(store, context)
    (Path(context.stage.directory) / "ckpt-2").write_text("x")
    record(store, context, exit_code=1)
    assert tried(store, context) == set()


def test_a_checkpoint_of_a_cancelled_attempt_is_not(
    store: Database, context: AttemptContext
) -> None:
    continued(store, context)
    with store.write() as connection:
        stage_requests.cancel(
            connection, context.run.id, [stages.get(connection, context.stage.id)]
        )
    assert record(store, context, exit_code=1, completed_at=clock.now()).status == "cancelled"
    assert tried(store, context) == set()


def test_an_end_is_recorded_once(store: Database, context: AttemptContext) -> None:
    record(store, context)
    assert record(store, context, exit_code=1).status == Status.COMPLETED
    assert stage(store, context).status == Status.COMPLETED


@pytest.mark.parametrize("written", ["stdout.log", "metrics.jsonl"])
def test_a_loss_is_dated_by_the_last_sign_of_life(
    store: Database, context: AttemptContext, written: str
) -> None:
    file = Path(context.attempt.directory, written)
    file.write_text("x")
    os.utime(file, (5, 5))
    stopping = threading.Event()
    assert record_outcome.record_end(store, context.attempt, LostSupervisor(), stopping)
    (attempt,) = of_stage(context.run.id, "a")
    assert (attempt.status, attempt.completed_at) == (Status.INTERRUPTED, 5 * clock.SECOND)


@pytest.mark.parametrize(("watched", "expected"), [(3, 5), (9, 9)])
def test_a_mute_attempt_ran_as_long_as_a_worker_watched_it(
    store: Database, context: AttemptContext, watched: int, expected: int
) -> None:
    file = Path(context.attempt.directory, "stdout.log")
    file.touch()
    os.utime(file, (5, 5))
    home = paths.home()
    home.worker.mkdir(parents=True, exist_ok=True)
    health.declare_ready(home, [])
    os.utime(home.worker / "ready.json", (watched, watched))
    health.clear_ready(home)  # the next worker has started
    stopping = threading.Event()
    assert record_outcome.record_end(store, context.attempt, LostSupervisor(), stopping)
    (attempt,) = of_stage(context.run.id, "a")
    assert attempt.completed_at == expected * clock.SECOND


def unread(store: Database, tmp_path: Path) -> AttemptContext:
    context = begin(store, submit(tmp_path, TEXT), "a", GPU)
    log = Path(context.attempt.directory, "stdout.log")
    log.write_text("hi\n")
    return context


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("../.trainui/a/attempt-1/stdout.log", False),
        ("../.trainui/a/attempt-1/metrics.jsonl", False),
        ("logs/metrics.csv", False),
        ("model.pt", True),
    ],
)
def test_nobody_is_waited_for_where_nothing_can_hold_a_metric(
    store: Database, tmp_path: Path, path: str, expected: bool
) -> None:
    context = begin(store, submit(tmp_path, TEXT), "a", GPU)
    file = Path(context.stage.directory, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    stopping = threading.Event()
    stopping.set()
    found = record_outcome.wait_until_read(store, context, stopping)
    assert found == FlushResult.NOTHING
    file.write_text("step,loss\n1,2\n")
    found = record_outcome.wait_until_read(store, context, stopping)
    assert (found == FlushResult.NOTHING) is expected


def test_that_there_was_nothing_to_read_is_on_record(store: Database, tmp_path: Path) -> None:
    context = begin(store, submit(tmp_path, TEXT), "a", GPU)
    assert record_outcome.record_end(store, context.attempt, ended(), threading.Event())
    (attempt,) = of_stage(context.run.id, "a")
    assert attempt.status == Status.COMPLETED
    with store.read() as connection:
        assert attempts.get(connection, attempt.id).metrics_complete


def test_the_wait_for_metrics_ends_when_all_are_read(store: Database, tmp_path: Path) -> None:
    context = unread(store, tmp_path)

    def read() -> None:
        with store.write() as connection:
            mark_metrics_complete(connection, context.attempt.id)

    reader = threading.Timer(0.1, read)
    reader.start()
    found = record_outcome.wait_until_read(store, context, threading.Event())
    reader.join()
    assert found == FlushResult.COMPLETE


def test_the_wait_for_metrics_is_bounded_and_that_is_said(store: Database, tmp_path: Path) -> None:
    context = unread(store, tmp_path)
    found = record_outcome.wait_until_read(store, context, threading.Event(), patience=0.1)
    assert found == FlushResult.GIVEN_UP
    with engine.reading() as connection:
        texts = [event.text for _, event in views.events(connection, context.run.id)]
    assert "a: its metrics may be incomplete: the reader made no progress for 0.1 s" in texts


def test_a_reader_that_could_not_write_is_not_given_up(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is locked for longer than the reader may get no further."""
    context, waits = unread(store, tmp_path), threading.Event()
    real = Database.await_writable

    def await_writable(store: Database) -> None:
        waits.set()
        real(store)

    monkeypatch.setattr(Database, "await_writable", await_writable)
    with closing(Database(store.url)) as another, ThreadPoolExecutor() as pool:
        with store.write() as connection:
            never = threading.Event()
            waiting = pool.submit(
                record_outcome.wait_until_read, another, context, never, patience=0.1
            )
            assert waits.wait(PATIENCE)
            mark_metrics_complete(connection, context.attempt.id)
        assert waiting.result() == FlushResult.COMPLETE
    with engine.reading() as reading:
        events = [event for _, event in views.events(reading, context.run.id)]
    assert "metrics" not in {event.kind for event in events}


def test_a_worker_that_leaves_does_not_wait_for_metrics(store: Database, tmp_path: Path) -> None:
    context = unread(store, tmp_path)
    stopping = threading.Event()
    stopping.set()
    assert not record_outcome.record_end(store, context.attempt, ended(), stopping)
    assert stage(store, context).status == Status.RUNNING


@pytest.mark.folders
def test_the_edit_for_nan_names_the_newest_earlier_checkpoint(
    store: Database, tmp_path: Path
) -> None:
    text = "stages: [{name: a, run: python t.py --lr 0.1, checkpoint: 'ckpt-*'}]"
    context = started(store, begin(store, submit(tmp_path, text), "a", GPU))
    directory = Path(context.stage.directory)
    for number, age in ((1, 90), (2, 33), (3, 32), (4, 10)):  # 3: before the alert
        checkpoint = directory / f"ckpt-{number}"
        checkpoint.write_bytes(b"\x00" * 9)
        os.utime(checkpoint, (clock.now() / 1e6 - age,) * 2)
    (Path(context.attempt.directory) / "stderr.log").write_text("Error: loss is nan at step 3\n")
    with store.write() as connection:
        began = clock.now() - 30 * clock.SECOND
        runs.record_stage_event(
            connection, context.stage, NAN, "a: NaN", attempt=1, time=began, data={"step": 3}
        )
    record(store, context, exit_code=1)
    with store.read() as connection:
        cause = event_feed.cause(connection, context.run.id, "a", 1)
    assert cause is not None
    assert cause["id"] == "nan_loss"
    assert cause["edit"]["params"] == {"lr": 0.01}
    assert cause["edit"]["checkpoint"] == str(directory / "ckpt-2")


@pytest.mark.folders
def test_the_edit_is_of_what_the_stage_uses(store: Database, tmp_path: Path) -> None:
    text = (
        "params: {batch_size: 64, micro: 4}\n"
        "stages: [{name: a, run: 'python t.py --bs 32 --n ${params.micro}'}]"
    )
    context = started(store, begin(store, submit(tmp_path, text), "a", GPU))
    words = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
    (Path(context.attempt.directory) / "stderr.log").write_text(words)
    record(store, context, exit_code=1)
    with store.read() as connection:
        cause = event_feed.cause(connection, context.run.id, "a", 1)
    assert cause is not None
    assert cause["edit"]["params"] == {"bs": 16}


@pytest.mark.folders
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"signal": 15, "signalled": True, "reason": ExitReason.TIMEOUT}, "time_limit"),
        ({"signal": 9, "signalled": True, "reason": ExitReason.SILENCE}, None),
        ({"signal": 15}, "preempted"),
        ({"exit_code": None, "reason": ExitReason.START_FAILED, "message": "no x"}, None),
    ],
)
def test_a_signal_of_trainui_itself_has_no_cause_outside(
    store: Database, context: AttemptContext, fields: dict[str, object], expected: str | None
) -> None:
    record(store, context, **fields)
    with store.read() as connection:
        cause = event_feed.cause(connection, context.run.id, "a", 1)
    assert (cause and cause["id"]) == expected


def test_a_completed_stage_that_beats_its_pipeline_is_an_event(
    store: Database, tmp_path: Path
) -> None:
    def completed(*losses: float) -> str:
        context = started(store, begin(store, submit(tmp_path, TEXT), "a", GPU))
        column = [(step, value) for step, value in enumerate(losses)]
        Feeder(store, context.stage.id).feed({"loss": column, "epoch": [(0, 1.0), (1, 2.0)]})
        record(store, context)
        return context.run.id

    runs_of = [completed(*one) for one in ([3.0, 2.0], [3.0, 2.5], [9.0, 1.0], [0.5, math.nan])]
    with store.read() as connection:
        found = event_feed.data_of_kind(connection, BEST)
    first, second = ({"metric": "loss", "goal": "minimize", "value": v} for v in (2.0, 1.0))
    assert [(run, data) for run, _, data in found] == [
        (runs_of[0], {**first, "before": None}),
        (runs_of[2], {**second, "before": 2.0}),
    ]
