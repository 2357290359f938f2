"""Migrations: from nothing to the models, a copy made first, databases of others refused."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from tests import postgresql
from tests.migration import tables_sql
from trainui.errors import SchemaRefusedError
from trainui.store import tables  # noqa: F401  (the metadata)
from trainui.store.db import postgres, schema
from trainui.store.db.engine import open_store


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def test_the_known_revisions_are_those_of_alembic() -> None:
    script = ScriptDirectory.from_config(schema.alembic_config("sqlite://"))
    known = [one.revision for one in script.walk_revisions()]
    assert tuple(reversed(known)) == schema.REVISIONS
    assert sorted(schema.REVISIONS) == list(schema.REVISIONS)
    assert min(schema.REVISIONS) > max(schema.BEFORE_RELEASE)


def test_upgraded_from_nothing_equals_the_models(tmp_path: Path) -> None:
    schema.upgrade(url_of(tmp_path / "a.db"))
    engine = create_engine(url_of(tmp_path / "a.db"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_a_new_database_is_made_from_the_models() -> None:
    assert schema.TABLES.read_text() == tables_sql.text(), (
        "the tables were changed: run `python -m tests.migration.tables_sql`"
    )


def test_made_at_once_equals_what_the_migrations_make(tmp_path: Path) -> None:
    schema.upgrade(url_of(tmp_path / "a.db"))
    open_store(url_of(tmp_path / "b.db"))
    assert shape(tmp_path / "a.db") == shape(tmp_path / "b.db")


def shape(file: Path) -> dict[str, object]:
    """Tables, their columns, keys and indexes; in which order columns stand says nothing."""
    with closing(sqlite3.connect(file)) as connection:
        version = connection.execute("SELECT * FROM alembic_version").fetchall()
        tables = connection.execute("PRAGMA main.table_list").fetchall()
        indexes = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index'")
        lasting = connection.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%PRIMARY KEY AUTOINCREMENT%'"
        )
        found: dict[str, object] = {"version": version, "indexes": set(indexes)}
        found["lasting ids"] = set(lasting)
        for _, name, *kind in tables:
            columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            keys = connection.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            unique = connection.execute(f"PRAGMA index_list({name})").fetchall()
            inside = [connection.execute(f"PRAGMA index_xinfo({i[1]})").fetchall() for i in unique]
            found[name] = (
                kind,
                sorted((name, of, notnull, pk) for _, name, of, notnull, _, pk, _ in columns),
                keys,
                sorted(
                    (index[2:], [(column[2], *column[3:]) for column in one])
                    for index, one in zip(unique, inside, strict=True)
                ),
            )
        return found


REFUSED = [
    ("0001", "from before the first release"),
    ("0011", "from before the first release"),
    ("0012", "newer trainui"),
    ("9999", "newer trainui"),
]


@pytest.mark.parametrize(("found", "words"), REFUSED)
def test_a_database_of_another_version_is_left_alone(
    tmp_path: Path, found: str, words: str
) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (found,))
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(SchemaRefusedError, match=words):
        open_store(url_of(file))
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.glob("*before*")] == []


def test_the_copy_contains_everything_but_points(tmp_path: Path) -> None:
    file, copy = tmp_path / "a.db", tmp_path / "copy.db"
    schema.upgrade(url_of(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO pipelines VALUES ('d', 'n', 't')")
        connection.execute("INSERT INTO flags VALUES ('paused', '1')")
        connection.commit()
        names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        expected = connection.execute(names).fetchall()
    schema.back_up(file, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute(names).fetchall() == expected
        assert connection.execute("SELECT * FROM flags").fetchall() == [("paused", "1")]


def test_the_tables_that_are_not_copied_exist() -> None:
    assert set(SQLModel.metadata.tables) >= schema.BULK_TABLES


def test_several_processes_at_once_create_the_tables_once(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    sqlite3.connect(file).close()
    errors: list[Exception] = []

    def fill() -> None:
        try:
            schema.fill_if_empty(file)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert schema.revision(file) == schema.HEAD


def test_upgraded_from_nothing_equals_the_models_on_postgresql(
    postgresql_server: postgresql.Server,
) -> None:
    url = postgresql_server.make_database()
    open_store(url).close()
    assert schema.server_revision(url) == schema.HEAD
    engine = create_engine("postgresql+psycopg://", creator=lambda: postgres.connect(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_several_hosts_at_once_create_the_tables_once(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.make_database()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for upgraded in [pool.submit(schema.fill_server_if_empty, url) for _ in range(2)]:
            upgraded.result()
    assert schema.server_revision(url) == schema.HEAD


def test_a_postgresql_database_of_another_version_is_refused(
    postgresql_server: postgresql.Server,
) -> None:
    url = postgresql_server.make_database()
    schema.upgrade(url)
    for found, words in REFUSED:
        with postgres.connect(url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (found,))
        with pytest.raises(SchemaRefusedError, match=words):
            open_store(url)
