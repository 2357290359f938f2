"""Clean exit on signals and when the terminal is closed.

Signals end the app like the quit key. A closed terminal whose SIGHUP is ignored is noticed by a
separate thread, since the event loop may be blocked writing to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

GRACE = 0.4
"""Grace period in seconds for a clean exit before the process is ended."""

HANGUP_CODE = 128 + signal.SIGHUP


def leave_on_signals(app: App[Any]) -> None:
    """Make SIGTERM and SIGHUP exit the app cleanly; call it on the event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, _exit, app, 128 + number)


def _exit(app: App[Any], code: int) -> None:
    app.exit(return_code=code)


def watch_terminal(app: App[Any]) -> None:
    """Start a thread that ends the app when its terminal is closed."""
    if sys.stdin is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        threading.Thread(
            target=_watch, args=(app, descriptor), name="terminal", daemon=True
        ).start()


def _watch(app: App[Any], descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # POLLHUP is always reported
    while True:
        events = poll.poll()
        if any(mask & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, mask in events):
            break
    with contextlib.suppress(Exception):
        app.call_later(_exit, app, HANGUP_CODE)
    time.sleep(GRACE)
    os._exit(HANGUP_CODE)
