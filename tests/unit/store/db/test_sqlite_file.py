"""The SQLite file while other processes use it too."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trainui import paths
from trainui.store.db.engine import Store
from trainui.store.db.sqlite_file import FileMark
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
