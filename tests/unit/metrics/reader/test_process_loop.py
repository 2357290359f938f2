"""The reader's process stores what attempts write, at once, whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import (
    HOST,
    Attempt,
    is_complete,
    next_attempt,
    start_attempt,
    start_trials,
)
from tests.unit.metrics.reading import all_points, lines, summaries
from tests.unit.supervisor.waiting import wait_for
from trainui import paths, wakeup
from trainui.execution.daemon import metrics_process
from trainui.metrics.reader.__main__ import MetricsReader
from trainui.metrics.reader.watch import FileChanges, Watch
from trainui.model.definition import MetricSource, Search
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.points import read_points, write_points
from trainui.store.runs import attempts, runs, stage_requests
from trainui.store.runs.attempts import Outcome

Reader = subprocess.Popen[bytes]


class Readers:
    """Starts readers, and ends those that are left."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.started: list[Reader] = []

    def start(self) -> Reader:
        reader = metrics_process.start_reader(self.log)
        self.started.append(reader)
        return reader

    def kill(self) -> None:
        for reader in self.started:
            if reader.poll() is None:
                reader.kill()
            reader.wait()
            if reader.stdin:
                reader.stdin.close()


@pytest.fixture
def readers(store: Database, tmp_path: Path) -> Iterator[Readers]:
    readers = Readers(tmp_path / "reader.log")
    yield readers
    readers.kill()


def steps(store: Database, attempt: Attempt) -> list[float]:
    return [step for _name, step, _value in all_points(store, attempt.stage_id)]


def count(store: Database, attempt: Attempt) -> int:
    found = summaries(store, attempt.stage_id)
    return found["loss"].count if found else 0


def test_a_growing_files_lines_are_stored_without_a_scan(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("IDLE_PAUSE", "LONGEST_PAUSE", "ACTIVE_FOR"):
        monkeypatch.setattr(f"trainui.metrics.reader.__main__.{seconds}", 1e9)
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text(lines([0]))
    with closing(MetricsReader(store, HOST)) as reader:

        def has(stored: int) -> bool:
            reader.turn(scan=False)
            return count(store, attempt) == stored

        wait_for(lambda: has(1), "the first line")
        for step in range(1, 16):
            with attempt.own_file.open("a") as file:
                file.write(lines([step]))
            wait_for(lambda step=step: has(step + 1), f"line {step}")  # type: ignore[misc]


def test_a_file_that_was_silent_is_noticed(
    store: Database, tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="new/m.csv"))
    readers.start()
    wait_for(lambda: wakeup.reader_socket().exists())
    path = attempt.stage_dir / "new" / "m.csv"
    path.parent.mkdir()
    path.write_text("step,loss\n1,0.5\n")
    wait_for(lambda: steps(store, attempt) == [1])


def test_the_end_of_an_attempt(store: Database, tmp_path: Path, readers: Readers) -> None:
    attempt = start_attempt(store, tmp_path)
    readers.start()
    attempt.own_file.write_text(lines(range(5)).rstrip("\n"))
    attempt.end()
    wakeup.wake_reader()
    wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt) == list(range(5))


def test_a_backlog_is_stored_before_the_attempt_is_complete(
    store: Database, tmp_path: Path, readers: Readers
) -> None:
    attempts = [start_attempt(store, tmp_path, name=name) for name in ("one", "two")]
    attempts[0].own_file.write_text(lines(range(100_000)))
    attempts[1].own_file.write_text(lines(range(10)))
    for attempt in attempts:
        attempt.end()
    readers.start()
    for attempt, count in zip(attempts, (100_000, 10), strict=True):
        wait_for(lambda attempt=attempt: is_complete(store, attempt))  # type: ignore[misc]
        assert steps(store, attempt) == list(range(count))


