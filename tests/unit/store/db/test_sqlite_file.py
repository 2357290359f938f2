"""The SQLite file while other processes use it too."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from subprocess import PIPE

import pytest

from trainui import paths
from trainui.errors import StoreError
from trainui.store.db import engine, sqlite_file
from trainui.store.db.engine import Database
from trainui.store.db.sqlite_file import FileMark, Unreplaced
from trainui.store.runs import runs

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM runs").fetchone()
connection.close()
"""


def test_looking_at_the_file_keeps_this_processs_locks(store: Database) -> None:
    if not store.url.startswith("sqlite"):
        pytest.skip("SQLite's file")
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    mark = FileMark()
    for _ in range(3):
        assert not mark.is_gone()
    # the last connection of all deletes the write-ahead log as it closes: this is not the last
    database = paths.home().database
    subprocess.run([sys.executable, "-c", OTHER, str(database)], check=True)
    assert database.with_name("trainui.db-wal").exists()


@pytest.mark.parametrize("before", [True, False])
def test_a_database_removed_under_a_long_reader_is_noticed(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path))
    database = paths.home().database
    if not before:  # else between the reader's opening of it and this
        database.touch()
    watch = Unreplaced()
    database.unlink(missing_ok=True)
    with pytest.raises(StoreError, match="was removed or replaced"):
        watch.check()


@pytest.mark.parametrize(("is_there", "words"), [(False, "no longer exists"), (True, "disk error")])
def test_an_io_error_of_a_removed_database_says_so(
    is_there: bool, words: str, tmp_path: Path
) -> None:
    error, database = sqlite3.OperationalError("disk I/O error"), tmp_path / "trainui.db"
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    if is_there:
        database.touch()
    assert words in str(sqlite_file.explain(error, database))


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
def file(store: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sqlite_file, "LOG_PATIENCE", 0.05)
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    return paths.home().database


@pytest.fixture
def holder(store: Database, file: Path) -> Iterator[subprocess.Popen[str]]:
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
def test_a_deleted_log_in_use_is_not_replaced(
    names: list[str], holder: subprocess.Popen[str], file: Path
) -> None:
    """A second log beside the deleted one damages the database."""
    for name in names:
        Path(f"{file}{name}").unlink()
    for connect in (lambda: sqlite_file.connect(file), engine.connect_to_read):
        with pytest.raises(StoreError, match=f"trainui.db{names[0]} was deleted while"):
            connect()
    assert not Path(f"{file}{names[0]}").exists()

    holder.communicate("")
    with engine.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_lock_is_seen_while_others_lock_and_unlock(
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
        assert all(sqlite_file._is_locked(file) for _ in range(400))
    finally:
        for other in others:
            other.kill()
            other.communicate()


def test_a_process_that_closes_meanwhile_is_waited_for(
    holder: subprocess.Popen[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_PATIENCE", 60.0)
    Path(f"{file}-wal").unlink()
    assert holder.stdin is not None
    holder.stdin.close()
    sqlite_file.connect(file).close()


def test_a_long_reader_notices_that_its_log_was_deleted(file: Path) -> None:
    with engine.reading():
        unreplaced = sqlite_file.Unreplaced()
        unreplaced.check()
        Path(f"{file}-wal").unlink()
        with pytest.raises(StoreError, match="-wal was deleted while it was in use"):
            unreplaced.check()


def test_a_log_that_nobody_uses_may_be_deleted(store: Database, file: Path) -> None:
    store.close()
    for path in sqlite_file.log_paths(file):
        path.write_bytes(b"")
    sqlite_file.log_paths(file)[0].unlink()
    connection = sqlite_file.connect(file)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    connection.close()


def test_a_lock_on_another_disks_equal_inode_is_not_ours(
    store: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    found, table = file.stat(), tmp_path / "locks"
    monkeypatch.setattr(sqlite_file, "_KERNEL_LOCKS", table)
    monkeypatch.setattr(sqlite_file, "_OTHER_NUMBERS", frozenset())
    own = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for device, is_locked in (("ab:cd", False), (own, True)):
        table.write_text(f"1: POSIX  ADVISORY  WRITE 1 {device}:{found.st_ino} 0 EOF\n")
        with pytest.raises(StoreError) if is_locked else nullcontext():
            sqlite_file.check_log(file)
