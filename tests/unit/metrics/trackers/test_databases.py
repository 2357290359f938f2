"""Databases of trackers are read from copies, at any moment of a write."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.unit.metrics import corpus, reading
from tests.unit.metrics.replaying import curves_of, points_of
from trainui.metrics import trackers
from trainui.metrics.reader.source import DatabaseReader
from trainui.metrics.tail import UnreadableFileError
from trainui.store.db.engine import Database

MLFLOW = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE latest_metrics (key TEXT);
CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT);
CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
    lifecycle_stage TEXT);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp INTEGER, run_uuid TEXT, step INTEGER,
    is_nan INTEGER, PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
"""


def make(path: Path, *, wal: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA journal_mode = {'wal' if wal else 'delete'}")
    connection.execute("PRAGMA synchronous = off")
    connection.executescript(MLFLOW)
    return connection


def add(connection: sqlite3.Connection, step: int, run: str = "r") -> None:
    row = ("loss", step / 2, 1_700_000_000_000 + step, run, step, 0)
    connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", row)


def open_run(store: Database, path: Path, run: str = "r") -> DatabaseReader:
    reader = reading.open_reader(store, path, run=run)
    assert isinstance(reader, DatabaseReader)
    return reader


def states(directory: Path) -> dict[str, tuple[int, ...]]:
    found = {one.name: one.stat() for one in directory.iterdir()}
    return {
        name: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
        for name, one in found.items()
    }


@pytest.fixture(autouse=True)
def _fresh_copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    copies = trackers.DatabaseCopies()
    monkeypatch.setattr(trackers, "copies", copies)
    monkeypatch.setattr(trackers, "_REST", 0)
    yield
    copies.close()


def test_a_database_is_not_recopied_at_once_after_a_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "_REST", 1e9)
    monkeypatch.setattr(trackers, "MOST_COPIES", 1)
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    with closing(make(first)) as writer, closing(make(second)):
        assert trackers.copies.get(first) is not None
        add(writer, 1)
        assert trackers.copies.get(first) is not None  # as it was
        assert trackers.copies.get(second) is not None  # closes the copy of the first
        assert trackers.copies.get(first) is None
        assert trackers.copies.get(first, at_once=True) is not None


@corpus.needs_corpus
def test_parameters_are_those_of_the_tracker() -> None:
    checked = 0
    for one in corpus.expected_files():
        copy = trackers.copies.get(one.path) if one.format.endswith("-db") else None
        if copy is None or copy.tracker is None or "optuna" in one.format:
            continue
        known = {run.id: run for run in trackers.of_database(one.path)}
        if one.run in known:  # a deleted one is left out
            assert dict(known[one.run].params) == one.params, one
            checked += 1
    assert checked > 12


@corpus.needs_corpus
@pytest.mark.parametrize("name", ["mlflow_killed", "optuna_running", "trackio_live"])
def test_a_database_read_at_moments_of_its_writing(
    store: Database, name: str, tmp_path: Path
) -> None:
    root = corpus.corpus_root()
    assert root is not None
    file = {"mlflow_killed": "mlflow.db", "optuna_running": "killed.db"}.get(name, "liveone.db")
    folder = {"mlflow_killed": "mlflow/killed"}.get(name, name.split("_")[0])
    (want,) = (
        one for one in corpus.expected_files() if one.name.startswith(f"trackers/{folder}/{file}#")
    )
    trace = root / "trackers" / "traces" / f"{name}.jsonl.gz"
    chance = random.Random(name)
    reader = None
    for operation in corpus.operations(trace):
        operation.do(tmp_path)
        path = tmp_path / operation.path
        path = path.with_name(file)
        if not path.exists() or chance.random() > 0.2:
            continue
        reader = reader or reading.open_reader(store, path, run=want.run)
        before = states(path.parent)
        try:
            reading.read_on(reader)
        except UnreadableFileError:
            assert reader.position.rows == 0  # only of a database that is being made
        assert states(path.parent) == before
    assert reader is not None
    reading.read_to_end(store, reader)
    corpus.check(want, curves_of(store, "stage"))


@pytest.mark.parametrize("wal", [False, True])
def test_neither_a_never_pausing_writer_nor_its_reader_loses_anything(
    store: Database, tmp_path: Path, *, wal: bool
) -> None:
    path = tmp_path / "tracked.db"
    writer = make(path, wal=wal)
    writer.execute("PRAGMA busy_timeout = 0")
    enough = threading.Event()

    def write() -> None:
        step = 0
        while not enough.is_set() or step < 500:
            add(writer, step)
            step += 1
        steps.append(step)

    steps: list[int] = []
    thread = threading.Thread(target=write)
    thread.start()
    reader = open_run(store, path)
    while reader.position.rows < 200:
        reading.read_on(reader)
    enough.set()
    thread.join()
    reading.read_to_end(store, reader)
    assert reading.kept_points(store, "loss") == [(step, step / 2) for step in range(steps[0])]
    writer.close()


