"""Directories are watched by the kernel's means, or known not to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui import disk
from trainui.metrics.watch import Changes, Watch


@pytest.fixture
def told() -> list[Changes]:
    return []


@pytest.fixture
def watch(told: list[Changes]) -> Iterator[Watch]:
    watch = Watch(told.append)
    yield watch
    watch.close()


def test_what_grows_and_what_comes_or_goes_is_told(
    watch: Watch, told: list[Changes], tmp_path: Path
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.touch()
    watch.watch({tmp_path, tmp_path / "not there"})
    with file.open("a") as writing:
        for _ in range(100):
            writing.write("line\n")
            writing.flush()
    wait_for(lambda: told)
    assert told[0] == Changes(frozenset({str(file)}), others=False)
    told.clear()
    (tmp_path / "new").mkdir()
    wait_for(lambda: any(changes.others for changes in told))
    assert not watch.is_blind


def test_the_first_change_after_a_rest_is_told_at_once_and_others_after_a_pause(
    told: list[Changes], tmp_path: Path
) -> None:
    with closing(Watch(told.append, pause=1000.0)) as watch:
        watch.watch({tmp_path})
        (tmp_path / "a").write_text("x")
        wait_for(lambda: told)
        (tmp_path / "b").write_text("x")
    assert len(told) == 1


def test_a_directory_that_was_made_anew_is_watched_again(
    watch: Watch, told: list[Changes], tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    watch.watch({inner})
    inner.rmdir()
    wait_for(lambda: told)
    inner.mkdir()
    (inner / "a").touch()
    watch.watch({inner})
    told.clear()
    (inner / "a").write_text("x")
    wait_for(lambda: any(str(inner / "a") in changes.grown for changes in told))


def test_what_is_watched_no_more_is_not_told(
    watch: Watch, told: list[Changes], tmp_path: Path
) -> None:
    other, kept = tmp_path / "other", tmp_path / "kept"
    other.mkdir()
    kept.mkdir()
    watch.watch({other, kept})
    watch.watch({kept})
    (other / "a").touch()
    (kept / "b").write_text("x")
    wait_for(lambda: any(changes.grown for changes in told))
    assert {path for changes in told for path in changes.grown} == {str(kept / "b")}


def test_a_network_file_system_leaves_it_blind(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "file_system", lambda _path: "nfs4")
    watch.watch({tmp_path})
    assert watch.is_blind
    watch.watch(set())
    assert not watch.is_blind
