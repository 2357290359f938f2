"""The watch of the home: what is reported, and when it has to begin again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui import settings
from trainui.tui.readers.file_watch import FileWatch


@pytest.fixture
def reported() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watch(home: Path, reported: threading.Event) -> Iterator[FileWatch]:
    if settings.load().database_url is not None:
        pytest.skip("a database server's files are elsewhere")
    home.mkdir()
    watch = FileWatch(reported.set)
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home, reported), "the begin of the watch")
    yield watch
    watch.close()


def is_reported(home: Path, reported: threading.Event) -> bool:
    """Change a file once all before is reported, and return whether that is reported soon."""
    while reported.wait(0.2):
        reported.clear()
    (home / "trainui.db-wal").touch()
    (home / "trainui.db-wal").write_bytes(b"frame")
    return reported.wait(0.5)


def test_a_directory_that_has_the_inode_of_the_one_before_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    inode = home.stat().st_ino
    for _ in range(100):
        for file in home.iterdir():
            file.unlink()
        home.rmdir()
        home.mkdir()
        if home.stat().st_ino == inode:
            break
    else:
        pytest.skip("this file system does not use inodes again")

    def is_watched() -> bool:
        watch.sees()
        return is_reported(home, reported)

    wait_for(is_watched, "a report from the new directory")


def test_a_directory_that_comes_later_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    (home / "worker").mkdir()
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home / "worker", reported), "a report from it")


def test_a_directory_that_takes_the_place_of_a_renamed_one_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    home.rename(home.with_name("renamed"))
    home.mkdir()
    watch.sees()
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home, reported), "a report from the new directory")


def test_a_write_to_the_database_alone_asks_for_no_look_at_worker_and_broker(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    (home / "worker").mkdir()
    wait_for(watch.sees, "the begin of the watch")
    assert is_reported(home, reported)
    assert watch.was_beyond_database()
    assert is_reported(home, reported)
    assert not watch.was_beyond_database()
    (home / "worker" / "ended-worker.json").write_text("{}")
    wait_for(watch.was_beyond_database, "the report of the worker's file")
    (home / "trainui.db-wal").unlink()
    wait_for(watch.was_beyond_database, "the report of the file's end")


def test_a_calm_watch_reports_too(watch: FileWatch, home: Path, reported: threading.Event) -> None:
    for calm in (True, False):
        wait_for(lambda calm=calm: watch.sees(calm=calm), "the watch")  # type: ignore[misc]
        wait_for(lambda: is_reported(home, reported), "a report")