def test_a_copy_is_repeated_after_a_commit_meanwhile(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    writer = make(path)
    for step in range(500):
        add(writer, step)
    real = shutil.copyfile

    def torn(source: str, target: str) -> None:
        monkeypatch.setattr("shutil.copyfile", real)
        before = path.read_bytes()
        writer.execute("BEGIN")
        for step in range(500, 1000):
            add(writer, step)
        writer.execute("COMMIT")
        half = len(before) // 2
        Path(target).write_bytes(before[:half] + path.read_bytes()[half:])

    monkeypatch.setattr("shutil.copyfile", torn)
    assert reading.read_on(open_run(store, path)) == 1000
    writer.close()


def test_only_new_rows_are_read_and_only_of_the_run(store: Database, tmp_path: Path) -> None:
    writer = make(tmp_path / "a.db")
    add(writer, 0)
    add(writer, 0, "other")
    reader = open_run(store, tmp_path / "a.db")
    assert reading.read_on(reader) == 1
    add(writer, 1, "other")
    assert reading.read_on(reader) == 0
    add(writer, 1)
    assert reading.read_on(open_run(store, tmp_path / "a.db")) == 1
    assert reading.kept_points(store, "loss") == [(0, 0.0), (1, 0.5)]
    writer.close()


def test_a_database_made_again_is_read_from_its_start(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for steps in (range(5), range(3)):
        path.unlink(missing_ok=True)
        writer = make(path)
        for step in steps:
            add(writer, step)
        writer.close()
        reading.read_on(open_run(store, path))
    assert points_of(store, "stage")["loss"].total() == 3


@pytest.mark.parametrize(
    "content",
    [trackers.MAGIC + os.urandom(5000), trackers.MAGIC, b"SQLite format 3\0" + bytes(4096)],
)
def test_a_damaged_database_is_one_clear_error(
    store: Database, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"a\.db cannot be read as a database: "):
        reading.read_on(open_run(store, path))


def test_a_database_without_a_trackers_tables_has_no_runs(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE metrics (key TEXT)")
    assert reading.read_on(open_run(store, path)) == 0


def test_no_copy_is_left_behind(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    writer = make(tmp_path / "a.db", wal=True)
    add(writer, 0)
    reading.read_on(open_run(store, tmp_path / "a.db"))
    assert list((tmp_path / "tmp").iterdir()) == []
    writer.close()


@pytest.mark.parametrize("seed", range(20))
def test_any_damage_gives_points_or_one_clear_error(
    store: Database, tmp_path: Path, seed: int
) -> None:
    path, chance = tmp_path / "a.db", random.Random(seed)
    with closing(make(path)) as writer:
        for step in range(300):
            add(writer, step)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 20, 300])):
        data[chance.randrange(100, len(data))] = chance.randrange(256)
    path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
    reader = open_run(store, path)
    with suppress(UnreadableFileError):
        reading.read_on(reader)
    trackers.of_database(path)  # raises nothing


OLDER = {
    "trackio": """
        CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER,
            metrics TEXT);
        CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT, created_at TEXT);
        INSERT INTO configs VALUES (1, 'old', '{"lr": 0.1, "_Username": "me"}', '2025-01-01');
        INSERT INTO metrics VALUES (1, '2025-01-01T00:00:00', 'old', 3, '{"loss": 0.5}');
        INSERT INTO metrics VALUES (2, '2025-01-01T00:00:01', NULL, 4, '{"loss": 0.5}');
    """,
    "optuna": """
        CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT);
        CREATE TABLE study_directions (study_id INTEGER, direction TEXT, objective INTEGER);
        CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER,
            state TEXT, datetime_start TEXT, datetime_complete TEXT);
        CREATE TABLE trial_params (trial_id INTEGER, param_name TEXT, param_value FLOAT,
            distribution_json TEXT);
        CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER,
            objective INTEGER, value FLOAT);
        CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER PRIMARY KEY,
            trial_id INTEGER, step INTEGER, intermediate_value FLOAT);
        INSERT INTO studies VALUES (1, 'old');
        INSERT INTO study_directions VALUES (1, 'MINIMIZE', 0);
        INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', '2021-01-01 00:00:00', NULL);
        INSERT INTO trial_params VALUES (1, 'lr', 0.1,
            '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
        INSERT INTO trial_values VALUES (1, 1, 0, 0.25);
        INSERT INTO trial_intermediate_values VALUES (1, 1, 3, 0.5);
    """,
}
"""Databases of older versions, which have fewer columns."""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("trackio", {"loss": [(3, 0.5)]}),
        ("optuna", {"trial 0": [(3, 0.5)], "value": [(0, 0.25)]}),
    ],
)
def test_databases_of_older_versions(
    store: Database, tmp_path: Path, kind: str, expected: dict[str, list[tuple[int, float]]]
) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLDER[kind])
    (run,) = trackers.of_database(path)
    jobs = trackers.jobs(path)
    assert (jobs[0].tracker, run.id, jobs[0].params) == (kind, "old", {"lr": 0.1})
    reading.read_to_end(store, open_run(store, path, "old"))
    found = curves_of(store, "stage")
    pairs = {
        name: list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
        for name, curve in found.items()
    }
    assert pairs == expected
