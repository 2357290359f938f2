"""The terminal, read and written by the event loop itself.

Textual gives each of the two a thread: one looks for keys ten times a second, and the other, where
a terminal takes nothing more, holds up the loop. Here nothing wakes an idle screen, a key needs no
hand-over between threads, and what the terminal does not take waits for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from trainui.tui.messages import TerminalDrained

if TYPE_CHECKING:
    from trainui.tui.terminal.bandwidth import Bandwidth

PATIENCE = 0.2
"""Seconds for which the end waits for a terminal to take what restores it."""

MOST_READ = 4096
"""Bytes of keys, or of a pasted text, that are read at once."""


class TerminalDriver(LinuxDriver):
    """Reads keys from and draws on the terminal that stdin and stdout are."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._traffic: Bandwidth = app.traffic
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._output: int | None = None
        self._waiting = b""
        self._is_due = False

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self._output = _opened_anew(sys.__stdout__.fileno() if sys.__stdout__ else 1)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_reader(self.fileno, self._read)

    def _run_input_thread(self) -> None:
        """Need none."""

    def disable_input(self) -> None:
        """Read no more keys."""
        self._loop.remove_reader(self.fileno)
        super().disable_input()

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, MOST_READ)
        except OSError:
            data = b""
        if not data:  # the terminal is gone: whoever watches for that ends the app
            self._loop.remove_reader(self.fileno)
            return
        for message in self._parser.feed(self._decode(data)):
            self.process_message(message)
        self._await_the_rest()

    def _await_the_rest(self) -> None:
        """Take an escape for a key, and not for the start of more, when nothing has followed."""
        until = self._parser._timeout_time
        if until is not None:
            self._loop.call_later(max(until - get_time(), 0.001), self._end_escape)

    def _end_escape(self) -> None:
        for message in self._parser.tick():
            self.process_message(message)
        self._await_the_rest()

    def send_message(self, message: Message) -> None:
        """Hand what was read to the app."""
        self._app.post_message(message)

    def write(self, data: str) -> None:
        """Send this at the next flush, or when the loop comes to it."""
        found = data.encode(errors="replace")
        self._traffic.count(len(found))
        self._waiting += found
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send as much as the terminal takes, and the rest when it takes more."""
        self._is_due = False
        if self._output is None:
            return
        blocked = self._send(self._output)
        self._traffic.waiting = len(self._waiting)
        if blocked:
            self._loop.add_writer(self._output, self.flush)
        elif self._loop.remove_writer(self._output):
            self._app.post_message(TerminalDrained())

    def _send(self, output: int) -> bool:
        """Send what the terminal takes at once; returns whether something is left."""
        while self._waiting:
            try:
                self._waiting = self._waiting[os.write(output, self._waiting) :]
            except BlockingIOError:
                return True
            except OSError:  # it is gone
                self._waiting = b""
        return False

    def close(self) -> None:
        """Let go of the terminal, which gets some time to take the last that was sent."""
        if self._output is not None:
            self._loop.remove_writer(self._output)
            give_up_at = time.monotonic() + PATIENCE
            while self._send(self._output) and time.monotonic() < give_up_at:
                select.select([], [self._output], [], PATIENCE)
            self._waiting = b""
            os.close(self._output)
            self._output = None
        super().close()


def _opened_anew(descriptor: int) -> int:
    """Open a terminal so that writing to it does not wait, which the shell's own has to."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    for name in (os.ttyname, lambda _: "/dev/tty"):
        # after `su` it is another user's, and in a container it may have no name
        with contextlib.suppress(OSError):
            return os.open(name(descriptor), flags)
    return os.dup(descriptor)
