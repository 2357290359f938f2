"""Watches the external runs in a thread, so that their files delay nothing else.

Those on a remote file system, which may stop answering, are watched by a process of their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trainui.errors import StoreError, TrainuiError
from trainui.execution.external.external_watch import ExternalWatch
from trainui.store.db import outage
from trainui.store.db.engine import Store

LOOK_EVERY = 1.0
"""Seconds between two looks at what is due while the store does not change."""

logger = logging.getLogger(__name__)


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
        self._stopping = stopping
        self._may_look = may_look
        self._bell = threading.Event()
        """Set if the store has changed since the thread looked."""
        self._thread: threading.Thread | None = None

    def look(self, *, changed: bool) -> None:
        """Start the thread if it does not run, and wake it if the store has `changed`."""
        if changed:
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
        is_missed = False
        while not self._stopping.is_set():
            changed = is_missed or self._bell.is_set()
            if changed:  # else a change of this moment would be lost
                self._bell.clear()
            is_missed = not self._try(changed=changed)
            self._bell.wait(0.0 if self._stopping.is_set() else LOOK_EVERY)

    def _try(self, *, changed: bool) -> bool:
        """Look at all external runs; return False if that failed, or is not allowed."""
        try:
            if not self._may_look():
                return False
            self._watch.look(changed=changed)
        except StoreError as error:
            outage.log.failed(error)
        except TrainuiError as error:
            logger.warning("external runs: will retry: %s", error)
        except Exception:
            logger.exception("external runs: unexpected error, will retry")
        else:
            return True
        return False
