"""PostgreSQL alone: the writers' lock, notifications of commits, and lost connections."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import postgresql
from tests.unit.metrics.reading import lines, open_reader, read_on
from tests.unit.supervisor.waiting import is_alive, wait_for_death
from trainui.api import sync_metrics_from_file
from trainui.errors import NotFoundError, UnfitEnvironmentError
from trainui.store.db import engine, postgres, statements
from trainui.store.db.engine import Database, open_store
from trainui.store.db.postgres import connect
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, write_points
from trainui.store.points.point_sources import SourceRecord
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.store.tables import open_session

if TYPE_CHECKING:
    import psycopg


@pytest.fixture
def url(postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with postgresql_server.empty_database() as url:
        monkeypatch.setenv("TRAINUI_DATABASE_URL", url)
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Database]:
    store = open_store()
    yield store
    store.close()


@pytest.fixture
def reading(store: Database) -> Iterator[statements.Connection]:
    with engine.reading() as connection:
        yield connection


def test_statements_are_translated() -> None:
    assert postgres.translate("a IS ? AND b IS NOT ?") == (
        "a IS NOT DISTINCT FROM %s AND b IS DISTINCT FROM %s"
    )
    assert postgres.translate("a LIKE '5%'") == "a LIKE '5%%'"


def test_a_result_names_its_columns(reading: statements.Connection) -> None:
    found = reading.execute("SELECT 1 AS one, 'two' AS two")
    assert [column[0] for column in found.description or ()] == ["one", "two"]
    assert found.fetchone() == (1, "two")


def test_a_percent_sign_is_one_with_and_without_parameters(reading: statements.Connection) -> None:
    assert reading.execute("SELECT '5%'").fetchone() == ("5%",)
    assert reading.execute("SELECT '5%', ?", (1,)).fetchone() == ("5%", 1)


def test_a_writer_reads_its_predecessors_rows(store: Database) -> None:
    def count_up() -> None:
        for _ in range(20):
            with store.write() as connection:
                known = int(views.flag(connection, "count") or 0)
                runs.set_flag(connection, "count", str(known + 1))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        assert views.flag(connection, "count") == "80"


def test_a_commit_is_noticed_and_nothing_else(
    store: Database, reading: statements.Connection
) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
        during = engine.data_version(reading)
        assert views.flag(reading, "paused") is None
    assert engine.data_version(reading) != during
    assert views.flag(reading, "paused") == "1"


def test_unstorable_characters_are_replaced(store: Database) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "a\0b", "c")
    with engine.reading() as reading:
        assert views.flag(reading, "a\N{REPLACEMENT CHARACTER}b") == "c"


def test_a_hanging_writer_loses_its_turn(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_SERVER", "-c idle_in_transaction_session_timeout=300ms")
    hanging, other = Database(url), Database(url)
    turn = hanging.write()
    connection = turn.__enter__()
    runs.set_flag(connection, "whose", "the one that hangs")
    with other.write() as in_turn:  # it waits until the server has ended the first
        runs.set_flag(in_turn, "whose", "the other")
    with pytest.raises(UnfitEnvironmentError):
        turn.__exit__(None, None, None)
    hanging.close()
    other.close()
    with engine.reading() as reading:
        assert views.flag(reading, "whose") == "the other"


PROGRAM = """
import sys
from tests import postgresql
server = postgresql.Server(postgresql.find_programs())
print(server.pid, server.directory, flush=True)
sys.stdin.read()
"""


def test_the_server_ends_with_its_tests_however_they_end(postgresql_programs: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout
        pid, directory = tests.stdout.readline().split()
        assert is_alive(int(pid))
        tests.kill()
    wait_for_death(int(pid))
    shutil.rmtree(directory)


@pytest.fixture
def server(
    postgresql_programs: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[postgresql.Server]:
    """A server of one test's own, which may stop it."""
    own = postgresql.Server(postgresql_programs, {"synchronous_commit": "on"})
    with closing(own):
        monkeypatch.setenv("TRAINUI_DATABASE_URL", own.make_database())
        yield own


