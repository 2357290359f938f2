"""Terminal bandwidth: the bytes sent, and the throttling to a limit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from textual.driver import Driver

WINDOW = 10.0
"""Window in seconds of the rate: a few updates of a live page."""

LONGEST_PAUSE = 10.0
"""Maximum seconds between two updates, so that the cost of opening a page does not freeze it."""


class Bandwidth:
    """Counts sent bytes, and throttles updates to a limit."""

    def __init__(
        self, budget: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Start counting; `budget` is the limit in bytes per second, if any."""
        self.budget = budget
        self.total = 0
        """Bytes sent so far."""
        self.waiting = 0
        """Bytes that the terminal has not taken yet; new content is held back until it is 0."""
        self._now = now
        self._sent: deque[tuple[float, int]] = deque()

    def count(self, size: int) -> None:
        """Note that bytes were sent."""
        self.total += size
        self._sent.append((self._now(), size))

    @property
    def rate(self) -> float:
        """Bytes per second over the last `WINDOW` seconds."""
        since = self._now() - WINDOW
        while self._sent and self._sent[0][0] < since:
            self._sent.popleft()
        return sum(size for _, size in self._sent) / WINDOW

    @property
    def is_spent(self) -> bool:
        """True if the rate exceeds the limit."""
        return self.budget is not None and self.rate > self.budget

    def pause(self, before: int) -> float:
        """Return the seconds to wait after the last update before the next unrequested one.

        `before` was `total` at the last update; the bytes since then determine the wait.
        """
        if self.budget is None:
            return 0.0
        return min((self.total - before) / self.budget, LONGEST_PAUSE)


def counted(driver: type[Driver], bandwidth: Bandwidth) -> type[Driver]:
    """Return a subclass of a driver that counts what it sends."""

    class Counted(driver):  # type: ignore[misc, valid-type]
        """The same driver, counting."""

        def write(self, data: str) -> None:
            bandwidth.count(len(data.encode(errors="replace")))
            super().write(data)

    found: Any = Counted
    found.__name__ = driver.__name__
    return found  # type: ignore[no-any-return]
