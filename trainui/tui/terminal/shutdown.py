"""How the screen ends when somebody else ends it: the terminal is restored, nothing is left.

Signals end the app as its key does. Where a terminal is gone and its hang-up is ignored, only a
thread of its own notices: the event loop may be stuck in writing to what is no more.
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
"""Seconds that the app may take to leave before it is ended hard."""

HANGUP_CODE = 128 + signal.SIGHUP


def leave_on_signals(app: App[Any]) -> None:
    """Let SIGTERM and SIGHUP end the app cleanly; called on its event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, _exit, app, 128 + number)


def _exit(app: App[Any], code: int) -> None:
    app.exit(return_code=code)


def watch_terminal(app: App[Any]) -> None:
    """End the app when its terminal is gone, in a thread of its own."""
    if sys.stdin is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        threading.Thread(
            target=_watch, args=(app, descriptor), name="terminal", daemon=True
        ).start()


def _watch(app: App[Any], descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-ups are reported without being asked for
    while True:
        events = poll.poll()
        if any(mask & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, mask in events):
            break
    with contextlib.suppress(Exception):
        app.call_later(_exit, app, HANGUP_CODE)
    time.sleep(GRACE)
    os._exit(HANGUP_CODE)
