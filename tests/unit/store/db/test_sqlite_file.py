"""The SQLite file while other processes use it too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from trainui import paths
from trainui.errors import StoreError
from trainui.store.db import sqlite_file
from trainui.store.db.engine import Store
from trainui.store.db.sqlite_file import FileMark, Unreplaced
from trainui.store.runs import runs

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM runs").fetchone()
connection.close()
"""


def test_a_look_at_the_file_keeps_the_locks_of_this_process(store: Store) -> None:
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
def test_an_input_output_error_of_a_removed_database_says_that_it_is_gone(
    is_there: bool, words: str, tmp_path: Path
) -> None:
    error, database = sqlite3.OperationalError("disk I/O error"), tmp_path / "trainui.db"
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    if is_there:
        database.touch()
    assert words in str(sqlite_file.explain(error, database))
