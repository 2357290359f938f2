"""Start the screen: a splash before heavy imports, the app, the message at its exit.

From the splash on, echo is off. The terminal's original modes are restored at the end, since the
app would restore only the modes that it found.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import sys
import termios
from collections.abc import Iterator

from trainui import paths
from trainui.errors import TrainuiError
from trainui.execution import processes
from trainui.formatting import listed, quantity
from trainui.model.records import Lost
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.read import run_list
from trainui.text import harmless, state_word

ENTER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H"
"""Switch to the alternate screen, clear it and hide the cursor, as the app will."""

LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l"

MOST = 5
"""Maximum number of runs that are named."""

NO_WORKER = "No worker is running, so no new stages start. Start it: `trainui worker start`.\n"

SIZE_VARIABLES = ("COLUMNS", "LINES")
"""Variables that some shells and containers set once, so they are stale after a resize."""

GC_THRESHOLD = 100_000
"""Garbage collector threshold while starting: fewer collections save 5 % of the start time."""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that reads gives way to the event loop; the default is 5 ms."""


@contextlib.contextmanager
def splash() -> Iterator[None]:
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
    _write_splash(f"{ENTER_SCREEN}\x1b[1m trainui\x1b[0m\x1b[2m  opening\x1b[0m")
    try:
        yield
    except BaseException:
        _write_splash(LEAVE_SCREEN)
        raise
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _write_splash(text: str) -> None:
    with contextlib.suppress(OSError):  # the app reports a missing terminal
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())


def message() -> str:
    """Return lines about the runs that continue; empty if there are none."""
    try:
        with engine.reading() as connection:
            going = run_list.unfinished(connection)
            lost = _lost(connection) if going else Lost()
    except (TrainuiError, sqlite3.Error):
        return ""
    if not going:
        return ""
    words = [state_word(run.status, is_lost=run.id in lost.runs) for run in going]
    named = [f"{harmless(run.name)} ({word})" for run, word in zip(going, words, strict=True)]
    verb = "continues" if len(going) == 1 else "continue"
    if lost.runs:
        verb = "has not ended" if len(going) == 1 else "have not ended"
    none = "" if _is_watched() else NO_WORKER
    for loss in lost.stages.values():
        none = f"{loss.words[0].upper()}{loss.words[1:]}.\n"
    runs = f"{quantity(len(going), 'run')} {verb}: {listed(named, MOST)}"
    return f"{runs}. Reopen the screen with `trainui`.\n{none}"


def _is_watched() -> bool:
    """Return True if a worker lives, or a guard, which is about to start one."""
    home = paths.home()
    return processes.is_held(home.worker_lock) or processes.is_held(home.guard_lock)


def _lost(connection: Connection) -> Lost:
    from trainui.execution.attempt import lost_attempts

    return lost_attempts.find(connection)


def run_screen(run_id: str | None = None) -> int:
    """Open the screen, on a run's page if its exact id is given.

    Returns the exit code: 0 after a normal exit, 128 plus the signal's number after a signal.

    Raises:
        UsageError: a setting is wrong.
    """
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL)
    for name in SIZE_VARIABLES:  # so that the size is read from the terminal
        os.environ.pop(name, None)
    if os.environ.get("STY") and not os.environ.get("TMUX"):  # GNU screen garbles 24-bit colours
        os.environ.pop("COLORTERM", None)
    with splash():
        from trainui.tui.app import TrainuiApp

        app = TrainuiApp(run_id)
        app.run()

    try:
        sys.stdout.write(message())
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        _give_up_terminal()
    return app.return_code or 0


def _give_up_terminal() -> None:
    """Redirect output to /dev/null, or the interpreter's final flush fails with exit code 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):  # the app draws on stderr
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
