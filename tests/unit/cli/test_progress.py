"""What takes long says how far it is and how long it will still take, to a person only."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui.cli import printing
from trainui.cli.printing import ProgressLine


def test_a_line_shows_progress_and_the_time_to_go() -> None:
    made = ProgressLine("exporting", 200)
    made.advance(50)
    line = made.line(made._started + 30)
    assert line == f"exporting {'━' * 6}{' ' * 18}  25%, 1m 30s to go"


def test_a_line_without_a_known_end_says_the_time_spent() -> None:
    made = ProgressLine("checking a\x1b[2Jb.yaml")
    assert made.line(made._started + 75) == "checking ab.yaml ... 1m 15s"


def test_nothing_is_shown_if_the_output_is_not_read(capfd: pytest.CaptureFixture[str]) -> None:
    with printing.progress("working", 10) as made:
        made.advance(10)
    assert capfd.readouterr().err == ""


def test_progress_appears_after_a_while_and_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(printing, "PROGRESS_AFTER", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    seen = b""

    def shows(text: bytes) -> bool:
        nonlocal seen
        try:
            seen += os.read(master, 65536)
        except BlockingIOError:
            pass
        return text in seen

    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with printing.progress("working", 10) as made:
            made.advance(5)
            wait_for(lambda: shows(b" 50%"), "the line")
        wait_for(lambda: shows(b"\x1b[K") and seen.endswith(b"\r\x1b[K"), "a clear line")
    os.close(master)