def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    store: Database, tmp_path: Path, readers: Readers
) -> None:
    attempt = start_attempt(store, tmp_path)
    stop, random_numbers = threading.Event(), random.Random(7)
    written = [0]

    def write() -> None:
        with attempt.own_file.open("a") as file:
            while not stop.is_set():
                count = random_numbers.randint(1, 200)
                file.write(lines(range(written[0], written[0] + count)))
                file.flush()
                written[0] += count
                stop.wait(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        before = count(store, attempt)
        reader = readers.start()
        wait_for(lambda before=before: count(store, attempt) > before)  # type: ignore[misc]
        stop.wait(random_numbers.random() * 0.1)
        reader.kill()
        reader.wait()
        found = steps(store, attempt)
        assert found == list(range(len(found)))
    stop.set()
    writer.join()
    attempt.end()
    readers.start()
    wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt) == list(range(written[0]))


def test_a_store_that_is_upgraded_under_it_loses_nothing(
    store: Database, tmp_path: Path, readers: Readers
) -> None:
    attempt = start_attempt(store, tmp_path)
    with store.write() as connection:
        connection.execute("ALTER TABLE chunk_figures RENAME TO of_the_next_revision")
    attempt.own_file.write_text(lines(range(10_000)))
    attempt.end()
    reader = readers.start()
    wait_for(lambda: b"chunk_figures" in readers.log.read_bytes(), "that it cannot be stored")
    assert reader.poll() is None
    assert not is_complete(store, attempt)
    with store.write() as connection:
        connection.execute("ALTER TABLE of_the_next_revision RENAME TO chunk_figures")
    wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt) == list(range(10_000))


def test_two_readers_at_once(store: Database, tmp_path: Path, readers: Readers) -> None:
    attempt = start_attempt(store, tmp_path)
    for _ in range(2):
        readers.start()
    wait_for(lambda: wakeup.reader_socket().exists())
    for at in range(0, 2000, 10):
        with attempt.own_file.open("a") as file:
            file.write(lines(range(at, at + 10)))
    attempt.end()
    wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt) == list(range(2000))


def test_an_attempt_whose_supervisor_died_is_read_to_its_end(
    store: Database, tmp_path: Path, readers: Readers
) -> None:
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text(lines(range(3)) + '{"step": 3, "lo')
    os.close(attempt.lock)
    readers.start()
    wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt) == [0, 1, 2]


def test_it_ends_with_the_process_that_started_it(store: Database, readers: Readers) -> None:
    code = (
        "import sys, pathlib; from trainui.execution.daemon.metrics_process import start_reader\n"
        "print(start_reader(pathlib.Path(sys.argv[1])).pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(readers.log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_for(lambda: wakeup.reader_socket().exists())
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid}/status").exists() or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_output_recorded_before_it_was_read_is_read_too(
    store: Database, tmp_path: Path, readers: Readers
) -> None:
    first = start_attempt(store, tmp_path, MetricSource(path="shared.jsonl"))
    first.own_file.write_text(lines([0, 1, 2]))
    first.end(exit_code=1)
    with store.write() as connection:
        attempts.end(
            connection,
            first.to_read.attempt_id,
            Outcome(Status.FAILED, completed_at=2, started_at=1, error="x", retry=False),
        )
        stage_requests.reopen(connection, "run-of-train", [stage_requests.Reopened("train")])
    second = next_attempt(store, "run-of-train")
    Path(second.to_read.stage_dir, "shared.jsonl").write_text(lines([7]))  # not the first one's
    readers.start()
    wait_for(lambda: is_complete(store, first))
    second.end()
    wait_for(lambda: is_complete(store, second))
    with closing(engine.connect_to_read(paths.home().database)) as connection:
        found = [
            (one.attempt, one.step) for one in read_points.points(connection, [first.stage_id])
        ]
    assert sorted(found) == [(1, 0), (1, 1), (1, 2), (2, 7)]


class LostEvents(Watch):
    """Reports nothing, as when the kernel's queue has overflowed."""

    def watch(self, directories: set[Path], hints: frozenset[Path] = frozenset()) -> None:
        del directories, hints


