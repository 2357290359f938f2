"""Heartbeat: the guard polls the broker and the worker, and writes a note while one is silent."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainui.execution.processes import locks
from trainui.paths import Home, write_private
from trainui.system import plain_files

logger = logging.getLogger(__name__)

POLL_EVERY = 5.0
"""Seconds between two polls."""


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """A polled process and its timeout."""

    name: str
    hangs_for: float
    """Seconds without an answer after which the process is ended."""

    def note(self, home: Home) -> Path:
        """Return the file that exists while the process does not answer."""
        return home.worker / f"silent-{self.name}.json"


BROKER = HeartbeatCheck("broker", 60.0)
WORKER = HeartbeatCheck("worker", 120.0)
"""Longer: several of its services may each wait half a minute for a locked database."""


class Heartbeat:
    """Polls one process and ends it after its timeout."""

    def __init__(
        self,
        home: Home,
        check: HeartbeatCheck,
        answers: Callable[[], bool],
        end: Callable[[], object],
    ) -> None:
        """Start with no known silence.

        `answers` polls it, for a second or two at most; `end` is called when the timeout has passed
        without an answer.
        """
        self._check = check
        self._answers = answers
        self._end = end
        self._due = 0.0
        self._silent_since: float | None = None
        self._note, self._note_file = "", check.note(home)
        self._record_answer()

    def poll(self, now: float) -> None:
        """Poll if a poll is due."""
        if now < self._due:
            return
        self._due = now + POLL_EVERY
        if self._answers():
            self._record_answer()
            return
        if self._silent_since is None:
            self._silent_since = now
            self._note = json.dumps({"since": time.time_ns()})
        if now - self._silent_since >= self._check.hangs_for:
            words = "the %s has not answered for %.0f s: ended"
            logger.warning(words, self._check.name, self._check.hangs_for)
            self._end()
            self._record_answer()
        else:
            write_private(self._note_file, self._note)

    def _record_answer(self) -> None:
        self._silent_since = None
        self._note_file.unlink(missing_ok=True)


def silent_since(home: Home, check: HeartbeatCheck) -> int | None:
    """Return when a process stopped answering, in nanoseconds since 1970; None if it answers.

    None also if the guard, which polls it, is not running.
    """
    note = plain_files.read_object(check.note(home))
    return int(note["since"]) if note and locks.is_held(home.guard_lock) else None
