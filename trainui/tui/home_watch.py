"""Lets the kernel tell when something in the home changes, so that nobody has to look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainui import paths, settings

if TYPE_CHECKING:
    from trainui.metrics.watch import Watch

GATHERED = 0.02
"""Seconds between two that are told: a database to which a training writes changes often."""


class HomeWatch:
    """Watches where the database, and the worker's and the broker's locks are."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Watch nothing yet.

        Args:
            on_change: called by a thread of the watch's own.
        """
        self._on_change = on_change
        self._watch: Watch | None = None

    def sees(self) -> bool:
        """Watch what is there by now; returns whether every change is told."""
        if settings.load().database_url is not None:
            return False
        if self._watch is None:
            from trainui.metrics.watch import Watch

            self._watch = Watch(lambda _: self._on_change(), pause=GATHERED)
        home = paths.home()
        directories = {home.root, home.worker, home.broker}
        before = set(filter(self._watch.sees, directories))
        self._watch.watch(directories)
        if before != set(filter(self._watch.sees, directories)):
            self._on_change()  # before it was watched something may have changed
        return self._watch.sees(home.root) and not self._watch.is_blind

    def close(self) -> None:
        """Watch nothing any more."""
        if self._watch is not None:
            self._watch.close()
