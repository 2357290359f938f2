"""The end of a log, read on from where the last look ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.tui import log_tail
from trainui.tui.log_tail import LogReader


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "stdout.log"


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def test_lines_come_as_they_are_written_the_torn_one_too(log: Path) -> None:
    reader = LogReader(log)
    assert reader.read() == ()
    append(log, b"one\ntw")
    assert reader.read() == ("one", "tw")
    append(log, b"o\nthree\n")
    assert reader.read() == ("one", "two", "three")


def test_a_character_torn_between_two_writes_is_whole_in_the_end(log: Path) -> None:
    reader = LogReader(log)
    append(log, "grün"[:2].encode() + "ü".encode()[:1])
    reader.read()
    append(log, "ü".encode()[1:] + b"n\n")
    assert reader.read() == ("grün",)


def test_a_progress_bar_is_one_line_with_its_last_state(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"\r  1%|  |\r 50%|# |")
    assert reader.read() == (" 50%|# |",)
    append(log, b"\r100%|##|\n")
    assert reader.read() == ("100%|##|",)


def test_a_progress_bar_without_end_is_not_kept_whole(log: Path) -> None:
    reader = LogReader(log)
    for number in range(3000):
        append(log, b"\r%5d of many, a bar that never ends its line" % number)
    assert reader.read() == (" 2999 of many, a bar that never ends its line",)
    assert len(reader._partial) <= log_tail.LONGEST_LINE


def test_colours_are_left_out_and_the_rest_is_harmless(log: Path) -> None:
    append(log, b"\x1b[31mred\x1b[0m\x1b]0;title\x07 bell\x07\n[bold]not markup[/bold]\n")
    assert LogReader(log).read() == ("red bell␇", "[bold]not markup[/bold]")


def test_of_a_long_log_the_end_is_read(log: Path) -> None:
    append(log, b"".join(b"line %d\n" % number for number in range(100_000)))
    reader = LogReader(log)
    lines = reader.read()
    assert lines[-1] == "line 99999"
    assert reader.cut
    assert len(lines) <= log_tail.KEPT_LINES
    assert all(line.startswith("line ") for line in lines)


def test_a_flood_is_skipped_not_waited_for(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"before\n")
    assert reader.read() == ("before",)
    append(log, b"x" * 99 + b"\n" + b"flood\n" * (log_tail.FLOOD // 6 + 1))
    lines = reader.read()
    assert set(lines) == {"flood"}
    assert reader.cut


def test_a_log_that_was_cut_or_replaced_is_read_anew(log: Path) -> None:
    reader = LogReader(log)
    append(log, b"old\nlines\n")
    reader.read()
    log.write_bytes(b"new\n")
    assert reader.read() == ("new",)
    other = log.with_name("other")
    other.write_bytes(b"another\nfile that is longer\n")
    other.replace(log)
    assert reader.read() == ("another", "file that is longer")
    log.unlink()
    assert reader.read() == ()


def test_a_line_too_long_to_show_is_cut(log: Path) -> None:
    append(log, b"y" * 100_000 + b"\nnext\n")
    first, second = LogReader(log).read()
    assert len(first) < 2 * log_tail.LONGEST_LINE
    assert first.endswith("…")
    assert second == "next"
