"""Few files are kept open, and nothing is lost or read twice where one was closed meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
from contextlib import ExitStack, closing
from pathlib import Path
from resource import RLIMIT_NOFILE

import pytest

from tests.unit.metrics.reading import all_points, lines, open_reader, read_on
from trainui.metrics.reader.source import SourceReader
from trainui.metrics.tail import OpenFiles
from trainui.store.db.engine import Database

HARD = resource.getrlimit(RLIMIT_NOFILE)[1]


def open_descriptors(path: Path) -> int:
    return sum(entry.exists() and entry.samefile(path) for entry in Path("/proc/self/fd").iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


class Pair:
    """A source, and another one that takes its place among the open files."""

    def __init__(self, store: Database, path: Path, *, follows: bool = True) -> None:
        self.files = OpenFiles(1)
        self.other_path = path.with_name("other.jsonl")
        self.other_path.touch()
        path.write_text(lines(range(3)))
        self.reader = open_reader(store, path, files=self.files, follows=follows)
        self.other = open_reader(store, self.other_path, owner="other", files=self.files)
        self.path = path
        read_on(self.reader)

    def close_first(self) -> None:
        with self.other_path.open("a") as file:
            file.write(lines([0]))
        read_on(self.other)
        assert open_descriptors(self.path) == 0


def append(path: Path, *steps: int) -> None:
    with path.open("a") as file:
        file.write(lines(steps))


def steps(store: Database, owner: str = "stage") -> list[float]:
    return [step for _name, step, _value in all_points(store, owner)]


def test_files_that_take_turns_are_read_on(store: Database, path: Path) -> None:
    pair = Pair(store, path)
    for step in range(3, 8):
        pair.close_first()
        append(path, step)
        assert read_on(pair.reader) == 1
        assert open_descriptors(path) == 1
    assert steps(store) == list(range(8))
    assert len(steps(store, "other")) == 5


def test_a_closed_file_that_is_at_rest_stays_closed(store: Database, path: Path) -> None:
    pair = Pair(store, path)
    pair.close_first()
    assert read_on(pair.reader) == 0
    assert open_descriptors(path) == 0


def test_a_file_that_replaced_a_closed_one_is_another_history(store: Database, path: Path) -> None:
    pair = Pair(store, path)
    pair.close_first()
    new = path.with_name("new")
    new.write_text(lines([7, 8]))
    new.replace(path)
    read_on(pair.reader)
    assert steps(store) == [0, 1, 2, 7, 8]


def test_a_closed_renamed_file_is_not_mixed_with_its_successor(store: Database, path: Path) -> None:
    pair = Pair(store, path, follows=False)
    pair.close_first()
    path.rename(path.with_name("metrics.jsonl.1"))
    path.write_text(lines([7, 8]))
    assert read_on(pair.reader) == 0
    assert pair.reader.reopen_if_replaced()


def test_more_than_the_system_gives_is_never_kept(tmp_path: Path) -> None:
    files = OpenFiles(2)
    opened = []
    for at in range(4):
        path = tmp_path / str(at)
        path.touch()
        opened.append(files.open(path))
    assert [file.is_closed for file in opened] == [True, True, False, False]
    files.use(opened[2])
    (tmp_path / "5").touch()
    files.open(tmp_path / "5")
    assert [file.is_closed for file in opened] == [True, True, False, True]


def test_a_reader_without_files_of_others_keeps_its_own(store: Database, path: Path) -> None:
    path.write_text(lines(range(2)))
    reader: SourceReader = open_reader(store, path)
    read_on(reader)
    assert open_descriptors(path) == 1
    reader.close()
    assert open_descriptors(path) == 0


def test_a_process_out_of_descriptors_closes_what_it_keeps_open(tmp_path: Path) -> None:
    files, opened = OpenFiles(8), []
    for name in "abc":
        (tmp_path / name).touch()
    with ExitStack() as stack:
        opened = [files.open(tmp_path / name) for name in "ab"]
        stack.callback(resource.setrlimit, RLIMIT_NOFILE, resource.getrlimit(RLIMIT_NOFILE))
        highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        resource.setrlimit(RLIMIT_NOFILE, (highest + 1, HARD))
        fill_descriptors(stack)
        with closing(files.open(tmp_path / "c")) as file:
            assert file.read(0, 1) == b""
    assert all(file.is_closed for file in opened)


def fill_descriptors(stack: ExitStack) -> None:
    """Open files until the process is at its limit."""
    with contextlib.suppress(OSError):
        while True:
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
