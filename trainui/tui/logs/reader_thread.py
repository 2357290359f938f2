"""The thread that reads logs.

It is not the feed's thread: a search through a large file must not hold up curves and states.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trainui.tui.logs.window_reader import LogWindow, WindowQuery, WindowReader

PERIOD = 0.5
"""Seconds between two looks at logs that grow: more often, their text is much for a slow line."""

log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """Something else is wished for by now."""


class LogReaderThread:
    """Reads what of the logs is wished for and hands it over, in a thread of its own."""

    def __init__(self, deliver: Callable[[LogWindow], object]) -> None:
        """Make a feed; its thread starts with the first wish.

        Args:
            deliver: called in the thread with each window; it must not wait.
        """
        self._wish: WindowQuery | None = None
        self._answered: WindowQuery | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._reader = WindowReader(deliver, self._check)
        self._thread = threading.Thread(target=self._run, name="log feed", daemon=True)

    def want(self, wish: WindowQuery | None) -> None:
        """Read something else from now on; what is under way for another wish is given up."""
        self._wish = wish
        self._wake.set()
        if wish is not None and self._thread.ident is None and not self._stopping:
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _check(self) -> None:
        if self._stopping or self._wish is not self._answered:
            raise _StoppedError

    def _run(self) -> None:
        while not self._stopping:
            live = self._answered is not None and self._answered.source.live
            self._wake.wait(PERIOD if live else None)
            self._wake.clear()
            try:
                self._turn()
            except _StoppedError:
                continue
            except Exception:
                log.exception("the log could not be read")

    def _turn(self) -> None:
        wish = self._wish
        asked = wish is not self._answered
        self._answered = wish
        if wish is not None and not self._stopping and (asked or self._reader.has_changed()):
            self._reader.answer(wish, again=not asked)
