"""Migrations: from nothing to the models, old data kept, a copy made first, newer ones refused."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from tests import postgresql
from tests.migration import tables_sql
from trainui.errors import UnfitEnvironmentError
from trainui.store.db import postgres, schema
from trainui.store.db.engine import open_store
from trainui.store.points import tables as point_tables  # noqa: F401  (the metadata)
from trainui.store.read import views
from trainui.store.runs import tables  # noqa: F401  (the metadata)


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def test_head_is_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(schema.alembic_config("sqlite://"))
    assert script.get_current_head() == schema.HEAD


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
                # not the default of `removed`, which old rows needed
                sorted((name, of, notnull, pk) for _, name, of, notnull, _, pk, _ in columns),
                keys,
                sorted(
                    (index[2:], [(column[2], *column[3:]) for column in one])
                    for index, one in zip(unique, inside, strict=True)
                ),
            )
        return found


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(UnfitEnvironmentError, match="created by a newer trainui"):
        open_store(url_of(file))
    assert file.read_bytes() == before


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
    until_0005 = {"chunk_stats"}
    assert set(SQLModel.metadata.tables) | until_0005 >= schema.BULK_TABLES


def test_several_at_once_upgrade_once(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    sqlite3.connect(file).close()
    errors: list[Exception] = []

    def upgrade() -> None:
        try:
            schema.upgrade_if_needed(url_of(file), file)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert schema.revision(file) == schema.HEAD


def test_what_was_made_before_0002_is_kept_and_read(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file), "0001")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("""
            INSERT INTO pipelines VALUES ('d', 'p', 'stages: []');
            INSERT INTO runs VALUES
                ('r', 'n', 'completed', 'p', 'd', NULL, '/r', '{}', '{}', 0, 1, 2, 3, NULL);
            INSERT INTO stages VALUES
                ('s', 'r', 0, 'a', 'completed', NULL, '{"name":"a","command":"true"}', '/r/a', 1,
                 't', 2, 3, 0, NULL, NULL, 0, 0, NULL, 0);
            INSERT INTO attempts VALUES
                (1, 's', 1, 'completed', 'h', 't', '/r/a/1', '[]', 1, 1, 2, 3, 0, NULL, NULL, NULL,
                 1, 2, NULL, 0, NULL, 1);
        """)
    with views.reading(file) as connection:
        before = views.stages(connection, "r"), views.attempts(connection, "r")
    open_store(url_of(file)).close()
    assert schema.revision(file) == schema.HEAD
    assert list(tmp_path.glob(f"a.db.before-{schema.HEAD}-*"))
    with views.reading(file) as connection:
        assert (views.stages(connection, "r"), views.attempts(connection, "r")) == before
    assert not before[0][0].removed
    assert before[1]["s"][0].definition is None


PROSE_OF_0006 = """
INSERT INTO pipelines VALUES ('d', 'p', 'stages: []');
INSERT INTO runs (id, name, status, pipeline, digest, directory, params_json, submission_json,
    priority, created_at) VALUES ('r', 'n', 'failed', 'p', 'd', '/r', '{}', '{}', 0, 1);
INSERT INTO stages (id, run_id, position, name, status, reason, definition_json, directory,
    attempt, stalled, retries_used, fresh, removed) VALUES
    ('s', 'r', 0, 'a', 'running',
     'the host b has not been heard of for 60 s or longer: this may still run there',
     '{"name":"a","command":"true"}', '/r/a', 1, FALSE, 0, FALSE, FALSE);
INSERT INTO attempts (id, stage_id, number, status, host, directory, slots_json, granted_at,
    checkpoint_tried, metrics_complete, definition_json) VALUES
    (1, 's', 1, 'running', 'b', '/r/a/1', '[]', 1, FALSE, FALSE,
     '{"name":"a","command":"true","env":{"a secret":"another value","X":"é"}}');
INSERT INTO events (id, run_id, stage, attempt, time, kind, text) VALUES
    (1, 'r', NULL, NULL, 1, 'run', 'the run is running'),
    (2, 'r', NULL, NULL, 2, 'run', 'the run is failed'),
    (3, 'r', 'a', 1, 3, 'alert', 'a: val loss is 9 at step 1.5, above 8'),
    (4, 'r', 'a', 1, 3, 'mark', 'a: loss has not improved for 5 points at step 20; its best is 1'),
    (5, 'r', 'a', 1, 3, 'alert', 'a: no metric for 5 min, more than 4 times the usual pace'),
    (6, 'r', 'a', 1, 3, 'queued', 'a is queued');
