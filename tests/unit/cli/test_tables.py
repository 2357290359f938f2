"""Tables of commands on terminals of several widths, and in pipes."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from trainui.cli import printing
from trainui.text import width

ROWS = [
    ("NAME", "STATE", "TOOK", "NOW", "WHY"),
    ("a-name-of-thirty-characters-abc", "failed", "12s", "evaluate", "exit code 1: no such file"),
    ("一二三四五六七八九十一二三四五", "running", "3s", "", ""),
]


@contextmanager
def on_terminal(columns: int) -> Iterator[None]:
    """Let stdout be a terminal of this width."""
    leader, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(leader, "rb"), os.fdopen(terminal, "w") as stdout, redirect_stdout(stdout):
        yield


def fitted(*, wrapped: bool = False) -> list[str]:
    return printing.fitted(ROWS, right={"TOOK"}, cut={"NAME"}, optional=("NOW",), wrapped=wrapped)


def test_nothing_is_cut_in_a_pipe_or_with_room() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "w") as pipe, redirect_stdout(pipe):
        whole = fitted()
        assert printing.fits(ROWS)
    assert whole[1].startswith("a-name-of-thirty-characters-abc  failed    12s  evaluate  exit")
    with on_terminal(120):
        assert printing.fits(ROWS)
        assert fitted() == whole


def test_names_are_cut_in_the_middle_before_columns_go() -> None:
    for columns, has_now in ((75, True), (60, False)):
        with on_terminal(columns):
            assert not printing.fits(ROWS)
            lines = fitted()
        assert max(map(width, lines)) <= columns
        assert lines[1].startswith("a-name")
        assert "…" in lines[1].split()[0]
        assert "…" in lines[2].split()[0]
        assert ("evaluate" in lines[1], lines[1].endswith("no such file")) == (has_now, True)


def test_reasons_are_wrapped_below_each_other() -> None:
    with on_terminal(80):
        lines = fitted(wrapped=True)
    assert max(map(width, lines)) <= 80
    assert lines[1].split()[0] == ROWS[1][0], "a name is whole where the reason can be wrapped"
    at = lines[0].index("WHY")
    assert [lines[1][at:], lines[2][at:]] == ["exit code 1: no such", "file"]


def test_different_names_stay_different_where_they_are_cut() -> None:
    names = [f"train[lr={lr},hidden=128,seed=1]" for lr in ("0.1", "0.01", "0.001", "0.002")]
    rows = [("STAGE", "WHY"), *((name, "killed by signal 15 (TERM)") for name in names)]
    with on_terminal(40):
        lines = printing.fitted(rows, cut={"STAGE"}, wrapped=True)
        alike = printing.fitted(rows, cut={"STAGE"}, distinct=False, wrapped=True)
    assert max(map(width, lines)) <= 50
    assert len({line.split()[0] for line in lines if line.startswith("train")}) == len(names)
    assert max(map(width, alike)) <= 40
