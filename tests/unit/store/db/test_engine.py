"""What a store that cannot be used raises: typed errors, and never the driver's."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.unit.store.conftest import AddRun
from trainui import paths
from trainui.errors import StoreError, StoreLockedError, StoreSchemaError, UsageError
from trainui.model.definition import Pipeline
from trainui.store.db import engine, postgres, sqlite_file
from trainui.store.db.engine import (
    OUTAGE_ENDS_AFTER,
    Database,
    OutageLog,
    open_patiently,
    open_store,
)
from trainui.store.read import views
from trainui.store.runs import runs, stored_pipeline
from trainui.store.runs.stored_pipeline import NewRun

WRITERS = 24
"""More than a pool has connections."""


@pytest.fixture
def hasty(store: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A store on the same database that waits for a lock no longer than a moment."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.2)
    monkeypatch.setattr(postgres, "_SERVER", "-c lock_timeout=200ms")
    with closing(Database(store.url)) as hasty:
        yield hasty


def test_a_locked_database_raises_an_error_of_its_type(store: Database, hasty: Database) -> None:
    with store.write(), pytest.raises(StoreLockedError, match="another process has kept it locked"):
        set_flag(hasty, "a")
    set_flag(hasty, "b")


def test_threads_that_wait_to_write_use_up_no_connections(
    store: Database, hasty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        with store.write():
            waiting = [pool.submit(set_flag, hasty, str(number)) for number in range(WRITERS)]
            errors = [str(one.exception()) for one in waiting]
        assert all("another process has kept it locked" in words for words in errors)
        monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 30.0)
        list(pool.map(lambda number: set_flag(store, str(number)), range(WRITERS)))
    with store.read() as connection:
        assert views.flag(connection, "23") == "set"


def set_flag(store: Database, name: str) -> None:
    with store.write() as connection:
        runs.set_flag(connection, name, "set")


def test_another_versions_table_has_its_own_error_type(store: Database) -> None:
    with pytest.raises(StoreSchemaError), store.read() as connection:
        connection.execute("SELECT 1 FROM later")


def test_a_conflict_or_bug_is_no_trouble_of_the_store(store: Database) -> None:
    conflicts = (sqlite3.IntegrityError, psycopg.IntegrityError)
    with pytest.raises(conflicts), store.write() as connection:
        connection.execute("INSERT INTO flags (name, value) VALUES ('a', NULL)")
    if not postgres.is_ours(store.url):
        with pytest.raises(sqlite3.OperationalError), store.read() as connection:
            connection.execute("SELEC")


def test_a_server_that_is_away_has_the_base_type(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with closing(away), pytest.raises(StoreError, match="check that the server runs"), away.read():
        pass


def test_a_store_that_was_removed_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path))
    open_store().close()
    (paths.home().runs / "a run").mkdir(parents=True)
    file = paths.home().database
    away = file.rename(tmp_path / "away")
    waits: Iterator[Callable[[], object]] = iter([lambda: None, lambda: away.rename(file)])

    def wait(_seconds: float) -> bool:
        next(waits)()
        return False

    found = open_patiently(wait)
    assert found is not None
    found.close()
    assert next(waits, None) is None
    file.rename(away)
    assert open_patiently(lambda _seconds: True) is None


def names() -> list[str]:
    with engine.reading() as connection:
        return [run.name for run in views.runs(connection)]


def rename(store: Database, to: str) -> None:
    with store.write() as connection:
        connection.execute("UPDATE runs SET name = ?", (to,))


def half_done(store: Database, run_id: str) -> None:
    """Rename all runs, and then store one whose id is taken."""
    new = NewRun(run_id, "new", Pipeline("p", (), text="", digest="1" * 64), "/nowhere", {}, {})
    with store.write() as connection:
        connection.execute("UPDATE runs SET name = 'half'")
        stored_pipeline.create(connection, new)


def test_nothing_is_written_where_an_exception_ends_it(store: Database, add_run: AddRun) -> None:
    add_run("one", {"a": []})
    before = names()
    with pytest.raises(UsageError, match="exists"):
        half_done(store, "one")
    assert names() == before
    rename(store, "another")  # nothing is left locked
    assert names() == ["another"]


def test_a_store_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path_factory.mktemp("new") / "home"))
    open_store().close()
    assert names() == []


def test_the_first_write_waits_for_no_reader(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("new") / "trainui.db"
    monkeypatch.setenv("TRAINUI_HOME", str(file.parent))
    with closing(open_store(f"sqlite:///{file}")) as new, engine.reading(file) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM runs").fetchall()
        with new.write() as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_connection_that_was_lost_is_replaced(store: Database) -> None:
    if not postgres.is_ours(store.url):
        pytest.skip("PostgreSQL's")
    set_flag(store, "a")
    with closing(postgres.connect(store.url, autocommit=True)) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    set_flag(store, "b")
    with store.read() as connection:
        assert [views.flag(connection, name) for name in "ab"] == ["set", "set"]


def test_a_snapshot_does_not_change_while_it_is_read(store: Database) -> None:
    set_flag(store, "a")
    with store.read() as connection:
        assert views.flag(connection, "a") == "set"
        set_flag(store, "b")
        assert views.flag(connection, "b") is None


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT OR REPLACE INTO flags (name, value) VALUES ('a', ?)", (sys.argv[2],))
connection.commit()
connection.close()
"""


def write(value: str) -> None:
    """Write a flag from another process, which closes the database as the last one that writes."""
    database = str(paths.home().database)
    subprocess.run([sys.executable, "-c", WRITE, database, value], check=True)


def test_opening_and_closing_a_store_hides_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's locks are the process's: whoever closes the file by hand ends them all.

    The next to close the database would take it for unused, and remove the log that is being read.
    """
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRAINUI_DATABASE_URL", raising=False)
    monkeypatch.setattr(engine, "_open", engine._open.__wrapped__)  # those of other tests stay open
    engine.open_store().close()
    with engine.reading() as connection:
        for value in ("1", "2", "3"):
            version = engine.data_version(connection)
            engine.open_store().close()
            write(value)
            assert engine.data_version(connection) != version
            assert views.flag(connection, "a") == value


@pytest.mark.usefixtures("only_on_sqlite")
def test_the_error_that_ended_the_transaction_is_raised(store: Database) -> None:
    """As SQLite does where a page cannot be read."""

    def read_damaged() -> None:
        with engine.read_transaction(connection):
            connection.execute("ROLLBACK")
            raise sqlite3.DatabaseError("database disk image is malformed")

    with engine.reading() as connection:
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            read_damaged()
        with engine.read_transaction(connection):
            assert connection.in_transaction
        assert not connection.in_transaction


ERROR = StoreError("the server is away")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_of_an_hour_is_few_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    log = OutageLog(clock)
    log.succeeded()
    for _ in range(3600):
        log.failed(ERROR)
        clock.now += 1.0
    log.succeeded()
    log.succeeded()
    first, second, *_, last = caplog.messages
    assert first == "the server is away; retrying until it succeeds"
    assert second == "11 failures in 10s: the server is away"
    assert last == "the database is writable again, after 1h 00m"
    assert len(caplog.messages) == 12


def test_a_much_later_failure_is_another_outage(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = OutageLog(clock)
    log.failed(ERROR)
    clock.now += OUTAGE_ENDS_AFTER + 1
    log.failed(ERROR)
    assert caplog.messages == ["the server is away; retrying until it succeeds"] * 2
