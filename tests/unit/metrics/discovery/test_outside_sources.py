"""Files outside a stage's directory belong to the attempt whose processes wrote them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, is_complete, start_attempt
from tests.unit.metrics.reader.test_attempt import again
from tests.unit.metrics.reading import connect, lines
from tests.unit.metrics.replaying import curves_of
from tests.unit.metrics.test_wandb import frames, item, row
from tests.unit.metrics.trackers.test_databases import MLFLOW
from trainui import clock
from trainui.metrics import lenient
from trainui.metrics.discovery import file_writers, outside_sources, stage_sources
from trainui.metrics.discovery.outside_sources import SLACK, OutsideSources, SearchRound
from trainui.metrics.reader.attempt import AttemptReader
from trainui.model.definition import MetricSource
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import set_values
from trainui.store.points import read_points
from trainui.store.shell_environment import ShellEnvironment
from trainui.supervisor.protocol import RUN_TAG, STARTED_FILE, WRITTEN_FILE


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(outside_sources, "MAX_AGE", -1.0)
    monkeypatch.setattr(outside_sources, "ROUND", -1.0)
    monkeypatch.setattr(outside_sources, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(outside_sources, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(outside_sources, "REST", 0)
    monkeypatch.setattr(outside_sources, "REST_OF_CHANGES", 0)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))


def begin(
    store: Database, root: Path, name: str = "train", **params: float
) -> tuple[Attempt, AttemptReader]:
    attempt = start_attempt(store, root, name=name, **params)
    reader = AttemptReader(store, attempt.to_read)
    reader.scan()
    return attempt, reader


def look(reader: AttemptReader) -> None:
    reader.scan()
    while reader.advance().more:
        pass


def end(store: Database, attempt: Attempt, reader: AttemptReader) -> dict[str, list[float]]:
    attempt.end()
    reader.finish(clean=True)
    assert is_complete(store, attempt)
    return values(store, attempt)


def values(store: Database, attempt: Attempt) -> dict[str, list[float]]:
    found = curves_of(store, attempt.stage_id)
    return {name: curve.values.tolist() for name, curve in found.items()}


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(content)


def note(attempt: Attempt, path: Path) -> None:
    """Note a file as the attempt's supervisor does."""
    write(attempt.directory / WRITTEN_FILE, f"{json.dumps(str(path.resolve()))}\n")


