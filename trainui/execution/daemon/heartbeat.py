"""Whether broker and worker answer: the guard asks now and then, and leaves a note where not."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainui import plain_files
from trainui.execution.daemon import locks
from trainui.paths import Home, write_private

logger = logging.getLogger(__name__)

ASK_EVERY = 5.0
"""Seconds between two questions."""


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """Who is asked."""

    name: str
    """What it is called."""
    hangs_for: float
    """Seconds without an answer after which it is not going to answer any more."""

    def note(self, home: Home) -> Path:
        """Return the file that is there while it does not answer."""
        return home.worker / f"silent-{self.name}.json"


BROKER = HeartbeatCheck("broker", 60.0)
WORKER = HeartbeatCheck("worker", 120.0)
"""It may wait for a locked database, for half a minute at several of its duties."""


class Heartbeat:
    """What is known of one's answers."""

    def __init__(
        self,
        home: Home,
        asked: HeartbeatCheck,
        answers: Callable[[], bool],
        end: Callable[[], object],
    ) -> None:
        """Know nothing yet.

        Args:
            home: whose broker or worker.
            asked: who is asked.
            answers: asks, for a second or two at most.
            end: is called where there was no answer for so long that there never will be.
        """
        self._home = home
        self._asked = asked
        self._answers = answers
        self._end = end
        self._due = 0.0
        self._silent_since: float | None = None
        self._note = ""
        self._forget()

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
            return
        if self._silent_since is None:
            self._silent_since = now
            self._note = json.dumps({"since": time.time_ns()})
        if now - self._silent_since >= self._asked.hangs_for:
            words = "the %s has not answered for %.0f s: ended"
            logger.warning(words, self._asked.name, self._asked.hangs_for)
            self._end()
            self._hear()
        else:
            write_private(self._asked.note(self._home), self._note)

    def _hear(self) -> None:
        if self._silent_since is not None:
            self._silent_since = None
            self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._asked.note(self._home).unlink()


def silent_since(home: Home, asked: HeartbeatCheck) -> int | None:
    """Return since when it does not answer, in nanoseconds since 1970; None: it does.

    None also where nobody asks: the guard is gone.
    """
    try:
        since = json.loads(plain_files.read_text(asked.note(home)))["since"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return int(since) if locks.is_held(home.guard_lock) else None
