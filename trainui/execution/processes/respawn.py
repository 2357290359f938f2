"""Respawns a process when it dies, with exponential backoff."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.2
"""Seconds between the first start and the second; doubled at each further start."""

MAX_DELAY = 30.0
"""Upper limit of the delay, in seconds."""

RESET_AFTER = 60.0
"""Seconds of uptime after which the delay is reset."""


class ChildProcess(Protocol):
    """A child process, e.g. a `Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it is alive."""


@dataclass
class RespawnedProcess:
    """A respawned process and its backoff state."""

    name: str
    """Name in the log."""
    spawn: Callable[[], ChildProcess]
    """Starts the process."""
    is_alive: Callable[[], bool]
    """Returns True if the service is running, no matter which process started it."""
    process: ChildProcess | None = None
    """Our child process, until it is reaped."""
    on_end: Callable[[int, int], None] = lambda _pid, _code: None
    """Called with the pid and exit code of our child after it was reaped."""
    max_delay: float = MAX_DELAY
    """Upper limit of the delay, in seconds."""
    due: float = field(default=0.0, init=False)
    """Earliest time of the next start, on the caller's clock."""
    _delay: float = field(default=0.0, init=False)
    _alive_since: float | None = field(default=None, init=False)

    def poll(self, now: float) -> None:
        """Reap the child, and start a new one if the service is down and a start is due."""
        if self.process is not None and (code := self.process.poll()) is not None:
            ended, self.process = self.process, None  # first, in case `on_end` raises
            if code == 0 and self.is_alive():
                logger.info(
                    "the %s runs; pid %d, which started it, has ended", self.name, ended.pid
                )
            else:
                logger.info("the %s, pid %d, ended with code %d", self.name, ended.pid, code)
            self.on_end(ended.pid, code)
        if self.is_alive():
            self._alive_since = now if self._alive_since is None else self._alive_since
            if now - self._alive_since >= RESET_AFTER:
                self._delay = self.due = 0.0
        elif self.process is None and now >= self.due:
            self._alive_since = None
            self._delay = min(max(2 * self._delay, FIRST_DELAY), self.max_delay)
            self.due = now + self._delay
            self.process = self.spawn()
            logger.info("started the %s, pid %d", self.name, self.process.pid)

    def is_settled(self) -> bool:
        """Return True if the service is running or its start failed, False while it is starting."""
        return self.process is None or self.is_alive()