def test_files_written_in_the_workdir_are_found(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    write(attempt.workdir / "runs" / "a" / "metrics.jsonl", lines([1, 2]))
    log = attempt.workdir / "wandb" / "run-20260101_000000-x1" / "run-x1.wandb"
    log.parent.mkdir(parents=True)
    log.write_bytes(frames(row(3, item("val/loss", 0.5))))
    look(reader)
    assert values(store, attempt) == {"loss": [0.5, 1.0], "val/loss": [0.5]}
    assert end(store, attempt, reader) == {"loss": [0.5, 1.0], "val/loss": [0.5]}


def test_the_newest_history_of_several_checkpoints_is_read(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    for last in (2, 4):
        history = [{"loss": step, "step": step} for step in range(last)]
        place = attempt.workdir / "out" / f"checkpoint-{last}" / "trainer_state.json"
        write(place, json.dumps({"log_history": history}))
    write(attempt.workdir / "out" / "trainer_state.json", json.dumps({"log_history": history}))
    os.utime(attempt.workdir / "out" / "checkpoint-2" / "trainer_state.json")
    os.utime(attempt.workdir / "out" / "trainer_state.json")
    assert end(store, attempt, reader) == {"loss": [0, 1, 2, 3]}


def test_a_workdirs_log_gives_what_no_file_has(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    log = "".join(f"2026-11-26 22:00:0{step},1 INFO step={step} loss={step}\n" for step in range(3))
    write(attempt.workdir / "logs" / "train.log", log)
    (attempt.directory / "stdout.log").write_text("starting\n")
    assert end(store, attempt, reader) == {"loss": [0, 1, 2]}
    (tmp_path / "another" / "work").mkdir(parents=True)
    another, reader = begin(store, tmp_path / "another", "another")
    write(another.workdir / "logs" / "other.log", log)
    write(another.workdir / "metrics.csv", "step,acc,train_loss\n1,0.5,3\n")
    assert end(store, another, reader) == {"acc": [0.5], "train_loss": [3]}
    (tmp_path / "third" / "work").mkdir(parents=True)
    third, reader = begin(store, tmp_path / "third", "third")
    write(third.workdir / "logs" / "third.log", log)
    write(third.workdir / "metrics.csv", "step,acc,val_loss\n1,0.5,3\n")
    assert end(store, third, reader) == {"acc": [0.5], "val_loss": [3], "loss": [0, 1, 2]}


def test_jobs_of_a_multirun_have_different_names(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    for job in (0, 1):
        place = attempt.workdir / "multirun" / "2026-11-26" / "22-00-00" / str(job)
        write(place / ".hydra" / "overrides.yaml", f"- lr=0.{job}\n- 'path=a/b'\n")
        write(place / ".hydra" / "hydra.yaml", f"hydra:\n  job:\n    id: '{job}'\n    num: {job}\n")
        write(place / "metrics.csv", f"step,acc\n1,{job}\n")
        log = f"[2026-11-26 22:00:00,1][HYDRA] \t#{job} : lr=0.{job} path=a/b\n"
        log += "".join(f"[2026-11-26 22:00:00,1][app][INFO] - step {n} acc {job}\n" for n in (1, 2))
        write(attempt.directory / "stdout.log", log)
    apart = {"0 lr=0.0 path=a_b/acc": [0], "1 lr=0.1 path=a_b/acc": [1]}
    assert end(store, attempt, reader) == apart
    printing, reader = begin(store, tmp_path, "printing")
    (printing.directory / "stdout.log").write_text((attempt.directory / "stdout.log").read_text())
    assert end(store, printing, reader) == {name: value * 2 for name, value in apart.items()}


def test_directories_where_trackers_make_files_are_watched(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt, reader = begin(store, tmp_path)
    monkeypatch.setattr(outside_sources, "LONGEST_PAUSE", 1e9)  # the next search is not due yet
    assert attempt.workdir in reader.files.hints
    (attempt.workdir / "wandb").mkdir()
    (attempt.workdir / "data").mkdir()
    look(reader)
    assert attempt.workdir / "wandb" in reader.files.hints
    assert attempt.workdir / "data" not in reader.files.hints


def test_files_from_before_are_another_runs(store: Database, tmp_path: Path) -> None:
    old, shared = tmp_path / "work" / "old.jsonl", tmp_path / "work" / "shared.jsonl"
    for path in (old, shared):
        write(path, lines(range(10)))
        os.utime(path, (1, 1))
    attempt, reader = begin(store, tmp_path)
    write(shared, lines([10, 11]))
    assert end(store, attempt, reader) == {"loss": [5.0, 5.5]}


def test_files_from_before_are_another_runs_for_late_readers_too(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_writers, "MOST_SECONDS", 60)  # however busy the machine is
    attempt = start_attempt(store, tmp_path)
    shared = attempt.workdir / "runs" / "a" / "shared.jsonl"
    write(shared, lines(range(10)))
    file_writers.note_sizes(attempt.workdir, attempt.directory)
    with shared.open("a") as file:
        file.write(lines([10, 11]))
    write(attempt.workdir / "new.jsonl", '{"step": 1, "acc": 1}\n')
    reader = AttemptReader(store, attempt.to_read)
    assert end(store, attempt, reader) == {"loss": [5.0, 5.5], "acc": [1.0]}


def test_stages_side_by_side_get_their_own_files(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for number, (attempt, _reader) in enumerate(attempts, 1):
        path = attempt.workdir / f"run-{number}" / "metrics.jsonl"
        write(path, lines([number]))
        write(path.with_name("progress.csv"), f"step,acc\n1,{number}\n")
        note(attempt, path)
    for _attempt, reader in attempts:
        look(reader)
    write(tmp_path / "work" / "nobody.jsonl", lines([7]))
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [0.5], "acc": [1.0]}, {"loss": [1.0], "acc": [2.0]}]


def test_a_file_that_two_stages_write_is_none_of_theirs(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    path = tmp_path / "work" / "results.csv"
    write(path, "step,loss\n1,0.5\n1,0.25\n")
    for attempt, _reader in attempts:
        note(attempt, path)
    assert [end(store, attempt, reader) for attempt, reader in attempts] == [{}, {}]


def test_a_note_with_a_damaged_line_is_read(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for number, (attempt, _reader) in enumerate(attempts, 1):
        write(attempt.directory / WRITTEN_FILE, '\0\n{"a": 1}\n3\n"/torn')
        path = attempt.workdir / f"{number}.jsonl"
        write(path, lines([number]))
        write(attempt.directory / WRITTEN_FILE, "\n")
        note(attempt, path)
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [0.5]}, {"loss": [1.0]}]


def test_a_file_made_after_others_ended_is_the_attempts(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    work = tmp_path / "work"
    if lenient.born(work) is None:
        pytest.skip("the file system does not record it")
    write(work / "shared.jsonl", lines([7]))
    assert end(store, *attempts[0]) == {}
    ended = clock.now()
    with store.write() as connection:
        set_values(connection, "attempts", attempts[0][0].id, completed_at=ended)
    while clock.now() < ended + 2 * SLACK * clock.SECOND:
        time.sleep(0.01)
    write(work / "own.jsonl", lines([1]))
    write(work / "shared.jsonl", lines([8]))
    assert end(store, *attempts[1]) == {"loss": [0.5]}


def test_a_noted_file_below_a_linked_workdir_is_one_file(store: Database, tmp_path: Path) -> None:
    """The kernel shows its path with the link followed."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "disk")
    attempt, reader = begin(store, tmp_path)
    write(tmp_path / "work" / "m.jsonl", lines([1]))
    note(attempt, tmp_path / "work" / "m.jsonl")
    assert end(store, attempt, reader) == {"loss": [0.5]}


def test_a_file_open_in_a_foreign_process_is_left_out(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    with (tmp_path / "work" / "m.jsonl").open("a") as file:
        stranger = subprocess.Popen(["sleep", "60"], stdout=file)
    write(tmp_path / "work" / "m.jsonl", lines([1]))
    look(reader)
    stranger.kill()
    stranger.wait()
    assert end(store, attempt, reader) == {}


def tracked(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(MLFLOW)
    return connection


def add_run(
    connection: sqlite3.Connection, run: str, value: float, started: float, attempt: Attempt | None
) -> None:
    row = (run, run, "RUNNING", started * 1000, None, "active")
    connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO metrics VALUES ('loss', ?, 1, ?, 0, 0)", (value, run))
    if attempt:
        tag = (run, "trainui.attempt", str(attempt.directory))
        connection.execute("INSERT INTO tags VALUES (?, ?, ?)", tag)


def test_runs_of_a_shared_database_are_attributed_by_their_tag(
    store: Database, tmp_path: Path
) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    with closing(tracked(tmp_path / "work" / "mlflow.db")) as connection:
        for value, (attempt, _reader) in enumerate(attempts, 1):
            add_run(connection, f"run {value}", value, 2e9, attempt)
        add_run(connection, "somebody's", 3, 2e9, None)
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [1.0]}, {"loss": [2.0]}]


def test_a_run_that_a_later_attempt_continues_is_read_on(store: Database, tmp_path: Path) -> None:
    first, reader = begin(store, tmp_path)
    with closing(tracked(first.workdir / "mlflow.db")) as connection:
        add_run(connection, "long", 1, time.time() + 1, first)
        assert end(store, first, reader) == {"loss": [1.0]}
        second = again(store, first)
        reader = AttemptReader(store, second.to_read)
        connection.execute("INSERT INTO metrics VALUES ('loss', 2, 2, 'long', 1, 0)")
        assert end(store, second, reader) == {"loss": [1.0, 2.0]}


def test_a_new_run_after_a_killed_one_continues_its_series(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    with closing(tracked(attempt.stage_dir / "mlflow.db")) as connection:
        add_run(connection, "killed", 1, 1, None)  # of an earlier attempt
        add_run(connection, "new", 2, time.time() + 1, attempt)
        add_run(connection, "third", 3, time.time() + 2, attempt)
    assert end(store, attempt, reader) == {"loss": [1.0, 2.0], "third/loss": [3.0]}


def test_an_old_run_of_a_database_is_left_out(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    with closing(tracked(tmp_path / "work" / "mlflow.db")) as connection:
        add_run(connection, "old", 1, 1, None)
        add_run(connection, "new", 2, 2e9, None)
        look(reader)
        connection.execute("INSERT INTO metrics VALUES ('loss', 3, 2, 'new', 1, 0)")
    assert end(store, attempt, reader) == {"loss": [2.0, 3.0]}


@pytest.mark.parametrize("source", [MetricSource("mlflow.db"), MetricSource("*.x", "mlflow")])
def test_a_named_database_gives_the_attempts_own_runs(
    store: Database, tmp_path: Path, source: MetricSource
) -> None:
    attempt = start_attempt(store, tmp_path, source)
    reader = AttemptReader(store, attempt.to_read)
    name = "mlflow.db" if source.format is None else "any.x"
    with closing(tracked(tmp_path / "work" / name)) as connection:
        add_run(connection, "old", 1, 1, None)
        look(reader)
        add_run(connection, "mine", 2, 2e9, attempt)
    assert end(store, attempt, reader) == {"loss": [2.0]}


def test_a_named_database_without_the_attempts_run_is_reported(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource("mlflow.db"))
    reader = AttemptReader(store, attempt.to_read)
    with closing(tracked(tmp_path / "work" / "mlflow.db")) as connection:
        add_run(connection, "old", 1, 1, None)
    assert end(store, attempt, reader) == {}
    with closing(connect(store)) as reading:
        (problem,) = read_points.problems(reading, [attempt.stage_id])
    assert "has no run of MLflow" in problem.problem


@pytest.mark.parametrize("place", [lambda one: one.stage_dir, lambda one: one.workdir])
def test_mlflows_files_of_another_attempt_are_left_out(
    store: Database, tmp_path: Path, place: Callable[[Attempt], Path]
) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for value, (attempt, _reader) in enumerate(attempts, 1):
        run = place(attempt) / "mlruns" / "0" / f"run{value}"
        write(run / "meta.yaml", "")
        write(run / "tags" / "trainui.attempt", str(attempt.directory))
        write(run / "metrics" / "loss", f"1700000000000 {value} 0\n")
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [1.0]}, {"loss": [2.0]}]


def test_the_jobs_of_a_launched_multirun_have_their_own_files(
    store: Database, tmp_path: Path
) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for number, (attempt, _reader) in enumerate(attempts):
        job = attempt.workdir / "multirun/1" / str(number)
        write(job / ".hydra/hydra.yaml", f"hydra:\n  job:\n    num: {number}\n")
        write(job / ".hydra/overrides.yaml", f"- seed={number}\n")
        write(job / ".hydra" / RUN_TAG, str(attempt.directory))
        write(job / "csv/version_0/metrics.csv", f"step,loss\n0,{number}\n1,{number}\n")
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [0.0, 0.0]}, {"loss": [1.0, 1.0]}]


TRACKIO = """
CREATE TABLE configs (run_id, run_name, config);
CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id, run_name, timestamp, step, metrics);
"""


def trackio(home: Path) -> sqlite3.Connection:
    """A database of Trackio with the project `p`."""
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "p.db", isolation_level=None)
    connection.executescript(TRACKIO)
    return connection


def log(
    connection: sqlite3.Connection,
    run: str,
    name: str,
    step: int,
    config: Mapping[str, object] | None = None,
    **metrics: object,
) -> None:
    """Log a row to a run, which begins with its first one."""
    now = datetime.now(UTC).isoformat()
    if not step:
        text = json.dumps({"_Created": now, **(config or {})})
        connection.execute("INSERT INTO configs VALUES (?, ?, ?)", (run, name, text))
    row = (run, name, now, step, json.dumps(metrics))
    connection.execute(
        "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics) VALUES (?,?,?,?,?)", row
    )


def print_run(attempt: Attempt, name: str, project: str = "p") -> None:
    write(
        attempt.directory / "stdout.log",
        f"* Trackio project initialized: {project}\n* Created new run: {name}\n",
    )


def test_a_trackio_database_in_its_home(store: Database, tmp_path: Path) -> None:
    attempt, reader = begin(store, tmp_path)
    with closing(trackio(tmp_path / "trackio")) as connection:
        log(connection, "r", "r", 0, a={"b": "NaN"})
    found = end(store, attempt, reader)
    assert {name: str(several) for name, several in found.items()} == {"a.b": "[nan]"}


@pytest.mark.parametrize(
    ("variable", "below"),
    [("HOME", ".cache/huggingface/trackio"), ("HF_HOME", "trackio"), ("TRACKIO_DIR", "")],
)
def test_a_tracker_is_found_where_the_submitting_shell_has_it(
    store: Database, tmp_path: Path, variable: str, below: str
) -> None:
    place = tmp_path / "elsewhere"
    attempt = start_attempt(store, tmp_path)
    shell_environment.write(
        attempt.to_read.run_dir, ShellEnvironment({variable: str(place)}, 0o022)
    )
    reader = AttemptReader(store, attempt.to_read)
    (place / below).mkdir(parents=True)
    assert stage_sources.is_silent(reader.files.place, attempt.to_read.definition)
    with closing(trackio(place / below)) as connection:
        log(connection, "r", "r", 0, loss=0.5)
    assert not stage_sources.is_silent(reader.files.place, attempt.to_read.definition)
    assert end(store, attempt, reader) == {"loss": [0.5]}


def test_runs_of_trackio_are_attributed_by_what_was_printed(
    store: Database, tmp_path: Path
) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    with closing(trackio(tmp_path / "trackio")) as connection:
        for value, (attempt, _reader) in enumerate(attempts, 1):
            print_run(attempt, f"run {value}", "p.")
            log(connection, f"id {value}", f"run {value}", 0, loss=value)
        log(connection, "id 3", "somebody's", 0, loss=3)
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [1.0]}, {"loss": [2.0]}]


def test_a_run_belongs_to_the_attempt_running_at_its_start(store: Database, tmp_path: Path) -> None:
    first, first_reader = begin(store, tmp_path, "one")
    with closing(trackio(tmp_path / "trackio")) as connection:
        print_run(first, "base")
        log(connection, "id 1", "base", 0, loss=1)
        second, second_reader = begin(store, tmp_path, "two")
        print_run(second, "base")
        log(connection, "id 2", "base", 0, loss=2)
    assert end(store, first, first_reader) == {"loss": [1.0]}
    assert end(store, second, second_reader) == {"loss": [2.0]}


def fragment(home: Path, writer: str, number: int, run: str, *losses: float) -> Path:
    """Write a fragment of an inbox as Trackio 0.43 does, for the project `p.`."""
    file = home / "inbox" / writer / f"{number:08}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    now, begun = datetime.now(UTC).isoformat(), 10 * number
    rows = [
        {
            **{"v": 1, "kind": "metric", "project": "p.", "run": run, "run_id": f"id {run}"},
            **{"metrics": {"loss": loss}, "step": begun + at, "timestamp": now},
            "config": None if number or at else {"lr": 0.1, "_Created": now},
            "log_id": f"{writer}{number}{at}",
        }
        for at, loss in enumerate(losses)
    ]
    system = {**rows[0], "kind": "system_metric", "metrics": {"cpu": 99.0}}
    part = file.with_suffix(".tmp")
    part.write_text("".join(json.dumps(row) + "\n" for row in (*rows, system)))
    return part.rename(file)


def test_fragments_of_trackio_are_one_curve_a_run(store: Database, tmp_path: Path) -> None:
    home = tmp_path / "trackio"
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for (attempt, reader), writer, run in zip(attempts, "ab", ("x", "y"), strict=True):
        print_run(attempt, run, "p.")
        fragment(home, 16 * writer, 0, run, 1.0, 2.0)
        look(reader)
        fragment(home, 16 * writer, 1, run, 3.0)
    second = fragment(home, 16 * "c", 0, "z", 9.0)
    print_run(attempts[0][0], "z", "p.")
    look(attempts[0][1])
    first = fragment(home, 16 * "a", 2, "x", 4.0)
    for number in (0, 1):  # Trackio's dashboard moves them
        (first.parent / f"{number:08}.jsonl").unlink()
    with closing(trackio(home)) as connection:
        log(connection, "id x", "x", 0, loss=1.0)
    assert second.exists()
    assert end(store, *attempts[0]) == {"loss": [1.0, 2.0, 3.0, 4.0], "z/loss": [9.0]}
    assert end(store, *attempts[1]) == {"loss": [1.0, 2.0, 3.0]}


def test_runs_of_one_name_and_start_are_nobodys(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    with closing(trackio(tmp_path / "trackio")) as connection:
        for value, (attempt, _reader) in enumerate(attempts, 1):
            print_run(attempt, "base")
            log(connection, f"id {value}", "base", 0, loss=value)
    for attempt, reader in attempts:
        assert end(store, attempt, reader) == {}
        with closing(connect(store)) as reading:
            (problem,) = read_points.problems(reading, [attempt.stage_id])
        assert "several stages began a run named base" in problem.problem


def test_files_of_one_directory_have_different_names(store: Database, tmp_path: Path) -> None:
    attempts = [begin(store, tmp_path, name) for name in ("one", "two")]
    for number, (attempt, _reader) in enumerate(attempts, 1):
        path = attempt.workdir / "logs" / f"{number}.jsonl"
        write(path, lines([number]))
        note(attempt, path)
    for _attempt, reader in attempts:
        look(reader)
    write(tmp_path / "work" / "logs" / "nobody.jsonl", lines([7]))
    found = [end(store, attempt, reader) for attempt, reader in attempts]
    assert found == [{"loss": [0.5]}, {"loss": [1.0]}]


def test_at_rest_nothing_is_searched(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_sources, "LONGEST_PAUSE", 1e9)
    work = tmp_path / "work"
    work.mkdir()
    started = time.monotonic() - 1e9
    outside = OutsideSources(tmp_path / "run" / "a", tmp_path / "run" / "s", work, {})
    outside._began = started
    assert outside.is_due()
    outside.search([], 0)
    assert not outside.is_due()
    for name in ("model.bin", "out.txt"):
        (work / name).touch()
    assert not outside.is_due()
    (work / "metrics.jsonl").touch()
    assert outside.is_due()


def test_a_round_rests_by_what_it_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_sources, "LONGEST_PAUSE", 1e9)
    shared = SearchRound()
    assert shared.may_begin(500)
    shared.spend(1e6)
    assert not shared.may_begin(500)
    assert shared.may_begin(0)


def test_a_file_made_just_before_the_end_is_found(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_sources, "MAX_AGE", 1e9)
    attempt, reader = begin(store, tmp_path)
    write(attempt.workdir / "metrics.jsonl", lines([1, 2]))
    assert end(store, attempt, reader) == {"loss": [0.5, 1.0]}


def test_a_file_of_the_starts_tick_is_the_attempts(store: Database, tmp_path: Path) -> None:
    tick = 1_796_087_848_123_456_700
    assert tick / 1e9 * 1e9 > tick  # as a float, the start is later
    attempt, reader = begin(store, tmp_path)
    file = attempt.workdir / "metrics.jsonl"
    write(file, lines([1, 2]))
    for path in (attempt.directory / STARTED_FILE, file):
        os.utime(path, ns=(tick, tick))
    assert not stage_sources.is_silent(reader.files.place, attempt.to_read.definition)
    assert end(store, attempt, reader) == {"loss": [0.5, 1.0]}


def test_an_attempt_writing_just_before_its_end_is_not_silent(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_sources, "MAX_AGE", 1e9)
    attempt, reader = begin(store, tmp_path)
    assert stage_sources.is_silent(reader.files.place, attempt.to_read.definition)
    write(attempt.workdir / "metrics.jsonl", lines([1, 2]))
    assert not stage_sources.is_silent(reader.files.place, attempt.to_read.definition)
