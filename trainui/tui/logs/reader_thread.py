"""The thread that reads logs.

It is separate from the poller's thread, so that a search through a large file does not delay
curves and states.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trainui.tui.logs.window_reader import LogWindow, WindowQuery, WindowReader

PERIOD = 0.5
"""Seconds between two checks of growing logs; more often would overload slow connections."""

log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The read was superseded by a newer query."""


class LogReaderThread:
    """Answers log queries in a thread and delivers windows of lines."""

    def __init__(self, deliver: Callable[[LogWindow], object]) -> None:
        """Create it; `deliver` is called in the thread, which starts with the first query."""
        self._query: WindowQuery | None = None
        self._answered: WindowQuery | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._reader = WindowReader(deliver, self._check)
        self._thread = threading.Thread(target=self._run, name="log feed", daemon=True)

    def set_query(self, query: WindowQuery | None) -> None:
        """Change the query; a read in progress for another query is abandoned."""
        self._query = query
        self._wake.set()
        if query is not None and self._thread.ident is None and not self._stopping:
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _check(self) -> None:
        if self._stopping or self._query is not self._answered:
            raise _StoppedError

    def _run(self) -> None:
        while not self._stopping:
            live = self._answered is not None and self._answered.source.live
            self._wake.wait(PERIOD if live else None)
            self._wake.clear()
            before, self._answered = self._answered, self._query
            query, asked = self._answered, self._answered is not before
            try:
                if query is not None and (asked or self._reader.has_changed()):
                    self._check()
                    self._reader.answer(query, again=not asked)
            except _StoppedError:
                continue
            except Exception:
                log.exception("the log could not be read")
