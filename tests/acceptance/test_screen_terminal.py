"""The screen in a real terminal: what only that can show."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.conftest import empty_database, filler, home, store  # noqa: F401
from tests.unit.tui.filled import Filler, failed_demo, running_demo

PROGRAM = "import sys; from trainui.tui.app import run_screen; sys.exit(run_screen())"
MODES_LEFT_ON = ("?1049h", "?1000h", "?1003h", "?2004h", "?25l", "?1004h")
"""What a program turns on, or off, and has to turn back: alternate screen, mouse, paste, cursor."""


class Terminal:
    """A program in a pseudo-terminal, and what is to be seen on it."""

    def __init__(self, size: tuple[int, int], environ: dict[str, str]) -> None:
        columns, lines = size
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.received = ""
        self.process = pexpect.spawn(
            sys.executable,
            ["-c", PROGRAM],
            env={**os.environ, "TERM": "xterm-256color", **environ},
            dimensions=(lines, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=30,
        )

    def text(self) -> str:
        """What is to be seen by now."""
        try:
            while True:
                data = self.process.read_nonblocking(65_536, timeout=0.05)
                self.received += data
                self._stream.feed(data)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            pass
        return "\n".join(self.screen.display)

    def until_shown(self, *texts: str) -> None:
        """Wait until all of these are to be seen."""
        try:
            wait_for(lambda: all(text in self.text() for text in texts), f"{texts}", 30)
        except AssertionError as error:
            raise AssertionError(f"{error}; the terminal shows\n{self.text()}") from error

    def press(self, keys: str) -> None:
        self.process.send(keys)

    def ended(self) -> int:
        """Wait for the program's end; return its exit code, or minus the signal that ended it."""
        wait_for(lambda: self.text() is None or not self.process.isalive(), "the end", 20)
        self.text()
        self.process.close()
        status = self.process.exitstatus
        return -int(self.process.signalstatus or 0) if status is None else int(status)

    def modes_left(self) -> list[str]:
        """Modes that were turned on (or the cursor off) and never back."""
        left = []
        for mode in MODES_LEFT_ON:
            undone = mode[:-1] + ("h" if mode.endswith("l") else "l")
            if self.received.rfind(f"\x1b[{mode}") > self.received.rfind(f"\x1b[{undone}"):
                left.append(mode)
        return left


@contextmanager
def terminal(size: tuple[int, int] = (120, 36), **environ: str) -> Iterator[Terminal]:
    opened = Terminal(size, environ)
    try:
        yield opened
    finally:
        opened.process.close(force=True)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_it_opens_reacts_and_leaves_the_terminal_as_it_was(
    filler: Filler,  # noqa: F811
    size: tuple[int, int],
) -> None:
    running_demo(filler, name="digits")
    with terminal(size) as shown:
        shown.until_shown("digits", "● running", "2/5")
        shown.press("\r")
        shown.until_shown("train[hidden=128]", "Resume")
        shown.press("3")
        shown.until_shown("train/loss")
        shown.press("q")
        assert shown.ended() == 0
        assert shown.modes_left() == []
        assert "1 run goes on: digits (running); `trainui` shows it again." in shown.received


def test_nothing_is_said_where_nothing_goes_on(filler: Filler) -> None:  # noqa: F811
    failed_demo(filler, name="broken")
    with terminal() as shown:
        shown.until_shown("broken")
        shown.press("\x03")
        assert shown.ended() == 0
        assert "goes on" not in shown.received


def test_an_idle_screen_sends_nothing(filler: Filler) -> None:  # noqa: F811
    failed_demo(filler, name="broken")
    with terminal() as shown:
        shown.until_shown("broken", "quit")
        wait_for(lambda: is_quiet(shown), "a quiet screen")
        before = len(shown.received)
        deadline = time.monotonic() + 2.5
        wait_for(lambda: shown.text() is not None and time.monotonic() > deadline, "the time", 10)
        assert shown.received[before:] == ""


def is_quiet(shown: Terminal) -> bool:
    before = len(shown.received)
    shown.text()
    return len(shown.received) == before


def test_colour_is_never_needed(filler: Filler) -> None:  # noqa: F811
    failed_demo(filler, name="broken")
    with terminal(NO_COLOR="1") as shown:
        shown.until_shown("broken", "✗ failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(filler: Filler, number: signal.Signals) -> None:  # noqa: F811
    running_demo(filler)
    with terminal() as shown:
        shown.until_shown("digits")
        assert shown.process.pid
        os.kill(shown.process.pid, number)
        assert shown.ended() == 128 + number
        assert shown.modes_left() == []


def test_it_ends_when_its_terminal_is_gone_though_hangups_are_ignored(
    filler: Filler,  # noqa: F811
    tmp_path: Path,
) -> None:
    running_demo(filler)
    ignoring = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {PROGRAM}"
    pid, descriptor = os.forkpty()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", ignoring])
    received = b""

    def is_open() -> bool:
        nonlocal received
        received += os.read(descriptor, 65_536)
        return b"digits" in received

    wait_for(is_open, "the list", 30)
    os.close(descriptor)
    ended: list[int] = []

    def is_over() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(found)

    wait_for(is_over, "the end of the screen", 10)
    assert ended == [128 + signal.SIGHUP]
