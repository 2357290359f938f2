"""A lock is held exactly as long as somebody who has it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui.execution import processes

HOLD = """
import sys, time
from pathlib import Path
from trainui.execution import processes
lock = processes.acquire_lock(Path(sys.argv[1]))
print("held" if lock else "not", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.lock"


def test_a_lock_that_was_never_taken_has_no_holder(path: Path) -> None:
    assert processes.lock_holder(path) is None
    assert not path.exists()


def test_the_holder_is_known_by_what_it_wrote(path: Path) -> None:
    with holding(path) as process:
        assert processes.lock_holder(path) == process.pid
        assert processes.acquire_lock(path) is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_killed_holder_has_no_lock_even_as_a_zombie(path: Path) -> None:
    with holding(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not processes.is_held(path))
        os.kill(process.pid, 0)  # nobody has waited for it: its pid is still there
        lock = processes.acquire_lock(path)
        assert lock is not None
        lock.close()


def test_a_process_that_inherited_a_lock_keeps_it(path: Path) -> None:
    lock = processes.acquire_lock(path)
    assert lock is not None
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock.descriptor]) as heir:
        lock.close()
        assert processes.is_held(path)
        assert processes.acquire_lock(path) is None
        assert heir.stdin is not None
        heir.stdin.close()
        wait_for(lambda: not processes.is_held(path))


def test_no_other_child_inherits_a_lock(path: Path) -> None:
    lock = processes.acquire_lock(path)
    assert lock is not None
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
        lock.close()
        assert not processes.is_held(path)


def test_an_earlier_holders_text_is_not_the_present_ones(path: Path) -> None:
    with holding(path):
        left_behind = path.read_text()
    lock = processes.acquire_lock(path)
    assert lock is not None
    with lock:
        path.write_text(left_behind)
        assert processes.lock_holder(path) == 0


def test_reading_a_lock_prevents_nobody_from_taking_it(path: Path) -> None:
    path.touch()
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            processes.lock_holder(path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(50):
            lock = processes.acquire_lock(path)
            assert lock is not None
            lock.close()
    finally:
        enough.set()
        for looker in lookers:
            looker.join()
