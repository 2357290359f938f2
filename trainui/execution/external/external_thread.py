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

logger = logging.getLogger(__name__)


class ExternalThread:
    """The external runs of this worker's host."""

    def __init__(self, store: Store, host: str, stopping: threading.Event, mount: str = "") -> None:
        """Start nothing yet; `mount` is that of `ExternalWatch`."""
        self._watch = ExternalWatch(store, host, mount)
        self._stopping = stopping
        self._bell = threading.Event()
        self._has_changed = False
        """True if the store has changed since the thread looked."""
        self._thread: threading.Thread | None = None

    def look(self, *, changed: bool) -> None:
        """Wake the thread if something is due; `changed` is False if the store is as before."""
        self._has_changed = self._has_changed or changed
        if not self._watch.is_due(changed=self._has_changed):
            return
        self._bell.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="external", daemon=True)
            self._thread.start()

    def look_again(self) -> None:
        """Look at what is due each second until the process is stopping."""
        while not self._stopping.wait(1.0):
            self._try(changed=False)

    def stop(self, within: float) -> None:
        """Wait until the thread has ended; the worker is stopping."""
        self._bell.set()
        if self._thread is not None:
            self._thread.join(within)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._bell.wait()
            self._bell.clear()
            changed, self._has_changed = self._has_changed, False
            if not self._stopping.is_set() and not self._try(changed=changed):
                self._has_changed = True

    def _try(self, *, changed: bool) -> bool:
        """Look at all external runs; return False if that failed."""
        try:
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
