"""A real screen in a pseudo-terminal, opened on a run and killed at a random moment."""

from __future__ import annotations

import random
import signal
import sys
import time

import pexpect

from tests.acceptance.terminal import end

LIVES_FOR = 4.0
"""Seconds at most; it takes about one to draw its first picture."""


class Screen:
    """A screen that gets random keys, as from a user, until it is killed."""

    def __init__(self, run_id: str, random_: random.Random) -> None:
        program = f"from trainui.tui.start import run_screen; run_screen({run_id!r})"
        self._process = pexpect.spawn(
            sys.executable, ["-c", program], dimensions=(36, 120), timeout=0
        )
        self._dies_at = time.monotonic() + random_.uniform(0, LIVES_FOR)
        self._random = random_

    def live(self) -> bool:
        """Take what it draws, press a key now and then; False once its time has come."""
        try:
            self._process.read_nonblocking(1 << 20, timeout=0)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:  # killed with the machine
            return False
        if self._random.random() < 0.1:
            self._process.send(self._random.choice("jkhl123z?"))
        return time.monotonic() < self._dies_at

    def kill(self) -> None:
        """Kill it, and hang up its terminal."""
        self._process.kill(signal.SIGKILL)
        end(self._process)
