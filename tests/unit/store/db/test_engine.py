"""What a store that cannot be used raises: typed errors, and never the driver's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from trainui import paths
from trainui.errors import StoreError, StoreLockedError, StoreSchemaError
from trainui.store.db import postgres, sqlite_file
from trainui.store.db.engine import Store, open_patiently, open_store
from trainui.store.runs import runs

WRITERS = 24
"""More than a pool has connections."""


@pytest.fixture
def hasty(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store on the same database that waits for a lock no longer than a moment."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.2)
    monkeypatch.setattr(postgres, "_SERVER", "-c lock_timeout=200ms")
    with closing(Store(store.url)) as hasty:
        yield hasty


def test_a_locked_database_raises_an_error_of_its_type(store: Store, hasty: Store) -> None:
    with store.write(), pytest.raises(StoreLockedError, match="another process has kept it locked"):
        set_flag(hasty, "a")
    set_flag(hasty, "b")


def test_threads_that_wait_to_write_use_up_no_connections(
    store: Store, hasty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        with store.write():
            waiting = [pool.submit(set_flag, hasty, str(number)) for number in range(WRITERS)]
            errors = [str(one.exception()) for one in waiting]
        assert all("another process has kept it locked" in words for words in errors)
        monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 30.0)
        list(pool.map(lambda number: set_flag(store, str(number)), range(WRITERS)))
    with store.read() as connection:
        assert runs.flag(connection, "23") == "set"


def set_flag(store: Store, name: str) -> None:
    with store.write() as connection:
        runs.set_flag(connection, name, "set")


def test_a_table_of_another_version_has_a_type_of_its_own(store: Store) -> None:
    with pytest.raises(StoreSchemaError), store.read() as connection:
        connection.execute(text("SELECT 1 FROM later"))


def test_a_conflict_and_a_bug_are_no_trouble_of_the_store(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as connection:
        connection.execute(text("INSERT INTO flags (name, value) VALUES ('a', NULL)"))
    if not postgres.is_ours(store.url):
        with pytest.raises(DBAPIError), store.read() as connection:
            connection.execute(text("SELEC"))


def test_a_server_that_is_away_has_the_base_type(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Store("postgresql://nobody@127.0.0.1:1/none")
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
