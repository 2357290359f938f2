"""Directories watched for changes, so that nothing has to be looked at while nothing happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

DEBOUNCE = 40
"""Milliseconds for which changes are gathered, at most."""

STEP = 20
"""Milliseconds between looks at the kernel's queue: what a first line after a silence waits."""

Changes = set[tuple[watchfiles.Change, str]]
"""What happened to which paths."""

log = logging.getLogger(__name__)


class Watch:
    """Calls back when something changes in some directories, not those below them."""

    def __init__(self, on_change: Callable[[Changes], None]) -> None:
        self._on_change = on_change
        self._directories: frozenset[Path] = frozenset()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, directories: set[Path]) -> None:
        """Watch these directories and no others; those that are not there are left out."""
        present = frozenset(path for path in directories if path.is_dir())
        if present == self._directories and self._is_alive():
            return
        self.close()
        self._directories = present
        if present:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(present, self._stop), name="watch", daemon=True
            )
            self._thread.start()

    def _is_alive(self) -> bool:
        return not self._directories or (self._thread is not None and self._thread.is_alive())

    def _run(self, directories: frozenset[Path], stop: threading.Event) -> None:
        try:
            for changes in watchfiles.watch(
                *directories,
                watch_filter=None,
                debounce=DEBOUNCE,
                step=STEP,
                stop_event=stop,
                recursive=False,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._on_change(changes)
        except (OSError, RuntimeError) as error:
            # Too many watches, or a directory that went away: looking now and then goes on.
            log.warning("directories cannot be watched: %s", error)

    def close(self) -> None:
        """Watch nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._directories = frozenset()
