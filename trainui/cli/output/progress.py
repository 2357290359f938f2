"""A line on stderr for what takes over a second: how far it is, and the time to go.

Only for a person: nothing where stderr is no terminal.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from trainui import clock, text
from trainui.cli.output import printing

PATIENCE = 1.0
"""Seconds before anything is shown."""

PERIOD = 0.1
"""Seconds between two drawings."""

WIDTH = 24
"""Characters of the bar."""

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """How far something is, told by whoever does it and drawn by a thread."""

    def __init__(self, what: str, total: int = 0) -> None:
        """Begin at 0.

        Args:
            what: what is done, in a word or two.
            total: how much there is; 0 where that is not known: then only the time is shown.
        """
        self.what = what
        self.total = total
        self.done = 0
        self._started = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        """Say that so much more is done."""
        self.done += amount

    def line(self, now: float) -> str:
        """Return what is shown at a time on the monotonic clock."""
        spent = now - self._started
        if not self.total:
            return f"{text.harmless(self.what)} ... {clock.format_duration(int(spent))}"
        part = min(self.done / self.total, 1.0)
        full = int(part * WIDTH)
        bar = "━" * full + " " * (WIDTH - full)
        left = f", {_duration(spent * (1 - part) / part)} to go" if part > 0 else ""
        return f"{text.harmless(self.what)} {bar} {part:4.0%}{left}"

    def draw(self, stop: threading.Event) -> None:
        """Draw until `stop` is set, and clear the line."""
        if stop.wait(PATIENCE):
            return
        while True:
            sys.stderr.write(_CLEAR + self.line(time.monotonic()))
            sys.stderr.flush()
            if stop.wait(PERIOD):
                break
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    return clock.format_duration(max(round(seconds), 1))


@contextmanager
def shown(what: str, total: int = 0) -> Iterator[ProgressLine]:
    """Show how far something is, until the end of the block.

    Args:
        what: what is done, in a word or two.
        total: how much there is; 0 where that is not known.
    """
    progress = ProgressLine(what, total)
    if not printing.has_error_terminal():
        yield progress
        return
    stop = threading.Event()
    thread = threading.Thread(target=progress.draw, args=(stop,), daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        stop.set()
        thread.join()
