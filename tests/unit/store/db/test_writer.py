"""A write on the driver's own connection is whole or not at all, and says who is in its way."""

from __future__ import annotations

import pytest

from tests.unit.store.conftest import AddRun
from trainui.domain.definition import Pipeline
from trainui.errors import TrainuiError, UsageError
from trainui.store.db import sqlite_file, writer
from trainui.store.db.engine import Store
from trainui.store.read import views
from trainui.store.runs import new_run
from trainui.store.runs.new_run import NewRun


def names() -> list[str]:
    with views.reading() as connection:
        return [run.name for run in views.runs(connection)]


def rename(to: str) -> None:
    with writer.writing() as connection:
        connection.execute("UPDATE runs SET name = ?", (to,))


def half_done(run_id: str) -> None:
    """Rename all runs, and then store one whose id is taken."""
    new = NewRun(run_id, "new", Pipeline("p", (), text="", digest="1" * 64), "/nowhere", {}, {})
    with writer.writing() as connection:
        connection.execute("UPDATE runs SET name = 'half'")
        new_run.create(connection, new)


def test_what_is_written_can_be_read_at_once(add_run: AddRun) -> None:
    add_run("one", {"a": []})
    rename("another")
    assert names() == ["another"]


def test_nothing_is_written_where_an_exception_ends_it(add_run: AddRun) -> None:
    add_run("one", {"a": []})
    before = names()
    with pytest.raises(UsageError, match="exists"):
        half_done("one")
    assert names() == before
    rename("another")  # nothing is left locked
    assert names() == ["another"]


def test_a_locked_database_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, database: dict[str, str]
) -> None:
    if database:
        pytest.skip("SQLite's lock; PostgreSQL's is taken by the engine")
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.01)
    with (
        store.write(),
        pytest.raises(TrainuiError, match="locked"),
        writer.writing(),
    ):
        pass


def test_a_store_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path_factory.mktemp("new") / "home"))
    writer.make_ready()
    assert names() == []
