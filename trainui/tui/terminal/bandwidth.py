"""How much the screen sends to its terminal, and how long it has to pause for a budget."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from textual.driver import Driver

WINDOW = 10.0
"""Seconds over which a rate is taken: some updates of a live page."""

LONGEST_PAUSE = 10.0
"""Seconds between two updates at most: a page that was just opened does not stand still for what
its opening took."""


class Bandwidth:
    """Counts bytes as they are sent."""

    def __init__(
        self, budget: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Args:
            budget: bytes a second; None: as much as it takes.
            now: gives seconds on a clock that only goes on.
        """
        self.budget = budget
        self.total = 0
        """Bytes sent so far."""
        self.waiting = 0
        """Bytes that the terminal has not taken yet: until then it is shown nothing new."""
        self._now = now
        self._sent: deque[tuple[float, int]] = deque()

    def count(self, size: int) -> None:
        """Note that bytes were sent."""
        self.total += size
        self._sent.append((self._now(), size))

    @property
    def rate(self) -> float:
        """Bytes a second, over the last seconds."""
        since = self._now() - WINDOW
        while self._sent and self._sent[0][0] < since:
            self._sent.popleft()
        return sum(size for _, size in self._sent) / WINDOW

    @property
    def is_spent(self) -> bool:
        """Whether more is sent than the budget allows."""
        return self.budget is not None and self.rate > self.budget

    def pause(self, before: int) -> float:
        """Return the seconds that have to go by before more is sent that nobody asked for.

        Args:
            before: the `total` of the last time: what was sent since is paid for by waiting.
        """
        if self.budget is None:
            return 0.0
        return min((self.total - before) / self.budget, LONGEST_PAUSE)


def counted(driver: type[Driver], traffic: Bandwidth) -> type[Driver]:
    """Return a driver that counts what it sends."""

    class Counted(driver):  # type: ignore[misc, valid-type]
        """The same driver, counting."""

        def write(self, data: str) -> None:
            traffic.count(len(data.encode(errors="replace")))
            super().write(data)

    found: Any = Counted
    found.__name__ = driver.__name__
    return found  # type: ignore[no-any-return]
