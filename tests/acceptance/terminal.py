"""A real terminal for the screen, and what is to be seen on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect
import pyte

from tests.unit.supervisor.waiting import wait_for

PROGRAM = "import sys; from trainui.tui.start import run_screen; sys.exit(run_screen())"
MODES_LEFT_ON = ("?1049h", "?1000h", "?1003h", "?2004h", "?25l", "?1004h")
"""What a program turns on, or off, and has to turn back: alternate screen, mouse, paste, cursor."""


class Terminal:
    """A program in a pseudo-terminal, and what is to be seen on it."""

    def __init__(
        self, size: tuple[int, int], environ: dict[str, str], program: str = PROGRAM
    ) -> None:
        columns, lines = size
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.received = ""
        self.process = pexpect.spawn(
            sys.executable,
            ["-c", program],
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
            wait_for(lambda: all(text in self.text() for text in texts), f"{texts}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the terminal shows\n{self.text()}") from error

    def press(self, keys: str) -> None:
        self.process.send(keys)

    def ended(self) -> int:
        """Wait for the program's end; return its exit code, or minus the signal that ended it."""
        wait_for(lambda: self.text() is None or not self.process.isalive(), "the end")
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


def end(process: pexpect.spawn[Any]) -> None:
    """Close a program's terminal; the program is killed if that does not end it."""
    try:
        process.close(force=True)
    except pexpect.ExceptionPexpect:  # it was killed, and on a busy machine that takes time
        wait_for(lambda: not process.isalive(), "the end of the killed program")


@contextmanager
def terminal(
    size: tuple[int, int] = (120, 36), *, program: str = PROGRAM, **environ: str
) -> Iterator[Terminal]:
    """Run a program in a terminal of its own, which is closed at the end."""
    opened = Terminal(size, environ, program)
    try:
        yield opened
    finally:
        end(opened.process)
