"""The splash screen, painted before heavy imports.

Echo is off from here on. The terminal's original modes are restored at the end, since the app
would restore only the modes that it found.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H"
"""Switch to the alternate screen, clear it and hide the cursor, as the app will."""

LEAVE = "\x1b[?25h\x1b[?1049l"


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show the splash screen; restore the terminal's modes afterwards."""
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, ValueError):
        yield  # not a terminal
        return
    quiet = termios.tcgetattr(descriptor)
    # no echo and no lines, so that early keys wait for the app, enter as enter
    quiet[0] &= ~termios.ICRNL
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    with contextlib.suppress(termios.error):
        termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
    _write(f"{ENTER}\x1b[1m trainui\x1b[0m\x1b[2m  opening\x1b[0m")
    try:
        yield
    except BaseException:
        _write(LEAVE)
        raise
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _write(text: str) -> None:
    with contextlib.suppress(OSError):  # the app reports a missing terminal
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
