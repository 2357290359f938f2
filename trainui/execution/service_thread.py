"""A service's thread: it repeats one step until the worker stops, and retries after an error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trainui.errors import StoreError, TrainuiError
from trainui.store.db import engine

RETRY_AFTER = 1.0
"""Seconds from a failed step to the next one."""

logger = logging.getLogger(__name__)


def log_failure(service: str, error: Exception) -> None:
    """Log an error of a service that will be retried; outages of the store have their own log."""
    if isinstance(error, StoreError):
        engine.outages.failed(error)
    elif isinstance(error, TrainuiError):
        logger.warning("%s: will retry: %s", service, error)
    else:
        logger.error("%s: unexpected error, will retry", service, exc_info=error)


class ServiceThread:
    """Repeats a step in a daemon thread."""

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        stopping: threading.Event,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Start nothing yet.

        Args:
            name: the thread's name, also for the log.
            step: returns the seconds until the next step; None: until the thread is woken.
            stopping: set when the worker stops.
            at_end: called in the thread after the last step.
        """
        self._step = step
        self._stopping = stopping
        self._at_end = at_end
        self._wakeup = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, unless it is started."""
        if self._thread.ident is None:
            self._thread.start()

    def wake(self) -> None:
        """Run a step now; during a step, run another one after it."""
        self._wakeup.set()
        self.start()

    def stop(self, within: float) -> None:
        """Wait until the thread has ended; the worker is stopping."""
        self._wakeup.set()
        if self._thread.ident is not None:
            self._thread.join(within)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._wakeup.clear()
            try:
                pause = self._step()
            except Exception as error:
                log_failure(self._thread.name, error)
                self._stopping.wait(RETRY_AFTER)
            else:
                self._wakeup.wait(0.0 if self._stopping.is_set() else pause)
        self._at_end()
