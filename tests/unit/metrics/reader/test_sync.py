"""`sync_metrics_from_file` stores what is new, once, and costs what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from tests.unit.metrics.reading import all_points, kept_points, lines, summaries
from trainui.api import sync_metrics_from_file
from trainui.errors import UsageError
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.tail import UnreadableFileError
from trainui.store.db.engine import Database
from trainui.store.tables import open_session


@pytest.fixture
def session(store: Database) -> Iterator[Session]:
    with open_session() as session:
        yield session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def steps(store: Database, owner: str = "job") -> list[float]:
    return [step for _name, step, _value in all_points(store, owner)]


def test_each_call_stores_what_came_since_the_last(
    store: Database, session: Session, path: Path
) -> None:
    offset = 0
    for at in range(0, 9, 3):
        with path.open("a") as file:
            file.write(lines(range(at, at + 3)))
        result = sync_metrics_from_file("job", path, session, last_offset=offset)
        size = path.stat().st_size
        assert result == {"new_metrics_count": 3, "new_offset": size, "file_size": size}
        offset = result["new_offset"]
    again = sync_metrics_from_file("job", str(path), session, 100, offset)
    assert again == {"new_metrics_count": 0, "new_offset": offset, "file_size": offset}
    assert steps(store) == list(range(9))


def test_a_range_is_stored_no_second_time(store: Database, session: Session, path: Path) -> None:
    path.write_text(lines(range(5)))
    for _ in range(3):
        sync_metrics_from_file("job", path, session, last_offset=0)
    assert steps(store) == list(range(5))


def test_a_line_that_is_not_whole_waits(store: Database, session: Session, path: Path) -> None:
    text = lines(range(2))
    path.write_text(text[:-5])
    result = sync_metrics_from_file("job", path, session)
    assert result["new_metrics_count"] == 1
    assert result["new_offset"] == text.index("\n") + 1
    assert result["file_size"] == len(text) - 5
    path.write_text(text)
    assert (
        sync_metrics_from_file("job", path, session, 1, result["new_offset"])["new_metrics_count"]
        == 1
    )


def test_a_shorter_file_is_read_from_its_start(
    store: Database, session: Session, path: Path
) -> None:
    path.write_text(lines(range(10)))
    offset = sync_metrics_from_file("job", path, session)["new_offset"]
    path.write_text(lines(range(3)))
    result = sync_metrics_from_file("job", path, session, last_offset=offset)
    size = path.stat().st_size
    assert result == {"new_metrics_count": 3, "new_offset": size, "file_size": size}
    assert kept_points(store, "loss", "job") == [(step, step / 2) for step in range(3)]


def test_only_content_after_the_offset_is_read_without_loss(
    store: Database, session: Session, path: Path
) -> None:
    path.write_text(lines(range(10)))
    middle, early = len(lines(range(6))), len(lines(range(2)))
    assert sync_metrics_from_file("job", path, session, 1, middle)["new_metrics_count"] == 4
    assert steps(store) == [6, 7, 8, 9]
    with path.open("a") as file:
        file.write(lines([10]))
    assert sync_metrics_from_file("job", path, session, 1, early)["new_metrics_count"] == 5
    assert sorted(steps(store)) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    for _ in range(2):
        sync_metrics_from_file("job", path, session)
    assert sorted(steps(store)) == list(range(11))


def test_a_table_has_its_header_wherever_reading_begins(
    store: Database, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,0.5\n2,0.25\n")
    sync_metrics_from_file("job", path, session, last_offset=len("step,loss\n1,0.5\n"))
    assert all_points(store, "job") == [("loss", 2, 0.25)]


def test_a_file_that_is_not_there_yet(session: Session, path: Path) -> None:
    assert sync_metrics_from_file("job", path, session) == {
        "new_metrics_count": 0,
        "new_offset": 0,
        "file_size": 0,
    }
    path.touch()
    assert sync_metrics_from_file("job", path, session)["new_offset"] == 0


def test_an_unreadable_file_is_an_error(session: Session, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"\0\1\2" * 100)
    with pytest.raises(UnknownFormatError, match="binary"):
        sync_metrics_from_file("job", noise, session)
    with pytest.raises(UnreadableFileError, match="directory"):
        sync_metrics_from_file("job", tmp_path, session)
    for batch_size, offset in ((0, 0), (1, -1)):
        with pytest.raises(UsageError):
            sync_metrics_from_file("job", noise, session, batch_size, offset)


def test_two_jobs_may_read_one_file(store: Database, session: Session, path: Path) -> None:
    path.write_text(lines(range(3)))
    for job in ("one", "two"):
        assert sync_metrics_from_file(job, path, session)["new_metrics_count"] == 3
    assert set(summaries(store, "one", "two")) == {"loss"}


def bytes_read() -> int:
    """All that this process has read by system calls, the database's pages too."""
    with open("/proc/self/io") as file:
        return int(file.readline().split()[1])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts what is read")
def test_ten_kilobytes_cost_ten_kilobytes_at_any_size(
    store: Database, session: Session, path: Path
) -> None:
    more = lines(range(250)).encode()
    block = lines(range(100_000)).encode()
    costs = []
    for blocks in (1, 20):
        with path.open("ab") as file:
            file.write(block * blocks)
        offset = sync_metrics_from_file("job", path, session)["new_offset"]
        with path.open("ab") as file:
            file.write(more)
        before = bytes_read()
        result = sync_metrics_from_file("job", path, session, last_offset=offset)
        costs.append(bytes_read() - before)
        assert result["new_metrics_count"] == 250
    assert path.stat().st_size > 50_000_000
    assert costs[1] < costs[0] * 1.5 + 20_000
    assert costs[1] < len(more) + 100_000
