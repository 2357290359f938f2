"""Watches the external runs in a thread, so that their files delay nothing else.

Those on a remote file system, which may stop answering, are watched by a separate process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from trainui.execution.external.external_watch import ExternalWatch
from trainui.execution.service_thread import ServiceThread
from trainui.store.db.engine import Store

POLL_EVERY = 1.0
"""Seconds between two checks of what is due while the store does not change."""


class ExternalThread:
    """The external runs of this worker's host."""

    def __init__(
        self,
        store: Store,
        host: str,
        stopping: threading.Event,
        mount: str = "",
        may_look: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start nothing yet.

        `mount` is that of `ExternalWatch`; `may_look` returns False while the host is another
        worker's.
        """
        self._watch = ExternalWatch(store, host, mount)
        self._may_look = may_look
        self._has_changed = threading.Event()
        """Set if the store has changed since the last check, or that failed."""
        self._thread = ServiceThread("external runs", self._check, stopping)
        self.stop = self._thread.stop

    def poll(self, *, changed: bool) -> None:
        """Start the thread if it does not run, and wake it if the store has `changed`."""
        if changed:
            self._has_changed.set()
            self._thread.wake()
        self._thread.start()

    def _check(self) -> float:
        if self._may_look():
            if changed := self._has_changed.is_set():  # else a change of this moment would be lost
                self._has_changed.clear()  # before the check, which may miss a later change
            try:
                self._watch.poll(changed=changed)
            except Exception:
                self._has_changed.set()
                raise
        return POLL_EVERY
