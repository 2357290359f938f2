"""Wakes the poller when a file in trainui's home changes (watchfiles), instead of polling."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import paths, settings

if TYPE_CHECKING:
    from trainui.metrics.reader.watch import FileChanges, Watch

STEP, CALM_STEP = 0.05, 0.1
"""Debounce in seconds, and while nothing has changed for a time; the watch wakes that often."""


class FileWatch:
    """Watches the directories of the database and of the worker's and the broker's locks.

    Releasing a lock changes no file, so users of a watch must check the locks themselves.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Create a watch on nothing; `on_change` is called in the watch's thread."""
        self._on_change = on_change
        self._places: set[tuple[Path, int, int]] = set()
        """The directories that exist, with their devices and inodes."""
        self._watch: Watch | None = None
        self._home = paths.home()
        self._is_remote = settings.load().database_url is not None
        self._is_beyond = False

    def sees(self, *, calm: bool = False) -> bool:
        """Watch the directories that exist now; return True if changes will be reported.

        If nothing has changed for a time (`calm`), later reports will do.
        """
        if self._is_remote:
            return False
        if self._watch is None:
            from trainui.metrics.reader.watch import Watch

            self._watch = Watch(self._report, pause=STEP)
        self._watch.set_pause(CALM_STEP if calm else STEP)
        home, places = self._home, set()
        for path in (home.root, home.worker, home.broker):
            with contextlib.suppress(OSError):
                status = path.stat()
                places.add((path, status.st_dev, status.st_ino))
        if places != self._places:
            self._places = places
            self._watch.watch(set())  # a renamed directory may have been replaced by a new one
        self._watch.watch({path for path, *_ in places})
        return self._watch.sees(home.root) and not self._watch.is_blind

    def was_beyond_database(self) -> bool:
        """Return True if more than the database was written since the last call.

        That is, a file appeared or vanished, or one of the worker's or the broker's was written.
        """
        found, self._is_beyond = self._is_beyond, False
        return found

    def _report(self, changes: FileChanges) -> None:
        database = str(self._home.database)  # and its side files
        others = any(not path.startswith(database) for path in changes.grown)
        self._is_beyond |= changes.others or others
        self._on_change()

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()
