"""The metrics reader runs short of room: points wait in their files, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.disks import fill, small_disk
from tests.unit.metrics.attempts import Attempt, is_complete, start_attempt
from tests.unit.metrics.reading import (
    all_points,
    lines,
    open_reader,
    read_on,
    read_to_end,
    summaries,
)
from tests.unit.store import readings
from tests.unit.supervisor.waiting import wait_for
from trainui.errors import UnfitEnvironmentError
from trainui.metrics import process
from trainui.store.engine import Store, open_store


@pytest.fixture
def home_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk that is the home."""
    with small_disk(tmp_path / "home", megabytes=8) as disk:
        monkeypatch.setenv("TRAINUI_HOME", str(disk))
        yield disk


@pytest.fixture
def store(home_disk: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{home_disk}/trainui.db")
    yield store
    readings.close_all()
    store.close()


@contextmanager
def reading(log: Path) -> Iterator[None]:
    """Run the metrics reader."""
    with process.start(log) as reader:
        try:
            yield
        finally:
            reader.terminate()


def steps(store: Store, owner: str = "stage") -> list[float]:
    return [step for _name, step, _value in all_points(store, owner)]


def write(attempt: Attempt, begin: int, end: int) -> None:
    with attempt.own_file.open("a") as file:
        file.write(lines(range(begin, end)))


def test_a_source_whose_commit_fails_is_read_again(
    store: Store, home_disk: Path, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(range(4)))
    reader = open_reader(store, path)
    assert reader.advance().points == 4
    filler = fill(home_disk)
    with path.open("a") as file:
        file.write(lines(range(4, 60)))
    with pytest.raises(UnfitEnvironmentError, match="disk is full"):
        read_on(reader)
    filler.unlink()
    read_to_end(store, reader)
    assert steps(store) == list(range(60))


def test_an_attempt_that_ends_while_the_disk_is_full_is_complete_once_there_is_room(
    store: Store, home_disk: Path, tmp_path: Path
) -> None:
    attempt, log = start_attempt(store, tmp_path), tmp_path / "reader.log"
    write(attempt, 0, 4)
    with reading(log):
        wait_for(lambda: summaries(store, attempt.stage_id))
        filler = fill(home_disk)
        write(attempt, 4, 60)
        attempt.end()
        process.wake()
        wait_for(lambda: "disk is full" in log.read_text(), "that the disk is full")
        assert not is_complete(store, attempt)
        filler.unlink()
        wait_for(lambda: is_complete(store, attempt))
    assert steps(store, attempt.stage_id) == list(range(60))
    assert "tried again until it succeeds" in log.read_text()
    assert "nothing was lost" not in log.read_text()