def test_points_of_different_owners_are_stored_side_by_side(store: Database, url: str) -> None:
    with closing(Database(url)) as other, store.write_points() as one, other.write_points() as two:
        for connection, owner in ((one, "a"), (two, "b")):
            added = point_sources.add_source(connection, owner, "file", attempt=1)
            write_points.save(connection, added, added._replace(offset=5), {}, records=1)
        with closing(connect(url, autocommit=True)) as third:
            assert not is_free(third, f"{postgres.LOCK}")  # nobody else writes meanwhile
            assert not is_free(third, f"{postgres.OWNERS}, hashtext('a')")
            assert is_free(third, f"{postgres.OWNERS}, hashtext('c')")
    with store.read() as connection:
        assert [point_sources.sources(connection, owner)[0].offset for owner in "ab"] == [5, 5]


def is_free(connection: psycopg.Connection, key: str) -> bool:
    query = f"SELECT pg_try_advisory_xact_lock({key})"
    row = connection.execute(query.encode()).fetchone()
    return row is not None and bool(row[0])


def test_after_an_outage_of_the_server_everything_continues(server: postgresql.Server) -> None:
    with closing(open_store()) as store:
        with store.write() as connection:
            runs.set_flag(connection, "paused", "1")
        server.stop()
        with pytest.raises(UnfitEnvironmentError, match="check that the server runs"):
            store.write().__enter__()
        with pytest.raises(UnfitEnvironmentError, match="check that the server runs"):
            engine.connect_to_read()
        server.start()
        with store.write() as connection:
            assert views.flag(connection, "paused") == "1"


def test_points_read_during_a_servers_absence_are_stored_later(
    server: postgresql.Server, tmp_path: Path
) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text(lines(range(1)))
    with closing(open_store()) as store, closing(open_reader(store, file)) as reader:
        assert read_on(reader) == 1
        server.stop()
        file.write_text(lines(range(2)))
        for _ in range(2):
            with pytest.raises(UnfitEnvironmentError):
                reader.advance()
        server.start()
        file.write_text(lines(range(3)))
        assert read_on(reader) == 2


def test_points_whose_commit_nobody_heard_of_are_stored_once(
    server: postgresql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text(lines(range(3)))
    save = write_points.save

    def commit_and_lose(connection: Connection, *batch: Any, **of: Any) -> SourceRecord:
        stored = save(connection, *batch, **of)
        connection.execute("COMMIT; BEGIN")  # which is left to be lost
        server.stop()
        return stored

    with closing(open_store()) as store, closing(open_reader(store, file)) as reader:
        with monkeypatch.context() as patch:
            patch.setattr(write_points, "save", commit_and_lose)
            with pytest.raises(UnfitEnvironmentError):
                reader.advance()
        server.start()
        assert read_on(reader) == 0
        assert reader.source.rows == 3


def test_an_empty_database_has_no_runs(
    postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_DATABASE_URL", postgresql_server.make_database())
    assert not engine.exists()
    with pytest.raises(NotFoundError, match="there are no runs yet"):
        engine.connect_to_read()


def test_an_invalid_address_is_reported_without_its_password() -> None:
    for open_it in (open_store, postgres.connect_to_read):
        with pytest.raises(
            UnfitEnvironmentError, match="percent-encode special characters"
        ) as caught:
            open_it("postgresql://me:very%zzsecret@host/db")
        assert "secret" not in str(caught.value)


def test_a_session_leads_to_its_store(store: Database, tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"step": 1, "loss": 0.5}\n')
    with open_session() as session:
        assert sync_metrics_from_file("job", str(file), session)["new_metrics_count"] == 1


def test_no_password_is_shown(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.url("postgres").replace("trainui:", "nobody:")
    with pytest.raises(UnfitEnvironmentError, match="authentication failed") as caught:
        open_store(url)
    secret = url.split(":")[2].partition("@")[0]
    assert secret not in str(caught.value)
    assert postgresql.PASSWORD not in str(caught.value)
