"""What several sources have read is stored together, and what is wrong with one stays with it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.unit.metrics.reading import all_points, lines, open_reader
from trainui.errors import StoreLockedError
from trainui.metrics.reader.source import BatchWriter, SourceReader
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection


@pytest.fixture
def writes(store: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry for each transaction that stores points from now on."""
    begun: list[str] = []
    write_points = store.write_points

    def note() -> AbstractContextManager[Connection]:
        begun.append(store.url)
        return write_points()

    monkeypatch.setattr(store, "write_points", note)
    return begun


def refuse(error: Exception) -> None:
    raise error


def readers_of(store: Database, tmp_path: Path, count: int) -> list[SourceReader]:
    """Readers of files of three lines each."""
    readers = []
    for at in range(count):
        path = tmp_path / f"{at}.jsonl"
        path.write_text(lines(range(3)))
        readers.append(open_reader(store, path, owner=f"stage{count - at}"))
    return readers


def steps(store: Database, owner: str) -> list[float]:
    return [step for _name, step, _value in all_points(store, owner)]


def test_sources_that_are_read_together_are_stored_in_one_transaction(
    store: Database, tmp_path: Path, writes: list[str]
) -> None:
    readers, writer = readers_of(store, tmp_path, 3), BatchWriter(store)
    for reader in readers:
        reader.read()
        writer.add(reader, refuse)
    writes.clear()
    assert writer.flush() is False
    assert len(writes) == 1
    assert all(steps(store, f"stage{at}") == [0, 1, 2] for at in (1, 2, 3))
    assert not any(reader.read().points for reader in readers)


def test_a_refused_source_keeps_no_other_from_storage(
    only_on_sqlite: None, store: Database, tmp_path: Path
) -> None:
    readers, writer = readers_of(store, tmp_path, 3), BatchWriter(store)
    with store.write() as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON sources WHEN old.owner = 'stage2' "
            "BEGIN SELECT raise(ABORT, 'not this one'); END"
        )
    refused: list[SourceReader] = []
    for reader in readers:
        reader.read()
        writer.add(reader, lambda _error, reader=reader: refused.append(reader))  # type: ignore[misc]
    writer.flush()
    assert refused == [readers[1]]
    assert [steps(store, f"stage{at}") for at in (1, 2, 3)] == [[0, 1, 2], [], [0, 1, 2]]
    assert readers[1].source.offset == 0


def test_a_source_stored_alone_during_an_outage_is_not_refused(
    only_on_sqlite: None, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reader,), writer = readers_of(store, tmp_path, 1), BatchWriter(store)
    with store.write() as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON sources BEGIN SELECT raise(ABORT, 'no'); END"
        )
    attempts = iter([store.write_points])

    def write_points() -> AbstractContextManager[Connection]:
        for first in attempts:
            return first()
        raise StoreLockedError("locked")

    reader.read()
    writer.add(reader, lambda _error: None)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_points", write_points)
        with pytest.raises(StoreLockedError):
            writer.flush()
    with store.write() as connection:
        connection.execute("DROP TRIGGER no")
    reader.read()
    writer.add(reader, refuse)
    writer.flush()
    assert steps(store, "stage1") == [0, 1, 2]


def test_a_source_that_another_reader_stored_is_read_again(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(lines(range(3)))
    slow, fast = open_reader(store, path), open_reader(store, path)
    writer = BatchWriter(store)
    slow.read()
    writer.add(slow, refuse)
    fast.advance()
    path.write_text(lines(range(5)))
    assert writer.flush() is True
    while slow.advance().points:
        pass
    assert steps(store, "stage") == list(range(5))


def test_points_read_but_not_stored_are_read_again(store: Database, tmp_path: Path) -> None:
    (reader,) = readers_of(store, tmp_path, 1)
    writer = BatchWriter(store)
    for _ in range(2):
        assert reader.read().points == 3
        writer.add(reader, refuse)
    writer.flush()
    assert steps(store, "stage1") == [0, 1, 2]


def test_no_more_points_are_buffered_than_the_limit(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.reader.source.MOST_POINTS", 5)
    readers, writer = readers_of(store, tmp_path, 3), BatchWriter(store)
    for reader in readers:
        reader.read()
        writer.add(reader, refuse)
    assert [reader.unstored is None for reader in readers] == [True, True, False]
    writer.flush()
    assert all(steps(store, f"stage{at}") == [0, 1, 2] for at in (1, 2, 3))


def test_a_full_buffer_stored_at_once_detects_a_faster_reader(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.reader.source.MOST_POINTS", 1)
    path = tmp_path / "m.jsonl"
    path.write_text(lines(range(3)))
    slow, fast = open_reader(store, path), open_reader(store, path)
    writer = BatchWriter(store)
    fast.read()
    with path.open("a") as file:
        file.write(lines(range(3, 5)))
    slow.read()
    with store.write_points() as connection:
        fast.settle(fast.save(connection))
    writer.add(slow, refuse)
    assert writer.flush() is True
    assert writer.flush() is False
