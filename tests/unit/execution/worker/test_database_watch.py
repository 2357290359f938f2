"""What happened to the worker's database file is noticed from the worker's first moment on."""

from __future__ import annotations

import pytest

from trainui import paths
from trainui.execution.worker.database_watch import DatabaseWatch
from trainui.store.db.engine import Store
from trainui.store.runs import runs


def test_a_file_overwritten_before_the_first_check_is_noticed(store: Store) -> None:
    if not store.url.startswith("sqlite"):
        pytest.skip("SQLite's file")
    database = paths.home().database
    earlier = database.read_bytes()
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    watch = DatabaseWatch()
    with database.open("r+b") as file:
        file.write(earlier)
    assert "was overwritten while it was in use" in str(watch.problem())
