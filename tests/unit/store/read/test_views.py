"""What front ends read: runs by what people call them, and errors that help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import start_attempt
from tests.unit.store.conftest import AddRun
from trainui import paths
from trainui.errors import AmbiguousError, NotFoundError, UnfitEnvironmentError
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.supervisor import protocol


def test_a_run_is_found_by_id_name_and_prefix(store: Database, add_run: AddRun) -> None:
    add_run("abcdef-1", {"A": []})
    add_run("xyz", {"A": []})
    with engine.reading() as connection:
        assert views.find_run(connection, "abcdef-1").id == "abcdef-1"
        assert views.find_run(connection, "name of xyz").id == "xyz"
        assert views.find_run(connection, "abcd").id == "abcdef-1"
        with pytest.raises(NotFoundError, match="the latest are xyz"):
            views.find_run(connection, "abc")  # a prefix has four characters or more


def test_a_prefix_of_several_runs_lists_them(store: Database, add_run: AddRun) -> None:
    add_run("abcdef-1", {"A": []})
    add_run("abcdef-2", {"A": []})
    with engine.reading() as connection, pytest.raises(AmbiguousError, match="abcdef-1") as raised:
        views.find_run(connection, "abcdef")
    assert "abcdef-2" in str(raised.value)


def test_a_stage_is_found_by_any_unique_part(store: Database, add_run: AddRun) -> None:
    run = add_run("run-1", {"prepare": [], "train": [], "train more": []})
    with engine.reading() as connection:
        assert [stage.name for stage in views.find_stages(connection, run, "train")] == ["train"]
        assert [stage.name for stage in views.find_stages(connection, run, "more")] == [
            "train more"
        ]
        with pytest.raises(AmbiguousError, match="train, train more"):
            views.find_stages(connection, run, "rai")
        with pytest.raises(NotFoundError, match="prepare, train, train more"):
            views.find_stages(connection, run, "evaluate")


def test_the_first_stages_are_read_alone(store: Database, add_run: AddRun) -> None:
    run = add_run("run-1", {"c": [], "b": ["c"], "a": []})
    with engine.reading() as connection:
        assert [stage.name for stage in views.stages(connection, run)] == ["c", "b", "a"]
        assert [stage.name for stage in views.stages(connection, run, limit=2)] == ["c", "b"]


def test_runs_are_listed_newest_first(store: Database, add_run: AddRun) -> None:
    for run_id in ("first", "second", "third"):
        add_run(run_id, {"A": [], "B": ["A"]})
    with engine.reading() as connection:
        assert [run.id for run in views.runs(connection)] == ["third", "second", "first"]
        assert [run.id for run in views.runs(connection, limit=1)] == ["third"]
        queued = views.runs_with(connection, Status.QUEUED)
        assert [run.id for run in queued] == ["third", "second", "first"]
        assert views.runs_with(connection, Status.INTERRUPTED) == []


def test_with_no_database_there_are_no_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "nothing here"))
    with pytest.raises(NotFoundError, match="there are no runs yet"), engine.reading():
        pass
    assert not (tmp_path / "nothing here").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("something else, long enough to be looked at" * 100)
    with (
        pytest.raises(UnfitEnvironmentError, match=r"other\.db: file is not a database"),
        engine.reading(other),
    ):
        pass


def test_reading_makes_no_file_and_cannot_write(store: Database, add_run: AddRun) -> None:
    add_run("run-1", {"A": []})
    with engine.reading() as connection:
        with pytest.raises(Exception, match=r"read-?only"):
            connection.execute("DELETE FROM runs")
        assert views.run(connection, "run-1") is not None


def test_the_database_is_private_whatever_the_umask(store: Database, add_run: AddRun) -> None:
    add_run("run-1", {"A": []})
    if store.url.startswith("postgresql"):
        pytest.skip("who may see it is decided by the server")
    database = paths.home().database
    assert database.parent.stat().st_mode & 0o777 == 0o700
    for file in database.parent.glob("trainui.db*"):
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_the_settings_of_a_deleted_run_are_one_error(store: Database) -> None:
    with engine.reading() as connection, pytest.raises(NotFoundError, match="deleted meanwhile"):
        views.submission(connection, "gone")


def test_results_that_two_running_stages_wrote_are_named(store: Database, tmp_path: Path) -> None:
    one, other = (start_attempt(store, tmp_path, name=name) for name in ("one", "other"))
    for attempt, own in ((one, [tmp_path / "alone.csv"]), (other, [])):
        files = [tmp_path / "loss.csv", tmp_path / ".cache/vocabulary.json", tmp_path / "log", *own]
        lines = "".join(f"{json.dumps(str(file))}\n" for file in files)
        (attempt.directory / protocol.WRITTEN_FILE).write_text(lines)
    with engine.reading() as connection:
        (clause,) = views.written_by_both(connection, one.stage_id, one.directory)
        assert views.written_by_both(connection, one.stage_id, tmp_path) == []
    assert clause.startswith(f"{tmp_path / 'loss.csv'} was written by other of the run ")
