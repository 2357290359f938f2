"""The first thing that the terminal shows: painted before anything heavy is imported.

Typing is not echoed from here on; what the terminal was like is put back at the end, whatever
the app, which finds it so, takes for its first state.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H"
"""The alternate screen, empty, with no cursor: what the app turns on anyhow."""

LEAVE = "\x1b[?25h\x1b[?1049l"


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show that trainui is about to open; put the terminal's modes back afterwards."""
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, ValueError):
        yield  # no terminal
        return
    _silence(descriptor)
    _write(f"{ENTER}\x1b[1m trainui\x1b[0m\x1b[2m  opening\x1b[0m")
    try:
        yield
    except BaseException:
        _write(LEAVE)
        raise
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _silence(descriptor: int) -> None:
    """Let keys that are pressed meanwhile wait unseen, for the app."""
    quiet = termios.tcgetattr(descriptor)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    with contextlib.suppress(termios.error):
        termios.tcsetattr(descriptor, termios.TCSANOW, quiet)


def _write(text: str) -> None:
    with contextlib.suppress(OSError):  # whether the terminal is there is the app's to find out
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