def test_a_file_with_lost_events_is_found_by_a_scan(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.reader.__main__.Watch", LostEvents)
    attempt = start_attempt(store, tmp_path)
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    with closing(MetricsReader(store, HOST)) as reader:
        while not reader.turn(scan=False):
            pass  # until nothing is left to read
        attempt.own_file.write_text(lines([0]))

        def is_read() -> bool:
            reader.turn(scan=False)
            return steps(store, attempt) == [0]

        wait_for(is_read, "the line")


def test_a_scan_awaited_by_the_worker_skips_the_pause(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.reader.__main__.SCAN_PAUSE", 1e9)
    monkeypatch.setattr("trainui.metrics.reader.__main__.IDLE_PAUSE", 1e9)
    monkeypatch.setattr("trainui.metrics.reader.__main__.LONGEST_PAUSE", 1e9)
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    with closing(MetricsReader(store, HOST)) as reader:
        reader.turn(scan=True)
        attempt = start_attempt(store, tmp_path)
        attempt.own_file.write_text(lines([0]))
        while not reader.turn(scan=True):
            pass
        assert steps(store, attempt) == []

        def is_read() -> bool:
            reader.turn(scan=True, is_awaited=True)
            return steps(store, attempt) == [0]

        wait_for(is_read, "the line")


def delete(store: Database, attempt: Attempt, run_id: str) -> None:
    with store.write() as connection:
        attempts.end(connection, attempt.id, Outcome(Status.FAILED, 2, error="x", retry=False))
        runs.remove(connection, run_id)
        write_points.forget(connection, [attempt.stage_id])


def test_an_attempt_after_a_deleted_one_is_its_own(
    only_on_sqlite: None, store: Database, tmp_path: Path
) -> None:
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    deleted = start_attempt(store, tmp_path, name="deleted")
    deleted.own_file.write_text(lines([1]))
    with closing(MetricsReader(store, HOST)) as reader:

        def read(attempt: Attempt) -> bool:
            reader.turn(scan=True)
            return bool(steps(store, attempt))

        wait_for(lambda: read(deleted), "the line of the first attempt")
        delete(store, deleted, "run-of-deleted")
        kept = start_attempt(store, tmp_path, name="kept")
        assert kept.id > deleted.id
        kept.own_file.write_text(lines([7]))
        wait_for(lambda: read(kept), "the line of the second attempt")
    found = [(name, step) for name, step, _value in all_points(store, kept.stage_id)]
    assert found == [("loss", 7)]


def test_a_deleted_runs_points_are_not_offered_repeatedly(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("IDLE_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(f"trainui.metrics.reader.__main__.{pause}", 1e9)
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    deleted = start_attempt(store, tmp_path, name="deleted")
    deleted.own_file.write_text(lines([1]))
    with closing(MetricsReader(store, HOST)) as reader:
        while not (reader.turn(scan=False) and steps(store, deleted)):
            pass  # until the next scan is far away
        delete(store, deleted, "run-of-deleted")
        deleted.own_file.write_text(lines([1, 2]))
        wait_for(lambda: reader.turn(scan=False) > 0, "a pause")


class OwnEvents(LostEvents):
    """Reports what a test reports by `report`."""

    report: Callable[[FileChanges], object]

    def __init__(self, on_change: Callable[[FileChanges], object]) -> None:
        super().__init__(on_change)
        OwnEvents.report = staticmethod(on_change)


def test_a_growing_trials_log_is_read_without_a_scan(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = "trainui.metrics.reader.__main__"
    for pause in ("SCAN_PAUSE", "IDLE_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(f"{loop}.{pause}", 1e9)
    monkeypatch.setattr(f"{loop}.Watch", OwnEvents)
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT_IF_SEARCHED", 0.0)
    (attempt,) = start_trials(store, tmp_path, Search("loss", "minimize"), 1)
    paths.home().worker.mkdir(parents=True, exist_ok=True)
    log = attempt.directory / "stdout.log"
    with closing(MetricsReader(store, HOST)) as reader:
        while not reader.turn(scan=True):
            pass
        log.write_text("loading\nstep 1 loss 2\n")
        OwnEvents.report(FileChanges(frozenset({str(log)}), others=False))
        while not reader.turn(scan=False):
            pass
        assert steps(store, attempt) == [1]
