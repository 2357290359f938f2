"""A progress bar on stderr for work of more than a second, with the time remaining.

Nothing is shown if stderr is not a terminal.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from trainui import formatting, text
from trainui.cli.output import printing

PATIENCE = 1.0
"""Seconds before anything is shown."""

PERIOD = 0.1
"""Seconds between two redraws."""

WIDTH = 24
"""Width of the bar in characters."""

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """A progress bar, advanced by the worker and drawn by a thread."""

    def __init__(self, what: str, total: int = 0) -> None:
        """Start at 0.

        If `total` is 0, the amount of work is unknown, and only the time is shown.
        """
        self.what = what
        self.total = total
        self.done = 0
        self._started = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        """Add `amount` to the work done."""
        self.done += amount

    def line(self, now: float) -> str:
        """Return the line to show at `now` (monotonic clock)."""
        spent = now - self._started
        if not self.total:
            return f"{text.harmless(self.what)} ... {formatting.duration(int(spent))}"
        part = min(self.done / self.total, 1.0)
        full = int(part * WIDTH)
        bar = "━" * full + " " * (WIDTH - full)
        left = f", {_duration(spent * (1 - part) / part)} to go" if part > 0 else ""
        return f"{text.harmless(self.what)} {bar} {part:4.0%}{left}"

    def draw(self, stop: threading.Event) -> None:
        """Redraw until `stop` is set, then clear the line."""
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
    return formatting.duration(max(round(seconds), 1))


@contextmanager
def display(what: str, total: int = 0) -> Iterator[ProgressLine]:
    """Show a progress bar until the block ends."""
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
