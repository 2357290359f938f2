"""A connection that only reads sees what others commit, whatever else its process opens."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from trainui import paths
from trainui.store.db import engine, readonly
from trainui.store.db.engine import Store
from trainui.store.read import views

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


def test_a_store_that_is_opened_and_closed_hides_no_commit_from_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's locks are the process's: whoever closes the file by hand ends them all.

    The next to close the database would take it for unused, and remove the log that is being read.
    """
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRAINUI_DATABASE_URL", raising=False)
    monkeypatch.setattr(engine, "_open", engine._open.__wrapped__)  # those of other tests stay open
    engine.open_store().close()
    with readonly.reading() as connection:
        for value in ("1", "2", "3"):
            version = readonly.data_version(connection)
            engine.open_store().close()
            write(value)
            assert readonly.data_version(connection) != version
            assert views.flag(connection, "a") == value


@pytest.mark.usefixtures("only_on_sqlite")
def test_an_error_that_ended_the_transaction_is_the_one_that_is_raised(store: Store) -> None:
    """As SQLite does where a page cannot be read."""

    def read_damaged() -> None:
        with readonly.snapshot(connection):
            connection.execute("ROLLBACK")
            raise sqlite3.DatabaseError("database disk image is malformed")

    with readonly.reading() as connection:
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            read_damaged()
        with readonly.snapshot(connection):
            assert connection.in_transaction
        assert not connection.in_transaction
