"""The kernel reports to root which attempt's process wrote a file, however short it was open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from trainui.metrics.discovery import process_files
from trainui.metrics.discovery.attribution import write_events
from trainui.metrics.discovery.attribution.write_events import WriteEvents
from trainui.metrics.files.fanotify import Fanotify


@pytest.fixture
def events() -> Iterator[WriteEvents]:
    try:
        Fanotify().close()
    except OSError as error:
        pytest.skip(f"for root: {error}")
    yield WriteEvents()
    wait_for(lambda: not any(one.name == "writes" for one in threading.enumerate()))


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


ONCE = """
import sys, pathlib
path = pathlib.Path(sys.argv[1])
path.parent.mkdir(parents=True)
with path.open("x") as file:
    file.write("step,loss")
input()
with path.open("a") as file:
    file.write("1,2")
input()
"""


def test_the_writers_of_files_in_new_directories_are_known(
    tmp_path: Path, events: WriteEvents
) -> None:
    attempts = [tmp_path / "runs" / name for name in ("one", "two")]
    work = tmp_path / "work"
    work.mkdir()
    files = [work / "logs" / name / "metrics.csv" for name in ("a b", "c\N{SNOWMAN}")]
    for attempt in attempts:
        events.want(attempt, [work])
    with ExitStack() as stack:
        for attempt, file in zip(attempts, files, strict=True):
            environ = {**os.environ, "TRAINUI_METRICS_FILE": str(attempt / "metrics.jsonl")}
            command = [sys.executable, "-c", ONCE, str(file)]
            process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            wait_for(lambda file=file: str(file.parent) in events._directories.values())  # type: ignore[misc]
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        expected = {attempt: {file} for attempt, file in zip(attempts, files, strict=True)}
        wait_for(lambda: events.written() == expected)
        (work / "logs" / "a b" / "strangers.csv").write_text("1")
        (work / "logs" / "a b" / "model.bin").write_text("1")
    assert events.written() == expected
    for attempt in attempts:
        events.want(attempt, [])


APPEND = "import sys; open(sys.argv[1], 'a').write('1'); input()"


@pytest.mark.parametrize("is_searched", [True, False])
def test_a_directory_that_was_renamed_is_known_by_its_new_name(
    tmp_path: Path, events: WriteEvents, is_searched: bool
) -> None:
    """By the next search, or by the event: another directory may have the old name by then."""
    attempt, work = tmp_path / "runs" / "one", tmp_path / "work"
    old, new = work / "logs", work / "logs.1"
    old.mkdir(parents=True)
    events.want(attempt, [work, old])
    old.rename(new)
    old.mkdir()
    if is_searched:
        events.want(attempt, [work, old, new])
    else:
        wait_for(lambda: {*events._directories.values()} == {str(work), str(old), str(new)})
    environ = {**os.environ, "TRAINUI_METRICS_FILE": str(attempt / "metrics.jsonl")}
    command = [sys.executable, "-c", APPEND, str(new / "metrics.csv")]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE):
        wait_for(lambda: events.written() == {attempt: {new / "metrics.csv"}})
    events.want(attempt, [])


def test_a_large_tree_that_is_moved_is_known_in_part_until_it_is_deleted(
    tmp_path: Path, events: WriteEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_events, "MOST_DIRECTORIES", 10)
    attempt, work = tmp_path / "runs" / "one", tmp_path / "work"
    work.mkdir()
    for number in range(30):
        (tmp_path / "data" / str(number)).mkdir(parents=True)
    walked = []
    walk = os.walk

    def walking(directory: str) -> Iterator[tuple[str, list[str], list[str]]]:
        for found in walk(directory):
            walked.append(found[0])
            yield found

    monkeypatch.setattr(os, "walk", walking)
    events.want(attempt, [work])
    (tmp_path / "data").rename(work / "data")
    wait_for(lambda: len(events._directories) == 10)
    assert len(walked) <= 11
    shutil.rmtree(work / "data")
    (work / "logs").mkdir()
    events.want(attempt, [work, work / "logs"])
    assert str(work / "logs") in events._directories.values()
    events.want(attempt, [])


def test_a_queue_that_fails_is_closed_permanently(
    tmp_path: Path, events: WriteEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Fanotify) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(Fanotify, "read", fail)
    events.want(tmp_path, [tmp_path])
    assert not events.written()
    events.want(tmp_path, [tmp_path])
    wait_for(lambda: events._queue is None)


def test_without_permission_nothing_is_known_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Fanotify) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Fanotify, "__init__", refuse)
    events = WriteEvents()
    events.want(tmp_path, [tmp_path])
    assert not events.written()
    events.want(tmp_path, [])


def test_a_foreign_process_with_the_pid_of_an_ended_one_is_not_the_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = [b"A=1\0TRAINUI_METRICS_FILE=/run/one/metrics.jsonl\0", b"", b"A=1\0", b""]
    monkeypatch.setattr(process_files, "environment_of", lambda _process: environments.pop(0))
    events = WriteEvents()
    assert [events._attempt_of(7) for _ in range(4)] == [
        Path("/run/one"),
        Path("/run/one"),
        None,
        None,
    ]
    environments += [b"TRAINUI_METRICS_FILE=/run/one/metrics.jsonl\0", b""]
    assert events._attempt_of(7) == Path("/run/one")
    monkeypatch.setattr(write_events, "REUSED_AFTER", 0.0)
    assert events._attempt_of(7) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_others_than_root_are_refused() -> None:
    """The kernel gives them events too, but without the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork in a process with threads
        child = os.fork()
    if not child:
        os.setuid(65534)
        try:
            Fanotify()
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_files_that_are_noted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_events, "_MOST_FILES", 4)
    found = WriteEvents()
    for number in range(10):
        for _ in range(2):
            found._note_file(Path(f"attempt-{number // 2}"), Path(f"metrics-{number}.csv"))
    last = {Path(f"metrics-{number}.csv") for number in (8, 9)}
    before = {Path(f"metrics-{number}.csv") for number in (6, 7)}
    assert found.written() == {Path("attempt-3"): before, Path("attempt-4"): last}
    for number in range(10):
        found._note_file(Path("attempt-5"), Path(f"metrics-{number}.csv"))
    assert sum(map(len, found.written().values())) <= 4
