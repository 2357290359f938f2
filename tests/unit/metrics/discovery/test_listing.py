"""A listing of a directory notices files with usual names, and is not changed by others."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.metrics.reading import lines
from trainui import paths
from trainui.metrics.discovery import outside_sources
from trainui.metrics.discovery.outside_sources import Listing


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_sources, "MAX_AGE", -1.0)


def begin(root: Path) -> Listing:
    found = Listing(root)
    found.walk()
    return found


def changed(found: Listing) -> bool:
    before = found.version
    found.check()
    return found.version != before


def test_a_file_with_a_usual_name_changes_it(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    found = begin(tmp_path)
    log = tmp_path / "runs" / "a" / "metrics.jsonl"
    log.write_text("")
    assert changed(found)
    assert [*found.states] == [log]
    assert not changed(found)
    log.unlink()
    assert changed(found)
    assert not found.states


def test_a_file_in_a_new_directory_changes_it(tmp_path: Path) -> None:
    found = begin(tmp_path)
    (tmp_path / "runs").mkdir()
    assert not changed(found)
    (tmp_path / "runs" / "metrics.jsonl").write_text("")
    assert changed(found)


@pytest.mark.parametrize("name", ["model.bin", "train.py", "__pycache__/x.csv", ".git/log.csv"])
def test_other_files_do_not_change_it(tmp_path: Path, name: str) -> None:
    found = begin(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert not changed(found)


@pytest.mark.parametrize("mark", [paths.OURS, paths.PLACE_FILE])
def test_our_own_files_do_not_change_it(tmp_path: Path, mark: str) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / mark).touch()
    found = begin(tmp_path)
    (tmp_path / "ours" / "metrics.jsonl").write_text("")
    assert not changed(found)


def test_our_home_does_not_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    found = begin(tmp_path)
    (tmp_path / "home" / "trainui.db").touch()
    assert not changed(found)


def test_two_files_within_a_clock_tick_are_both_seen(tmp_path: Path) -> None:
    found = begin(tmp_path)
    (tmp_path / "a.jsonl").touch()
    assert changed(found)
    modified = tmp_path.stat().st_mtime_ns
    (tmp_path / "b.jsonl").touch()
    os.utime(tmp_path, ns=(modified, modified))
    assert changed(found)


def test_a_commit_to_a_database_changes_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE runs (id)")
        found = begin(tmp_path)
        connection.execute("INSERT INTO runs VALUES (1)")
        assert changed(found)


def test_a_file_that_grows_does_not_change_it(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text(lines([1]))
    found = begin(tmp_path)
    log.write_text(lines([1, 2]))
    assert not changed(found)
    found.walk()
    assert found.states[log].size == len(lines([1, 2]))


def test_a_deep_file_is_found_near_recent_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_sources, "MAX_CHECKED", 2)
    for number in range(9):
        (tmp_path / f"data{number}").mkdir()
        os.utime(tmp_path / f"data{number}", (1, 1))
    (tmp_path / "out").mkdir()
    found = begin(tmp_path)
    (tmp_path / "out" / "a.jsonl").touch()
    assert changed(found)
    for settled in (tmp_path, tmp_path / "out"):
        os.utime(settled, (2, 2))
    found.check()
    (tmp_path / "data8" / "b.jsonl").touch()
    assert not changed(found)
    found.walk()
    assert [path.name for path in found.states] == ["b.jsonl", "a.jsonl"]
