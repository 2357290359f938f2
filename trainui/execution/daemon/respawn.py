"""A process that is started again whenever it is gone, but not in a frenzy."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.2
"""Seconds between a first start and a second; doubled at each further one."""

MOST_DELAY = 30.0
"""Seconds."""

CALM = 60.0
"""Seconds of life after which a death is the first again."""


@dataclass
class RespawnedProcess:
    """One such process, and the history of its starts."""

    name: str
    """What it is called in the log."""

    spawn: Callable[[], subprocess.Popen[bytes]]
    """Starts it."""

    is_alive: Callable[[], bool]
    """Whether what it is started for is there, whoever started that."""

    process: subprocess.Popen[bytes] | None = None
    """The one that we started and that has not yet ended."""

    on_end: Callable[[int, int], None] = lambda _pid, _code: None
    """Told the pid and exit code of one that we started, when it has ended."""

    due: float = field(default=0.0, init=False)
    """When it may be started next, on the caller's clock."""

    _delay: float = field(default=0.0, init=False)
    _alive_since: float | None = field(default=None, init=False)

    def tend(self, now: float) -> None:
        """Start it if it is gone and its time has come.

        Args:
            now: seconds on a clock that never goes back.
        """
        self._reap()
        if self.is_alive():
            self._note_life(now)
        elif self.process is None and now >= self.due:
            self._start(now)

    def is_settled(self) -> bool:
        """Whether it lives, or has just failed: not on its way up."""
        return self.process is None or self.is_alive()

    def _note_life(self, now: float) -> None:
        if self._alive_since is None:
            self._alive_since = now
        elif now - self._alive_since >= CALM:
            self._delay = self.due = 0.0

    def _start(self, now: float) -> None:
        self._alive_since = None
        self._delay = min(max(2 * self._delay, FIRST_DELAY), MOST_DELAY)
        self.due = now + self._delay
        self.process = self.spawn()
        logger.info("the %s is started, pid %d", self.name, self.process.pid)

    def _reap(self) -> None:
        if self.process is not None and (code := self.process.poll()) is not None:
            ended, self.process = self.process, None  # whatever goes wrong from here on
            logger.info("the process %d of the %s ended, code %d", ended.pid, self.name, code)
            self.on_end(ended.pid, code)
