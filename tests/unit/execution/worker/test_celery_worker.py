"""What happened to the worker's database file is noticed from the worker's first moment on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from trainui import paths
from trainui.execution.worker.celery_worker import DatabaseWatch
from trainui.store.db import sqlite_file
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import runs


def test_a_file_overwritten_before_the_first_check_is_noticed(store: Database) -> None:
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


def test_an_early_reader_does_not_delay_the_files_mark(store: Database) -> None:
    if not store.url.startswith("sqlite"):
        pytest.skip("SQLite's file")
    database = paths.home().database
    with store.read() as connection:
        views.run(connection, "none")  # its snapshot delays the checkpoint
        with store.write() as other:
            runs.set_flag(other, "paused", "1")
        before = database.read_bytes()[68:72]
        watch = DatabaseWatch()
        assert database.read_bytes()[68:72] == before
    assert watch.problem() is None
    assert database.read_bytes()[68:72] != before


def test_a_deleted_log_that_cannot_be_saved_is_noticed_too(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the worker writes on into a log that nobody else sees."""
    if not store.url.startswith("sqlite"):
        pytest.skip("SQLite's file")

    def fail(self: sqlite_file.LogKeeper) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    watch = DatabaseWatch()
    monkeypatch.setattr(sqlite_file.LogKeeper, "save", fail)
    Path(f"{paths.home().database}-wal").unlink()
    assert "was deleted while it was in use" in str(watch.problem())
