"""Wakes the feed when a file in the home changes: watchfiles, in a thread."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from trainui import disk, paths, settings

STEP = 50
"""Milliseconds between two looks of watchfiles at what the kernel has queued: a change is reported
after one or two of them, and at rest they cost 0.1 % of a core."""

Places = frozenset[tuple[Path, int, int]]
"""Directories with their device and inode: one that is made again is another one."""

RETRY = 30.0
"""Seconds until the kernel is asked again that refused."""

log = logging.getLogger(__name__)


class HomeWatch:
    """Watches the directories of the database and of the worker's and the broker's locks.

    A lock that is released changes no file, so whoever uses a watch looks at locks by itself.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Watch nothing yet.

        Args:
            on_change: called by the watch's thread, and where watching has just begun.
        """
        self._on_change = on_change
        self._places: Places = frozenset()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed_at: float | None = None
        self._problem = ""

    def sees(self) -> bool:
        """Watch the directories that exist by now; return whether changes are reported."""
        if settings.load().database_url is not None:
            return False
        home = paths.home()
        places = _existing((home.root, home.worker, home.broker))
        if places != self._places:
            self._places, self._problem = places, ""
            self._watch()
        elif self._failed_at is not None and time.monotonic() - self._failed_at > RETRY:
            self._watch()
        return self._thread is not None and self._failed_at is None

    def _watch(self) -> None:
        """Watch the directories in a new thread; the one before ends by itself."""
        self._stop.set()
        self._thread, self._stop, self._failed_at = None, threading.Event(), None
        directories = [path for path, *_ in self._places]
        if paths.home().root not in directories or any(map(_is_remote, directories)):
            return
        self._thread = threading.Thread(
            target=self._run, args=(directories, self._stop), name="home watch", daemon=True
        )
        self._thread.start()
        self._on_change()  # something may have changed before the watch began

    def _run(self, directories: Sequence[Path], stop: threading.Event) -> None:
        try:
            from watchfiles import Change, watch

            ends = {(Change.deleted, str(path)) for path in directories}
            for changes in watch(
                *directories,
                watch_filter=None,
                step=STEP,
                debounce=STEP,
                recursive=False,
                force_polling=False,
                stop_event=stop,
                raise_interrupt=False,
            ):
                if not ends.isdisjoint(changes):
                    self._places = frozenset()  # a new directory may have the same inode
                self._on_change()
        except Exception as error:  # a thread's edge: the feed polls, and the watch is tried again
            if not stop.is_set():
                self._fail(str(error))

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("the home cannot be watched, so it is polled: %s", problem)
        self._problem, self._failed_at = problem, time.monotonic()
        self._on_change()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()


def _existing(directories: Iterable[Path]) -> Places:
    """Return the directories that exist, as they can be recognised."""
    found = set()
    for path in directories:
        with contextlib.suppress(OSError):
            status = path.stat()
            found.add((path, status.st_dev, status.st_ino))
    return frozenset(found)


def _is_remote(directory: Path) -> bool:
    """Return whether changes may be made on another machine, of which the kernel knows nothing."""
    return disk.file_system(directory) in disk.NETWORK
