"""The metrics reader runs short of room: points wait in their files, and none is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.disks import fill, small_disk
from tests.unit.metrics.attempts import Attempt, is_complete, start_attempt
from tests.unit.metrics.reading import (
    all_points,
    lines,
    open_reader,
    read_on,
    read_to_end,
    summaries,
)
from tests.unit.store import readings
from tests.unit.supervisor.waiting import wait_for
from trainui import wakeup
from trainui.errors import UnfitEnvironmentError
from trainui.execution.daemon import metrics_process
from trainui.model.definition import MetricSource
from trainui.store.db.engine import Database, open_store
from trainui.store.points import point_sources


@pytest.fixture
def home_disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk that is the home; asked for before the store."""
    with small_disk(tmp_path / "home", megabytes=8) as disk:
        yield disk


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    monkeypatch.setenv("TRAINUI_HOME", str(home))
    store = open_store(f"sqlite:///{home}/trainui.db")
    yield store
    readings.close_all()
    store.close()


@contextmanager
def reading(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the metrics reader."""
    with metrics_process.start_reader(log) as reader:
        try:
            yield reader
        finally:
            reader.terminate()


def steps(store: Database, owner: str = "stage") -> list[float]:
    return [step for _name, step, _value in all_points(store, owner)]


def write(attempt: Attempt, begin: int, end: int) -> None:
    with attempt.own_file.open("a") as file:
        file.write(lines(range(begin, end)))


def test_a_source_whose_commit_fails_is_read_again(
    home_disk: Path, store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(range(4)))
    reader = open_reader(store, path)
    assert reader.advance().points == 4
    filler = fill(home_disk)
    with path.open("a") as file:
        file.write(lines(range(4, 60)))
    with pytest.raises(UnfitEnvironmentError, match="disk is full"):
        read_on(reader)
    filler.unlink()
    read_to_end(store, reader)
    assert steps(store) == list(range(60))


def test_an_attempt_ended_on_a_full_disk_completes_with_room(
    home_disk: Path, store: Database, tmp_path: Path
) -> None:
    attempt, log = start_attempt(store, tmp_path), tmp_path / "reader.log"
    write(attempt, 0, 4)
    with reading(log):
        wait_for(lambda: summaries(store, attempt.stage_id))
        filler = fill(home_disk)
        write(attempt, 4, 60)
        attempt.end()
        wakeup.wake_reader()
        wait_for(lambda: "disk is full" in log.read_text(), "that the disk is full")
        assert not is_complete(store, attempt)
        filler.unlink()
        wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt.stage_id) == list(range(60))
    assert "retrying until it succeeds" in log.read_text()
    assert "nothing was lost" not in log.read_text()


def names_of(attempt: Attempt, count: int) -> list[str]:
    return [f"loss_{at}_of_{attempt.id}" for at in range(count)]


def write_many(attempt: Attempt, count: int, step: int) -> None:
    """Write a line to each of many files of an attempt."""
    for name in names_of(attempt, count):
        with (attempt.stage_dir / f"{name}.jsonl").open("a") as file:
            file.write(f'{{"step": {step}, "{name}": {step}}}\n')


def test_more_files_than_may_be_open_are_all_read(store: Database, tmp_path: Path) -> None:
    several = [
        start_attempt(store, tmp_path, MetricSource(path="*.jsonl"), name=f"s{at}")
        for at in range(3)
    ]
    with reading(tmp_path / "reader.log") as reader:
        resource.prlimit(reader.pid, resource.RLIMIT_NOFILE, (64, 64))
        for step in range(3):
            for attempt in several:
                write_many(attempt, 70, step)
            wakeup.wake_reader()
            wait_for(
                lambda step=step: all(  # type: ignore[misc]
                    len(found := summaries(store, one.stage_id)) == 70
                    and all(series.count == step + 1 for series in found.values())
                    for one in several
                ),
                "that all lines are stored",
                60,
            )
        for attempt in several:
            attempt.end()
        wakeup.wake_reader()
        wait_for(lambda: all(is_complete(store, one) for one in several))
        assert reader.poll() is None
    assert "Traceback" not in (tmp_path / "reader.log").read_text()


def use_up_files(pid: int) -> None:
    """Let a process open no more files than it has open for good."""
    files = Path(f"/proc/{pid}/fd")
    looks = [{int(entry.name) for entry in files.iterdir()} for _ in range(50)]
    used = set.intersection(*looks)
    lowest_free = next(number for number in range(max(used) + 2) if number not in used)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, hard))


def test_an_attempt_is_incomplete_while_no_file_can_be_opened(
    store: Database, tmp_path: Path
) -> None:
    attempt, other = start_attempt(store, tmp_path), start_attempt(store, tmp_path, name="other")
    log = tmp_path / "reader.log"
    with reading(log) as reader:
        write(attempt, 0, 3)
        write(other, 0, 3)
        wakeup.wake_reader()
        for one in (attempt, other):
            wait_for(lambda one=one: summaries(store, one.stage_id))  # type: ignore[misc]
        before = resource.prlimit(reader.pid, resource.RLIMIT_NOFILE)
        use_up_files(reader.pid)
        (attempt.stage_dir / "metrics.csv").write_text("step,accuracy\n1,0.5\n")
        attempt.end()
        write(other, 3, 6)
        wakeup.wake_reader()
        wait_for(lambda: "Too many open files" in log.read_text(), "that no file can be opened")
        wait_for(lambda: len(steps(store, other.stage_id)) == 6, "the other's points")
        assert not is_complete(store, attempt)
        resource.prlimit(reader.pid, resource.RLIMIT_NOFILE, before)
        wait_for(lambda: is_complete(store, attempt))
        assert reader.poll() is None
    found = summaries(store, attempt.stage_id)
    assert {name: one.count for name, one in found.items()} == {"loss": 3, "accuracy": 1}


def as_plain_user() -> list[str]:
    """The words that make a command heed permissions, if only root runs this."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read anything, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def test_an_attempt_that_cannot_be_read_stops_no_other(store: Database, tmp_path: Path) -> None:
    closed, other = (start_attempt(store, tmp_path, name=name) for name in ("closed", "other"))
    command = [*as_plain_user(), sys.executable, "-m", "trainui.metrics.reader"]
    write(closed, 0, 3)
    closed.directory.chmod(0)
    with (tmp_path / "reader.log").open("w") as log:
        reader = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
    with reader:
        try:
            for step in range(21):
                write(other, step, step + 1)
                wait_for(
                    lambda step=step: len(steps(store, other.stage_id)) == step + 1  # type: ignore[misc]
                )
            other.end()
            wakeup.wake_reader()
            wait_for(lambda: is_complete(store, other))
            assert "Permission denied" in problem_of(store, closed)
            closed.directory.chmod(0o700)
            wait_for(lambda: len(steps(store, closed.stage_id)) == 3, "what was closed")
        finally:
            reader.terminate()


def problem_of(store: Database, attempt: Attempt) -> str:
    with store.read() as connection:
        found = point_sources.sources(connection, attempt.stage_id)
    return " ".join(one.problem or "" for one in found)


QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.mark.skipif(not QUEUE.exists(), reason="inotify: Linux only")
def test_more_changes_than_the_kernel_remembers_lose_nothing(
    store: Database, tmp_path: Path
) -> None:
    noisy, other = (start_attempt(store, tmp_path, name=name) for name in ("noisy", "other"))
    with reading(tmp_path / "reader.log") as reader:
        write(other, 0, 3)
        wakeup.wake_reader()
        wait_for(lambda: steps(store, other.stage_id) == [0, 1, 2])
        reader.send_signal(signal.SIGSTOP)
        files = [(noisy.directory / name).open("ab", buffering=0) for name in ("a", "b")]
        for at in range(int(QUEUE.read_text()) + 1000):  # the kernel merges what repeats
            files[at % 2].write(b"x")
        write(other, 3, 6)
        (other.stage_dir / "metrics.csv").write_text("step,accuracy\n1,0.5\n")
        reader.send_signal(signal.SIGCONT)
        wait_for(lambda: len(steps(store, other.stage_id)) == 7, "what came after them")
        for file in files:
            file.close()
