"""Notes that guard and worker leave in the home: who is silent, who is ready, how the queue is.

The guard polls the broker and the worker, and writes a note while one is silent (`Heartbeat`). The
worker notes that it accepts tasks and, beside it, the state of its message queue. Each note counts
only while the process that wrote it is alive.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainui import clock, settings
from trainui.execution import locks
from trainui.paths import Home, write_private
from trainui.system import plain_files

logger = logging.getLogger(__name__)

POLL_EVERY = 5.0
"""Seconds between two polls."""

DISCARDED_REPORTED_FOR = 600
"""Seconds for which discarded messages are reported."""

MANY_WAITING = 50
"""Messages in the queue that are worth a word; those of stages are taken at once."""


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """A polled process and its timeout."""

    name: str
    hangs_for: float
    """Seconds without an answer after which the process is ended."""

    def note(self, home: Home) -> Path:
        """Return the file that exists while the process does not answer."""
        return home.worker / f"silent-{self.name}.json"


BROKER_CHECK = HeartbeatCheck("broker", 60.0)
WORKER_CHECK = HeartbeatCheck("worker", 120.0)
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


def declare_ready(home: Home, slots: Sequence[dict[str, Any]]) -> None:
    """Announce that this process is the worker and accepts tasks.

    Each slot is `{"kind", "index"}`.
    """
    word = {
        "pid": os.getpid(),
        "host": settings.host(),
        "started_at": clock.to_iso(clock.now()),
        "slots": list(slots),
    }
    write_private(_ready_file(home), json.dumps(word))


def clear_ready(home: Home) -> None:
    """Remove the readiness file: this worker is leaving, or found an earlier worker's file."""
    _ready_file(home).unlink(missing_ok=True)


def touch_ready(home: Home) -> None:
    """Note in the file's time that the worker is alive (`health.last_alive`)."""
    with suppress(OSError):
        os.utime(_ready_file(home))


def last_touched_at(home: Home) -> int:
    """Return when the worker was last noted to be alive, in nanoseconds since 1970; 0: never."""
    found = plain_files.look(_ready_file(home))
    return 0 if found is None else found.st_mtime_ns


def read_ready(home: Home) -> dict[str, Any] | None:
    """Return `{"pid", "host", "started_at", "slots"}` of the ready worker, or None."""
    owner, word = locks.holder(home.worker_lock), plain_files.read_object(_ready_file(home))
    return word if owner and word and word["pid"] == owner else None


def _ready_file(home: Home) -> Path:
    return home.worker / "ready.json"


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of the message queue, as the worker saw it last."""

    waiting: int = 0
    """Messages in the queue."""
    discarded: int = 0
    """Messages that were discarded since the worker started, because they are not ours."""
    discarded_at: float = 0.0
    """When the last of these was discarded, in seconds since 1970."""
    refused: str = ""
    """Why the broker refuses new messages; empty: it accepts them."""
    refused_since: float = 0.0
    """Since when, in seconds since 1970."""

    def problems(self) -> list[str]:
        """Return messages about the queue; none if all is well."""
        found = []
        if self.refused:
            found.append(
                f"the broker refuses messages since {_time(self.refused_since)}: {self.refused}; "
                "stages that were granted a slot start once it accepts them again"
            )
        if self.waiting >= MANY_WAITING:
            found.append(f"{self.waiting} messages wait in the queue")
        if time.time() - self.discarded_at < DISCARDED_REPORTED_FOR:
            found.append(
                f"{self.discarded} messages in the queue were not ours and were discarded, the "
                f"last at {_time(self.discarded_at)}: another program writes to this broker"
            )
        return found


def write_queue(home: Home, state: QueueState) -> None:
    """Record the state."""
    write_private(_queue_file(home), json.dumps(asdict(state)))


def read_queue(home: Home) -> QueueState:
    """Return the state that a living worker recorded last."""
    found = plain_files.read_object(_queue_file(home))
    if found is None or not locks.is_held(home.worker_lock):
        return QueueState()
    try:
        return QueueState(**found)
    except TypeError:
        return QueueState()  # of another version


def _time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _queue_file(home: Home) -> Path:
    return home.worker / "queue.json"
