"""The two logs of an attempt are read as one, from the start or only their ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.control.log_files import STREAMS, AttemptLogs, offset_of_last
from trainui.supervisor import protocol


def write(directory: Path, out: bytes, err: bytes, times: list[tuple[int, int, int]]) -> None:
    (directory / STREAMS["out"]).write_bytes(out)
    (directory / STREAMS["err"]).write_bytes(err)
    text = "".join(f"{time} {size} {other}\n" for time, size, other in times)
    (directory / protocol.TIMES_FILE).write_text(text)


def test_lines_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    write(tmp_path, b"o1\no2\no3\n", b"e1\ne2\n", [(10, 3, 0), (20, 3, 3), (30, 9, 3), (40, 9, 6)])
    lines = list(AttemptLogs(tmp_path, ("out", "err")).lines(to_end=True))
    assert [(line.raw, line.time) for line in lines] == [
        (b"o1\n", 10),
        (b"e1\n", 20),
        (b"o2\n", 30),
        (b"o3\n", 30),
        (b"e2\n", 40),
    ]


def test_output_after_the_last_note_is_last_without_a_time(tmp_path: Path) -> None:
    write(tmp_path, b"o1\no2\n", b"e1\n", [(10, 3, 3)])
    lines = list(AttemptLogs(tmp_path, ("out", "err")).lines(to_end=True))
    assert [(line.raw, line.time) for line in lines][-1] == (b"o2\n", None)


def test_a_growing_logs_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    write(tmp_path, b"one\ntw", b"", [])
    logs = AttemptLogs(tmp_path, ("out", "err"))
    assert [line.raw for line in logs.lines(to_end=False)] == [b"one\n"]
    assert list(logs.lines(to_end=False)) == []
    with (tmp_path / STREAMS["out"]).open("ab") as file:
        file.write(b"o\nthree")
    assert [line.raw for line in logs.lines(to_end=False)] == [b"two\n"]
    assert [line.raw for line in logs.lines(to_end=True)] == [b"three"]


def test_logs_that_are_not_there_are_empty(tmp_path: Path) -> None:
    assert list(AttemptLogs(tmp_path, ("out", "err"), last=3).lines(to_end=True)) == []


@pytest.mark.parametrize("size", [1, 1 << 16, (1 << 16) + 1, 200_000])
def test_the_end_is_found_over_blocks_of_any_size(tmp_path: Path, size: int) -> None:
    log = tmp_path / "log"
    lines = [b"x" * size + b"\n", b"y" * size + b"\n", b"z\n"]
    log.write_bytes(b"".join(lines))
    assert log.read_bytes()[offset_of_last(log, 2) :] == lines[1] + lines[2]


@given(
    text=st.text("ab\n", max_size=40).map(str.encode), count=st.integers(min_value=0, max_value=8)
)
def test_the_last_lines_are_those_that_splitlines_gives(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, count: int
) -> None:
    log = tmp_path_factory.getbasetemp() / "log"
    log.write_bytes(text)
    lines = text.splitlines(keepends=True)
    expected = b"".join(lines[-count:] if count else [])
    assert text[offset_of_last(log, count) :] == expected
