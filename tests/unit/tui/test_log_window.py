"""What is read of an attempt's logs: windows of lines, of files of any length."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from trainui.control.log_windows import BEGINNING, BLOCK, ENDING, LogLine, without_colours
from trainui.errors import UsageError
from trainui.tui import log_window
from trainui.tui.log_view import LogScroll
from trainui.tui.log_window import (
    AROUND,
    Destination,
    LogSource,
    LogWindow,
    Stream,
    WindowQuery,
    WindowReader,
)
from trainui.tui.styled_text import plain

BOTH: tuple[Stream, ...] = ("stdout", "stderr")


class Reading:
    """A reader, and the windows that it handed over."""

    def __init__(self, directory: Path, check: Callable[[], None] = lambda: None) -> None:
        self.source = LogSource(str(directory), BOTH)
        self.windows: list[LogWindow] = []
        self.reader = WindowReader(self.windows.append, check)

    def __call__(self, destination: Destination | None = None, only: str = "") -> LogWindow:
        self.reader.answer(WindowQuery(self.source, destination or Destination(), only))
        return self.windows[-1]

    def again(self) -> LogWindow:
        self.reader.answer(self.windows[-1].query, again=True)
        return self.windows[-1]


def texts(window: LogWindow) -> list[str]:
    return [without_colours(line.text) for line in window.lines]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "stdout.log"


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def test_an_unopened_log_is_not_answered_with_its_predecessor(
    log: Path, read: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"one\n")
    assert texts(read()) == ["one"]
    config = tmp_path / "trainui" / "config.toml"
    config.parent.mkdir()
    config.write_text("unknown = 1\n")
    read.source = LogSource(str(tmp_path / "other"), BOTH)
    with monkeypatch.context() as patched:
        patched.setenv("XDG_CONFIG_HOME", str(tmp_path))
        with pytest.raises(UsageError):
            read()
    assert texts(read()) == []


def test_lines_come_as_they_are_written_the_torn_one_too(log: Path, read: Reading) -> None:
    assert texts(read()) == []
    append(log, b"one\ntw")
    assert texts(read.again()) == ["one", "tw"]
    append(log, b"o\nthree\n")
    assert texts(read.again()) == ["one", "two", "three"]


def test_a_character_torn_between_writes_is_whole_later(log: Path, read: Reading) -> None:
    append(log, "grün".encode()[:3])
    read()
    append(log, "grün".encode()[3:] + b"\n")
    assert texts(read.again()) == ["grün"]


def test_a_long_logs_end_is_read_and_all_is_scrollable(log: Path, read: Reading) -> None:
    count = 30_000
    append(log, b"".join(b"line %d of many\n" % number for number in range(count)))
    window = read()
    assert texts(window)[-1] == f"line {count - 1} of many"
    assert len(window.lines) == AROUND
    assert window.at_end
    assert not window.at_start
    seen = texts(window)
    while not window.at_start:
        window = read(Destination(place=window.lines[0].place))
        before = texts(window)[: AROUND if not window.at_start else texts(window).index(seen[0])]
        seen = [*before, *seen]
    assert seen == [f"line {number} of many" for number in range(count)]


def test_forwards_from_the_start_nothing_is_left_out(log: Path, read: Reading) -> None:
    lines = [f"{number} {'x' * (number * 37 % 5000)}." for number in range(399)]
    append(log, "\n".join(lines).encode())
    window = read(Destination(place=BEGINNING))
    assert texts(window) == lines
    assert window.at_start
    assert window.at_end
    assert [line.position for line in window.lines] == sorted(
        line.position for line in window.lines
    )
    assert window.lines[-1].position == window.size


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_text_without_line_ends_is_read_alike_both_ways(
    log: Path, read: Reading, size: int
) -> None:
    append(log, b"first\n" + b"y" * size + b"\nlast\n")
    forwards = read(Destination(place=BEGINNING))
    assert [line.place for line in read().lines] == [line.place for line in forwards.lines]
    assert texts(forwards)[0] == "first"
    assert texts(forwards)[-1] == "last"
    assert {text.rstrip(" …").strip("y") for text in texts(forwards)[1:-1]} == {""}


def test_progress_bars_are_folded_to_their_last_state(log: Path, read: Reading) -> None:
    append(log, b"begin\n\r  1%|  |\r 50%|# |")
    assert texts(read()) == ["begin", " 50%|# |"]
    append(log, b"\r100%|##|\nend\n")
    assert texts(read.again()) == ["begin", "100%|##|", "end"]


def test_several_bars_that_go_up_to_each_other_are_folded(log: Path, read: Reading) -> None:
    append(log, b"begin\n")
    for done in range(300):
        append(log, b"\rtrain %d%%\n\r  val %d%%\x1b[A" % (done, 2 * done))
    assert texts(read()) == ["begin", "train 299%", "  val 598%"]
    append(log, b"\n\n\rdone\n")
    assert texts(read.again()) == ["begin", "train 299%", "  val 598%", "done"]


def test_both_streams_are_read_in_growth_order(log: Path, tmp_path: Path, read: Reading) -> None:
    err = tmp_path / "stderr.log"
    for second in range(1, 200):
        append(log, b"out %d\n" % second)
        if second % 3 == 0:
            append(err, b"err %d\n" % second)
        note = b"%d %d %d\n" % (
            second * 1_000_000,
            log.stat().st_size,
            err.stat().st_size if err.exists() else 0,
        )
        append(tmp_path / "times.log", note)
    expected = [
        f"{stream} {second}"
        for second in range(1, 200)
        for stream in ("out", "err")
        if stream == "out" or second % 3 == 0
    ]
    window = read()
    assert texts(window) == expected
    assert texts(read(Destination(place=BEGINNING))) == expected
    assert [line.of_stderr for line in window.lines[:5]] == [False, False, False, True, False]
    assert window.lines[3].time == 3_000_000
    at = read(Destination("time", number=90.0))
    assert at.target is not None
    first = next(line for line in at.lines if line.place > at.target)
    assert without_colours(first.text) == "out 90"


def test_text_is_found_through_the_whole_log(log: Path, read: Reading) -> None:
    lines = [f"line {number}" for number in range(20_000)]
    lines[5], lines[7000], lines[15_000] = "Needle A", "a \x1b[31mnee\x1b[0mdle B", "NEEDLE c"
    append(log, "\n".join(lines).encode() + b"\n")
    found = []
    destination = Destination("text", ENDING, text="needle")
    for _ in range(4):
        window = read(destination)
        assert window.found
        assert window.target is not None
        line = next(line for line in window.lines if line.place == window.target)
        found.append((without_colours(line.text), window.note))
        destination = replace(destination, place=window.target)
    again = "wrapped to the end"
    assert found == [("NEEDLE c", ""), ("a needle B", ""), ("Needle A", ""), ("NEEDLE c", again)]
    missing = read(Destination("text", text="nothing of it"))
    assert missing.note == "no 'nothing of it' in this log"
    assert not missing.found
    assert missing.lines  # what was to be seen stays


def test_only_the_lines_that_hold_a_text_are_read(log: Path, read: Reading) -> None:
    append(log, b"".join(b"line %d\n" % number for number in range(50_000)))
    assert texts(read(only="line 4999")) == [
        "line 4999", *(f"line 4999{digit}" for digit in range(10))
    ]  # fmt: skip
    append(log, b"and line 49999 once more\n")
    assert texts(read.again())[-1] == "and line 49999 once more"


def test_the_last_error_is_found_then_the_one_before(log: Path, read: Reading) -> None:
    append(log, b"ValueError: the first\n" + b"error=0.1 in step\n" * 9000)
    append(log, b"Traceback (most recent call last):\n  File x\n")
    append(log, b"torch.OutOfMemoryError: CUDA out of memory. Tried\n" + b"fine\n" * 50)
    window = read(Destination("error"))
    shown = {line.place: line.text for line in window.lines}
    assert shown[window.target or ENDING].startswith("torch.OutOfMemoryError")
    window = read(Destination("error", window.target or ENDING))
    shown = {line.place: line.text for line in window.lines}
    assert shown[window.target or ENDING] == "ValueError: the first"


def test_a_log_that_was_truncated_or_replaced_is_read_again(log: Path, read: Reading) -> None:
    append(log, b"old\nlines\n")
    first = read()
    log.write_bytes(b"new\n")
    assert read.reader.has_changed()
    second = read.again()
    assert texts(second) == ["new"]
    assert second.generation != first.generation
    other = log.with_name("other")
    other.write_bytes(b"another\nfile that is longer\n")
    other.replace(log)
    assert texts(read.again()) == ["another", "file that is longer"]
    log.unlink()
    assert texts(read.again()) == []


def test_a_search_through_a_large_log_shows_progress_and_stops(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.tui.log_window.PROGRESS", 0.0)
    append(log, b"one more line of text\n" * 50_000)
    read = Reading(tmp_path)
    read(Destination("text", text="absent"))
    scanned = [window.scanned for window in read.windows if window.scanned is not None]
    assert len(scanned) > 10
    assert all(later <= earlier for earlier, later in pairwise(scanned[:10]))
    pages = 0

    def stop_at_third() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        Reading(tmp_path, stop_at_third)(Destination("text", text="absent"))


def test_of_a_huge_log_little_is_read(log: Path, read: Reading) -> None:
    with log.open("wb") as file:
        file.truncate(20 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"".join(b"\nline %d" % number for number in range(2000)))
    assert texts(read())[-1] == "line 1999"
    assert texts(read(Destination("part", number=0.5)))
    assert read(Destination(place=BEGINNING)).at_start


def test_an_error_in_one_stream_awaits_no_search_elsewhere(log: Path, tmp_path: Path) -> None:
    append(log, b"nothing to see here\n" * 200_000)
    append(tmp_path / "stderr.log", b"quiet\nValueError: here\n")
    sizes = log.stat().st_size, (tmp_path / "stderr.log").stat().st_size
    append(tmp_path / "times.log", b"1000000 %d %d\n" % sizes)
    pages: list[None] = []
    read = Reading(tmp_path, lambda: pages.append(None))
    assert read(Destination("error")).target is not None
    assert without_colours(_target(read.windows[-1]).text) == "ValueError: here"
    assert len(pages) < 20  # of the sixty that stdout has


def test_a_filters_matches_so_far_are_shown(
    log: Path, read: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_window, "PROGRESS", 0.0)
    append(log, b"a hit\n" + b"nothing to see here\n" * 20_000 + b"a hit\n" + b"nothing\n" * 20_000)
    last = read().lines[-1].place
    read(Destination(place=last), only="hit")
    partial = next(one for one in read.windows if one.query.only and one.scanned and one.lines)
    scroll = LogScroll()
    scroll.following = False
    scroll.set_window(partial)
    scroll.stay(last)
    assert [plain(row) for row in scroll.seen(10)] == ["a hit"]


def _target(window: LogWindow) -> LogLine:
    return next(line for line in window.lines if line.place == window.target)
