"""A write-ahead log, or its index, that somebody deletes while the database is in use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from subprocess import PIPE

import pytest

from trainui import paths
from trainui.errors import StoreError
from trainui.store.db import readonly, sqlite_file, wal
from trainui.store.db.engine import Store
from trainui.store.runs import runs

pytestmark = pytest.mark.usefixtures("only_on_sqlite")

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM runs").fetchone()
print("open", flush=True)
sys.stdin.read()
"""

LOCKER = """
import fcntl, os, random, sys
files = [os.open(f"{sys.argv[1]}{number}", os.O_RDWR | os.O_CREAT) for number in range(60)]
print("open", flush=True)
while True:
    fcntl.lockf(random.choice(files), fcntl.LOCK_EX)
    if random.random() < 0.6:
        fcntl.lockf(random.choice(files), fcntl.LOCK_UN)
"""


@pytest.fixture
def file(store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wal, "PATIENCE", 0.05)
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    return paths.home().database


@pytest.fixture
def holder(store: Store, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the database open; ours has closed it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        store.close()
        yield process


@pytest.mark.parametrize("names", [["-wal"], ["-shm"], ["-wal", "-shm"]])
def test_a_deleted_log_is_not_replaced_while_a_process_uses_it(
    names: list[str], holder: subprocess.Popen[str], file: Path
) -> None:
    """A second log beside the deleted one damages the database."""
    for name in names:
        Path(f"{file}{name}").unlink()
    for connect in (lambda: sqlite_file.connect(file), readonly.connect):
        with pytest.raises(StoreError, match=f"trainui.db{names[0]} was deleted while"):
            connect()
    assert not Path(f"{file}{names[0]}").exists()

    holder.communicate("")
    with readonly.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_lock_is_seen_while_other_processes_lock_and_unlock_files(
    holder: subprocess.Popen[str], file: Path, tmp_path: Path
) -> None:
    """The kernel gives out its list of locks in parts, between which it changes."""
    assert holder.poll() is None
    others = [
        subprocess.Popen([sys.executable, "-c", LOCKER, str(tmp_path / name)], stdout=PIPE)
        for name in ("a", "b")
    ]
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline()
        assert all(wal._is_locked(file) for _ in range(3000))
    finally:
        for other in others:
            other.kill()
            other.communicate()


def test_a_process_that_closes_meanwhile_is_waited_for(
    holder: subprocess.Popen[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "PATIENCE", 60.0)
    Path(f"{file}-wal").unlink()
    assert holder.stdin is not None
    holder.stdin.close()
    sqlite_file.connect(file).close()


def test_a_long_reader_notices_that_its_log_was_deleted(file: Path) -> None:
    with readonly.reading():
        unreplaced = sqlite_file.Unreplaced()
        unreplaced.check()
        Path(f"{file}-wal").unlink()
        with pytest.raises(StoreError, match="-wal was deleted while it was in use"):
            unreplaced.check()


def test_a_log_that_nobody_uses_may_be_deleted(store: Store, file: Path) -> None:
    store.close()
    for path in wal.paths(file):
        path.write_bytes(b"")
    wal.paths(file)[0].unlink()
    connection = sqlite_file.connect(file)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    connection.close()


def test_a_lock_on_a_file_of_another_disk_with_the_same_number_is_not_ours(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    found, table = file.stat(), tmp_path / "locks"
    monkeypatch.setattr(wal, "_LOCKS", table)
    monkeypatch.setattr(wal, "_OTHER_NUMBERS", frozenset())
    own = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for device, is_locked in (("ab:cd", False), (own, True)):
        table.write_text(f"1: POSIX  ADVISORY  WRITE 1 {device}:{found.st_ino} 0 EOF\n")
        with pytest.raises(StoreError) if is_locked else nullcontext():
            wal.check(file)
