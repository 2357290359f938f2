"""Watches the external runs in a thread, so that their files delay nothing else.

Those on a remote file system, which may stop answering, are watched by a process of their own.
"""

from __future__ import annotations

import logging
import threading

from trainui.errors import StoreError, TrainuiError
from trainui.execution.external.external_watch import ExternalWatch
from trainui.store.db import outage
from trainui.store.db.engine import Store

LOOK_EVERY = 1.0
"""Seconds between two looks at what is due while the store does not change."""

logger = logging.getLogger(__name__)


class ExternalThread:
    """The external runs of this worker's host."""

    def __init__(self, store: Store, host: str, stopping: threading.Event, mount: str = "") -> None:
        """Start nothing yet; `mount` is that of `ExternalWatch`."""
        self._watch = ExternalWatch(store, host, mount)
        self._stopping = stopping
        self._bell = threading.Event()
        self._has_changed = False
        """True if the store has changed since the thread looked, or the look has failed."""
        self._thread: threading.Thread | None = None

    def look(self, *, changed: bool) -> None:
        """Start the thread if it does not run, and wake it if the store has `changed`."""
        if changed:
            self._has_changed = True
            self._bell.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="external", daemon=True)
            self._thread.start()

    def stop(self, within: float) -> None:
        """Wait until the thread has ended; the worker is stopping."""
        self._bell.set()
        if self._thread is not None:
            self._thread.join(within)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            changed, self._has_changed = self._has_changed, False
            try:
                self._watch.look(changed=changed)
            except Exception as error:
                self._has_changed = True
                if isinstance(error, StoreError):
                    outage.log.failed(error)
                elif isinstance(error, TrainuiError):
                    logger.warning("external runs: will retry: %s", error)
                else:
                    logger.exception("external runs: unexpected error, will retry")
            self._bell.wait(0.0 if self._stopping.is_set() else LOOK_EVERY)
            self._bell.clear()
