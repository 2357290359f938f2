"""Directories are watched, again after a failure, or known not to be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui import system
from trainui.metrics.reader.watch import FileChanges, Watch


@pytest.fixture
def reported() -> list[FileChanges]:
    return []


@pytest.fixture
def watch(reported: list[FileChanges]) -> Iterator[Watch]:
    watch = Watch(reported.append)
    yield watch
    watch.close()


def watch_all(watch: Watch, *directories: Path) -> None:
    """Watch directories, and wait until changes in them are reported."""
    watch.watch(set(directories))
    wait_for(lambda: all(map(watch.sees, directories)), "that all is watched")


def grown(reported: list[FileChanges]) -> set[str]:
    return {path for changes in reported for path in changes.grown}


def test_growth_and_arrivals_and_departures_are_reported(
    watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.touch()
    watch.watch({tmp_path, tmp_path / "not there"})
    wait_for(lambda: watch.sees(tmp_path))
    wait_for(
        lambda: reported == [FileChanges(frozenset(), others=True)], "what may have been missed"
    )
    reported.clear()
    with file.open("a") as writing:
        for _ in range(100):
            writing.write("line\n")
            writing.flush()
    wait_for(lambda: reported)
    assert reported[0] == FileChanges(frozenset({str(file)}), others=False)
    reported.clear()
    (tmp_path / "new").mkdir()
    wait_for(lambda: any(changes.others for changes in reported))
    assert not watch.is_blind


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_a_directory_that_was_recreated_is_watched_again(
    how: str, watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    watch_all(watch, inner)
    if how == "deleted":
        shutil.rmtree(inner)
    else:
        inner.rename(tmp_path / "old")
    wait_for(lambda: not watch.sees(inner), "that the directory is gone")
    inner.mkdir()
    (inner / "a").touch()
    watch_all(watch, inner)
    (inner / "a").write_text("x")
    wait_for(lambda: str(inner / "a") in grown(reported))


def test_an_unwatched_path_is_not_reported(
    watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    other, kept = tmp_path / "other", tmp_path / "kept"
    other.mkdir()
    kept.mkdir()
    (other / "a").touch()
    (kept / "b").touch()
    watch_all(watch, other, kept)
    watch.watch({kept})
    wait_for(lambda: not watch.sees(other))
    (other / "a").write_text("x")
    (kept / "b").write_text("x")
    wait_for(lambda: grown(reported))
    assert grown(reported) == {str(kept / "b")}


def test_a_file_is_reported_by_each_name_of_its_directory(
    watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "a").touch()
    watch_all(watch, real, link)
    (real / "a").write_text("x")
    wait_for(lambda: grown(reported))
    assert grown(reported) == {str(real / "a"), str(link / "a")}


def test_a_failure_is_reported_and_the_watch_starts_again(
    watch: Watch, reported: list[FileChanges], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a"
    file.touch()
    watch_all(watch, tmp_path)
    reported.clear()
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    odd.touch()  # a name that watchfiles cannot report
    wait_for(lambda: "the watch failed" in caplog.text)
    wait_for(lambda: any(changes.others for changes in reported), "what may have been missed")
    wait_for(lambda: watch.sees(tmp_path), "that it is watched again")
    file.write_text("x")
    wait_for(lambda: str(file) in grown(reported))


def test_a_callback_that_fails_does_not_end_the_watch(tmp_path: Path) -> None:
    reported: list[FileChanges] = []

    def fail_once(changes: FileChanges) -> None:
        reported.append(changes)
        if len(reported) == 1:
            raise RuntimeError("once")

    watch = Watch(fail_once)
    try:
        (tmp_path / "a").touch()
        watch.watch({tmp_path})
        wait_for(lambda: len(reported) > 2, "another report")
    finally:
        watch.close()


def test_an_unwatchable_directory_keeps_no_other_from_it(
    watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    fine = tmp_path / "fine"
    odd.mkdir()
    fine.mkdir()
    (fine / "a").touch()
    watch.watch({odd, fine})
    wait_for(lambda: watch.sees(fine))
    assert watch.is_blind
    (fine / "a").write_text("x")
    wait_for(lambda: str(fine / "a") in grown(reported))


def test_a_network_file_system_leaves_it_blind(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "file_system", lambda _path: "nfs4")
    watch.watch({tmp_path})
    assert watch.is_blind
    watch.watch(set())
    assert not watch.is_blind


def test_of_a_hint_only_what_may_have_metrics_is_reported(
    watch: Watch, reported: list[FileChanges], tmp_path: Path
) -> None:
    (tmp_path / "x").touch()
    watch.watch(set(), frozenset({tmp_path}))
    wait_for(lambda: watch.sees(tmp_path) and reported)
    reported.clear()
    (tmp_path / "model.bin").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "x").write_text("grows")
    wait_for(lambda: str(tmp_path / "x") in grown(reported))
    assert not any(changes.others for changes in reported)
    (tmp_path / "metrics.jsonl").touch()
    wait_for(lambda: any(changes.others for changes in reported))


def test_a_hint_on_a_network_file_system_leaves_it_seeing(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "file_system", lambda _path: "nfs4")
    watch.watch(set(), frozenset({tmp_path}))
    assert not watch.is_blind