"""


def check_what_prose_held(rows: Callable[[str], list[Any]]) -> None:
    found = [
        text and json.loads(text) for (text,) in rows("SELECT data_json FROM events ORDER BY id")
    ]
    assert found == [
        {"status": "running"},
        {"status": "failed"},
        {"metric": "val loss", "step": 1.5},
        {"metric": "loss", "step": 20},
        *(None, None),
    ]
    ((definition, changes),) = rows("SELECT definition_json, secret_changes_json FROM attempts")
    assert json.loads(definition) == {"name": "a", "command": "true", "env": {"X": "é"}}
    assert json.loads(changes) == ["a secret value changed"]
    assert rows("SELECT reason_host FROM stages") == [("-",)]


def test_what_prose_held_before_0007_is_data(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file), "0006")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(PROSE_OF_0006)
        schema.upgrade(url_of(file), "0007")
        check_what_prose_held(lambda query: connection.execute(query).fetchall())


def test_what_prose_held_before_0007_is_data_on_postgresql(
    postgresql_server: postgresql.Server,
) -> None:
    url = postgresql_server.make_database()
    schema.upgrade(url, "0006")
    with closing(postgres.connect(url, autocommit=True)) as connection:
        for statement in PROSE_OF_0006.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        schema.upgrade(url, "0007")
        check_what_prose_held(
            lambda query: [tuple(row) for row in connection.execute(query).fetchall()]
        )


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


def test_several_hosts_at_once_upgrade_once(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.make_database()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for upgraded in [pool.submit(schema.upgrade_server_if_needed, url) for _ in range(2)]:
            upgraded.result()
    assert schema.server_revision(url) == schema.HEAD


def test_a_newer_postgresql_database_is_refused(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.make_database()
    schema.upgrade(url)
    with postgres.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnfitEnvironmentError, match="created by a newer trainui"):
        open_store(url)


def test_a_run_has_its_newest_note_and_its_last_verdict_of_before_0010(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file), "0009")
    notes = [("r", "first", "keep"), ("r", "second", None), ("r", "", "discard"), ("q", "x", None)]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO pipelines VALUES ('d', 'p', 'stages: []')")
        for run in ("r", "q", "none"):
            connection.execute(
                "INSERT INTO runs (id, name, status, pipeline, digest, directory, params_json, "
                "submission_json, priority, created_at) "
                "VALUES (?, 'n', 'completed', 'p', 'd', '/r', '{}', '{}', 0, 1)",
                (run,),
            )
        connection.executemany(
            "INSERT INTO events (run_id, time, kind, text, data_json) VALUES (?, 1, 'note', '', ?)",
            [(run, json.dumps({"note": note, "verdict": word})) for run, note, word in notes],
        )
        connection.commit()
        schema.upgrade(url_of(file), "0010")
        found = connection.execute("SELECT id, note, verdict FROM runs ORDER BY id").fetchall()
    assert found == [("none", None, None), ("q", "x", None), ("r", "second", "discard")]


def test_ids_of_rows_deleted_after_0011_are_not_reused(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    schema.upgrade(url_of(file), "0010")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(PROSE_OF_0006)
        connection.executescript("""
            INSERT INTO slots VALUES ('b', 'cpu', 0, 1);
            INSERT INTO sources (owner, key, attempt, generation, "offset", rows, next_ordinal,
                state_json, tail_rows, tail_points, version)
                VALUES ('s', 'k', 1, 0, 1, 1, 1, '{}', 0, 0, 1);
            INSERT INTO flags VALUES ('notified_event', '9');  -- the last three were deleted
        """)
        tables = ("attempts", "events", "sources")
        before = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    schema.upgrade_if_needed(url_of(file), file)
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        after = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
        assert [sorted(map(str, row)) for rows in after for row in rows] == [
            sorted(map(str, row)) for rows in before for row in rows
        ]
        assert connection.execute("SELECT value FROM flags").fetchone()[0] == "6"
        connection.execute("DELETE FROM runs")
        connection.execute("DELETE FROM sources")
        left = "SELECT (SELECT count(*) FROM slots) + (SELECT count(*) FROM events)"
        assert connection.execute(left).fetchone()[0] == 0
        connection.commit()
        connection.execute("PRAGMA foreign_keys = OFF")
        for table, rows in zip(tables, after, strict=True):
            columns = {name: rows[0][name] for name in rows[0].keys() if name != "id"}  # noqa: SIM118
            marks = ", ".join("?" * len(columns))
            names = ", ".join(f'"{name}"' for name in columns)
            made = connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values())
            )
            assert made.lastrowid == rows[-1]["id"] + 1
