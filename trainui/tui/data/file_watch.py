"""Wakes the feed when a file in the home changes, so that nobody has to look."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import paths, settings

if TYPE_CHECKING:
    from trainui.metrics.reader.watch import Watch

STEP = 0.05
"""Seconds for which changes are gathered: a database to which a training writes changes often."""

Places = frozenset[tuple[Path, int, int]]
"""Directories with their device and inode."""


class FileWatch:
    """Watches the directories of the database and of the worker's and the broker's locks.

    A lock that is released changes no file, so whoever uses a watch looks at locks by itself.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Watch nothing yet.

        Args:
            on_change: called by the watch's thread.
        """
        self._on_change = on_change
        self._places: Places = frozenset()
        self._watch: Watch | None = None

    def sees(self) -> bool:
        """Watch the directories that exist by now; return whether changes are reported."""
        if settings.load().database_url is not None:
            return False
        if self._watch is None:
            from trainui.metrics.reader.watch import Watch

            self._watch = Watch(lambda _: self._on_change(), pause=STEP)
        home = paths.home()
        places = _existing((home.root, home.worker, home.broker))
        if places != self._places:
            self._places = places
            self._watch.watch(set())  # where one was renamed, another of its name is to be watched
        self._watch.watch({path for path, *_ in places})
        return self._watch.sees(home.root) and not self._watch.is_blind

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()


def _existing(directories: Iterable[Path]) -> Places:
    """Return the directories that exist, as they can be recognised."""
    found = set()
    for path in directories:
        with contextlib.suppress(OSError):
            status = path.stat()
            found.add((path, status.st_dev, status.st_ino))
    return frozenset(found)
