"""A terminal driver with non-blocking input and output in the event loop.

Textual uses two threads: one polls for keys ten times a second, and the other blocks the loop when
the terminal takes no more output. Here an idle screen never wakes up, a key needs no hand-over
between threads, and output that the terminal does not take is buffered.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import Any

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

PATIENCE = 0.2
"""Seconds to wait at the exit for the terminal to take the sequences that restore it."""

MOST_READ = 4096
"""Maximum bytes of input read at once."""

_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_PASTE_MARKS = re.compile(r"(\x1b\[20[01]~)")


class TerminalDrained(Message):
    """The terminal has taken all pending output after it was blocked."""


class TerminalDriver(LinuxDriver):
    """Reads keys from stdin and draws on stdout, without threads."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._bandwidth = app.bandwidth
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._paste = _PasteFilter()
        self._output: int | None = None
        self._waiting = b""
        self._is_due = False

    def start_application_mode(self) -> None:
        """Switch the terminal to application mode, and start reading keys."""
        self._output = _reopened(sys.__stdout__.fileno() if sys.__stdout__ else 1)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_reader(self.fileno, self._read)

    def _run_input_thread(self) -> None:
        """Do nothing: the event loop reads the input."""

    def disable_input(self) -> None:
        """Stop reading keys."""
        self._loop.remove_reader(self.fileno)
        super().disable_input()

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, MOST_READ)
        except OSError:
            data = b""
        if not data:  # the terminal is gone: `watch_terminal` ends the app
            self._loop.remove_reader(self.fileno)
            return
        if found := self._paste.feed(self._decode(data)):  # to the parser, no text is the end
            self._process(self._parser.feed(found))

    def _process(self, messages: Iterable[Message]) -> None:
        """Process messages, then wait until a lone ESC is a key and not the start of a sequence."""
        for message in messages:
            self.process_message(message)
        if (until := self._parser._timeout_time) is not None:
            delay = max(until - get_time(), 0.001)
            self._loop.call_later(delay, lambda: self._process(self._parser.tick()))

    def send_message(self, message: Message) -> None:
        """Post a message to the app."""
        self._app.post_message(message)

    def write(self, data: str) -> None:
        """Buffer data, to be sent at the next flush or iteration of the loop."""
        found = data.encode(errors="replace")
        self._bandwidth.count(len(found))
        self._waiting += found
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send as much as the terminal takes now, and the rest when it is writable."""
        self._is_due = False
        if self._output is None:
            return
        blocked = self._send(self._output)
        self._bandwidth.waiting = len(self._waiting)
        if blocked:
            self._loop.add_writer(self._output, self.flush)
        elif self._loop.remove_writer(self._output):
            self._app.post_message(TerminalDrained())

    def _send(self, output: int) -> bool:
        """Send what the terminal takes without blocking; returns True if data is left."""
        while self._waiting:
            try:
                self._waiting = self._waiting[os.write(output, self._waiting) :]
            except BlockingIOError:
                return True
            except OSError:  # the terminal is gone
                self._waiting = b""
        return False

    def close(self) -> None:
        """Flush the rest, with a timeout, and close the terminal."""
        if self._output is not None:
            self._loop.remove_writer(self._output)
            give_up_at = time.monotonic() + PATIENCE
            while self._send(self._output) and time.monotonic() < give_up_at:
                select.select([], [self._output], [], PATIENCE)
            self._waiting = b""
            os.close(self._output)
            self._output = None
        super().close()


class _PasteFilter:
    """Removes escape characters from pasted text: the parser would take what follows for keys."""

    def __init__(self) -> None:
        self._is_open = False
        self._held = ""
        """The end of the last input, if it may be the start of the mark that ends a paste."""

    def feed(self, text: str) -> str:
        """Return the input that the parser may see."""
        *parts, rest = _PASTE_MARKS.split(self._held + text)
        kept = [self._cleaned(part) for part in parts]
        self._held = ""
        if self._is_open and (at := rest.rfind("\x1b")) >= 0 and _PASTE_END.startswith(rest[at:]):
            rest, self._held = rest[:at], rest[at:]
        return "".join((*kept, self._cleaned(rest)))

    def _cleaned(self, part: str) -> str:
        if part in (_PASTE_START, _PASTE_END):
            self._is_open = part == _PASTE_START
            return part
        return part.replace("\x1b", "") if self._is_open else part


def _reopened(descriptor: int) -> int:
    """Open the terminal again in non-blocking mode; the shell's descriptor must stay blocking."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    for name in (os.ttyname, lambda _: "/dev/tty"):
        # after `su` it belongs to another user; in a container it may have no name
        with contextlib.suppress(OSError):
            return os.open(name(descriptor), flags)
    return os.dup(descriptor)
