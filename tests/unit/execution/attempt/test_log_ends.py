"""Logs are searched in pieces as if they were one text."""

from __future__ import annotations

import os
import re
import tracemalloc
from pathlib import Path

import pytest

from trainui.execution.attempt import log_ends, log_search
from trainui.pipeline.masking import Masker


def write(directory: Path, text: str | bytes, name: str = "stdout.log") -> None:
    data = text.encode() if isinstance(text, str) else text
    (directory / name).write_bytes(data)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_where_the_pieces_end_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(log_search, "BLOCK", block)
    monkeypatch.setattr(log_search, "OVERLAP", 32)
    write(tmp_path, "one\ntwo\nthree: 3\nfour\n\nlast line without end")

    def contain(pattern: str) -> bool:
        return log_search.search([os.open(tmp_path / "stdout.log", os.O_RDONLY)], pattern)

    for pattern in ("^three", "two\nthree", "four$", "without end$", "^one$", "(?s)o.th"):
        assert contain(pattern), pattern
    for pattern in ("^hree", "five", "^two three", "one$\nthree"):
        assert not contain(pattern), pattern


def test_a_pattern_that_backtracks_forever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "SECONDS", 0.1)
    write(tmp_path, "a" * 60 + "b")
    with pytest.raises(log_ends.SlowPatternError, match="repetition"):
        log_ends.contain(tmp_path, "(a+)+$")
    assert log_ends.contain(tmp_path, "(a+)+b$")


def test_either_log_will_do_and_neither_need_be_there(tmp_path: Path) -> None:
    assert not log_ends.contain(tmp_path, "x")
    write(tmp_path, "x", "stderr.log")
    assert log_ends.contain(tmp_path, "x")


def test_binary_output_is_searched_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, b"\xff\xfe\0 done\n")
    assert log_ends.contain(tmp_path, "done$")


def test_a_large_log_takes_little_memory_also_as_one_line(tmp_path: Path) -> None:
    with (tmp_path / "stdout.log").open("wb") as file:
        file.write(b"a line\n")
        for _ in range(40):
            file.write(b"." * 1_000_000)
        file.write(b" done")
    log = os.open(tmp_path / "stdout.log", os.O_RDONLY)
    tracemalloc.start()
    assert log_search.search([log], "done$")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_the_tail_is_of_whole_lines_and_bounded(tmp_path: Path) -> None:
    assert log_ends.tail(tmp_path, Masker()) == ""
    write(tmp_path, "x" * 100_000 + "\n\nsecond to last\n  last  \n\n")
    assert log_ends.tail(tmp_path, Masker()) == "second to last\n  last"
    write(tmp_path, "10%\r20%\r\nfailed\n", "stderr.log")
    assert log_ends.tail(tmp_path, Masker()) == "20%\nfailed"


def test_a_long_progress_bars_tail_has_its_last_state(
    tmp_path: Path,
) -> None:
    bar = "".join(f"\r{percent:>3}%|{'#' * percent}" for percent in range(100)) * 9
    write(tmp_path, bar)
    assert log_ends.tail(tmp_path, Masker()) == f" 99%|{'#' * 99}"
    write(tmp_path, f"about to train\n{bar[-9000:]}\nValueError: x\n")
    assert log_ends.tail(tmp_path, Masker()).splitlines() == [
        "about to train",
        f" 99%|{'#' * 99}",
        "ValueError: x",
    ]
    hidden = log_ends.last_match(tmp_path, re.compile(r" 42%.*"), Masker())
    assert hidden == f" 42%|{'#' * 42}"
