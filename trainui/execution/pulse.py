"""Whether the broker answers: the guard asks now and then, and leaves a note where it does not."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from trainui.execution import locks
from trainui.paths import Home, write_private

logger = logging.getLogger(__name__)

ASK_EVERY = 5.0
"""Seconds between two questions."""

HANGS_FOR = 60.0
"""Seconds without an answer after which it is not going to answer any more."""


class Pulse:
    """What is known of one broker's answers."""

    def __init__(self, home: Home, answers: Callable[[], bool], end: Callable[[], object]) -> None:
        """Know nothing yet.

        Args:
            home: whose broker.
            answers: asks it, for a second or two at most.
            end: is called where it has not answered for so long that it never will.
        """
        self._home = home
        self._answers = answers
        self._end = end
        self._due = 0.0
        self._silent_since: float | None = None
        _forget(home)

    def take(self, now: float) -> None:
        """Ask, where it is time to.

        Args:
            now: seconds on a clock that never goes back.
        """
        if now < self._due:
            return
        self._due = now + ASK_EVERY
        if self._answers():
            self._hear()
        elif self._silent_since is None:
            self._silent_since = now
            write_private(_file(self._home), json.dumps({"since": time.time_ns()}))
        elif now - self._silent_since >= HANGS_FOR:
            logger.warning("the broker has not answered for %.0f s: ended", HANGS_FOR)
            self._end()
            self._hear()

    def _hear(self) -> None:
        if self._silent_since is not None:
            self._silent_since = None
            _forget(self._home)


def silent_since(home: Home) -> int | None:
    """Return since when the broker does not answer, in nanoseconds since 1970; None: it does.

    None also where nobody asks: the guard is gone.
    """
    try:
        since = json.loads(_file(home).read_text(encoding="utf-8"))["since"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return int(since) if locks.is_held(home.guard_lock) else None


def _forget(home: Home) -> None:
    with contextlib.suppress(FileNotFoundError):
        _file(home).unlink()


def _file(home: Home) -> Path:
    return home.worker / "silent.json"
