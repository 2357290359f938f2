"""Watches directories for changes (with watchfiles), so that idle files need no polling.

Where watching is impossible, e.g. on a network file system, the watch is blind and its user has to
poll. Changes from before the watch began are not seen; its start is reported as one change instead.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import watchfiles
from watchfiles import Change

from trainui import system
from trainui.record import dataclass

STEP = 0.045
"""Seconds for which watchfiles debounces events; a change is reported after one or two such steps.
A longer step would delay a first line, a shorter one would cost more at rest (now 0.1 % of a core).
"""

_CONFIRMED = 500
"""Milliseconds after which a watch that has started and saw nothing is known to work."""

_FIRST_DELAY, _MAX_DELAY = 0.2, 30.0
"""Seconds from a failure to the next start; doubled at each further failure."""

_CALM = 60.0
"""Seconds without a failure after which the delay is reset."""

_Names = dict[str, list[Path]]
"""By the real path of each directory, the paths under which it was requested."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Changes in the watched directories."""

    grown: frozenset[str]
    """Paths of files that were written to."""
    others: bool
    """True if something was created, deleted or moved, or may have been missed."""


_MISSED = FileChanges(frozenset(), others=True)


class Watch:
    """Calls back when something changes directly in some directories (not recursively)."""

    def __init__(self, on_change: Callable[[FileChanges], object], pause: float = STEP) -> None:
        """Create the watch; it calls `on_change` in its own thread, once in `pause` seconds."""
        self._on_change = on_change
        self._step = round(pause * 1000)
        self._wanted: frozenset[Path] = frozenset()
        """Requested directories that exist."""
        self._hints: frozenset[Path] = frozenset()
        self._fit: frozenset[Path] = frozenset()
        """Those among them that can be watched."""
        self._watched: frozenset[Path] = frozenset()
        """Those whose changes are reported now."""
        self._local: dict[int, bool] = {}
        """By the number of a disk: it is none of the network."""
        self._lock = threading.Lock()
        self._restart = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def set_pause(self, pause: float) -> None:
        """Coalesce changes for another time; the watch restarts, and reports one change."""
        step = round(pause * 1000)
        if step != self._step:
            self._step = step
            self._restart.set()

    @property
    def is_blind(self) -> bool:
        """True if some directory's changes are not reported, hints aside."""
        return not self._wanted - self._hints <= self._watched

    def sees(self, directory: Path) -> bool:
        """Return True if changes in a directory are reported."""
        return directory in self._watched

    def watch(self, directories: set[Path], hints: frozenset[Path] = frozenset()) -> None:
        """Watch these directories and no others; skip those that do not exist.

        Of `hints`, only files with usual names and new directories are reported.
        """
        found = directories | hints
        wanted = frozenset(path for path in found if os.path.isdir(path))  # noqa: PTH112
        self._hints = hints - directories
        with self._lock:
            known = self._fit & wanted
            fit = known | {path for path in wanted - self._wanted if self._is_fit(path)}
            self._wanted = wanted
            if fit == self._fit:
                return
            self._fit = fit
        self._restart.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def _is_fit(self, directory: Path) -> bool:
        """Return True if a directory can be watched: local, readable, with a valid Unicode path."""
        try:
            os.fspath(directory).encode()
            device = directory.stat().st_dev
        except (UnicodeEncodeError, OSError):
            return False
        # the number of none of the disks may be used again
        if os.major(device) == 0 or device not in self._local:
            self._local[device] = system.file_system(directory) not in system.NETWORK
        return self._local[device] and os.access(directory, os.R_OK)

    def close(self) -> None:
        """Stop watching."""
        self._is_closed = True
        self._restart.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        """Watch until this is closed; start again with exponential backoff after a failure."""
        delay = _FIRST_DELAY
        while not self._is_closed:
            self._restart.clear()
            began = time.monotonic()
            try:
                self._follow(self._fit)
            except Exception as error:
                delay = _FIRST_DELAY if time.monotonic() - began > _CALM else delay
                log.warning("files are polled for %g s, since the watch failed: %s", delay, error)
                self._watched = frozenset()
                try:
                    self._on_change(_MISSED)
                except Exception:
                    log.exception("the end of the watch cannot be reported")
                self._restart.wait(0 if self._is_closed else delay)
                delay = min(2 * delay, _MAX_DELAY)

    def _follow(self, directories: frozenset[Path]) -> None:
        """Report changes until a different set of directories is requested."""
        names: _Names = {}
        for path in directories:  # the kernel reports real paths
            names.setdefault(os.path.realpath(path), []).append(path)
        if not names:
            self._watched = directories
            self._restart.wait()
            return
        found = watchfiles.watch(
            *names,
            watch_filter=None,
            step=self._step,
            debounce=self._step,
            rust_timeout=_CONFIRMED,
            yield_on_timeout=True,
            stop_event=self._restart,
            recursive=False,
            raise_interrupt=False,
        )
        for number, changes in enumerate(found):
            if number == 0:
                self._watched = directories
                self._on_change(_MISSED)
            if changes:
                self._on_change(self._sort(changes, names))

    def _sort(self, changes: set[watchfiles.main.FileChange], names: _Names) -> FileChanges:
        """Return the changes, with paths as they were requested."""
        grown, others = set[str](), False
        for change, path in changes:
            if change is Change.modified:
                directory, _, name = path.rpartition("/")
                grown |= {f"{one}/{name}" for one in names.get(directory, ())}
            else:
                others |= self._matters(path, names)
                if change is Change.deleted and path in names:
                    gone = frozenset(names[path])  # new ones at their paths are to be watched
                    with self._lock:
                        self._wanted, self._fit = self._wanted - gone, self._fit - gone
                        self._watched -= gone
        return FileChanges(frozenset(grown), others)

    def _matters(self, path: str, names: _Names) -> bool:
        """Return True for any path in a directory that is not merely a hint, or one of interest."""
        places = names.get(path.rpartition("/")[0]) or names.get(path, [])
        if not self._hints.issuperset(places):
            return True
        from trainui.metrics.discovery import outside_sources  # imports NumPy: not in the screen

        return outside_sources.is_of_interest(path)
