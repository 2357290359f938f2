"""Runs the evaluations of checkpoints in a thread: holding a copy may take long.

The thread starts with the first run that has one. It looks for new checkpoints once a second, and
is woken by changes of the store, when an evaluation may have ended.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING

from trainui import wakeup
from trainui.errors import StoreError
from trainui.execution.service_thread import ServiceThread
from trainui.model.records import HostView
from trainui.store.db.engine import Database
from trainui.store.runs import evaluations

if TYPE_CHECKING:
    from trainui.evaluation.evaluator import Evaluator

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a failed turn is repeated; doubled for each further failure."""

LEAST_PAUSE = 0.3
"""Seconds between two turns that changes of the store cause."""


class EvaluationThread:
    """The evaluations of checkpoints of this worker."""

    def __init__(
        self, store: Database, stopping: threading.Event, here: HostView | None = None
    ) -> None:
        """Start nothing yet.

        `here` is this host, if several share the store.
        """
        self._store = store
        self._here = here
        self._known: dict[str, Evaluator] = {}
        self._failures: dict[str, tuple[float, float]] = {}
        """By the id of an evaluation whose last turn failed: the pause, and when it is over."""
        self._has_looked_back = False
        """True if copies that an earlier worker left have been looked at."""
        self._has_changed = False
        self._woken_at = -math.inf
        self._thread = ServiceThread("evaluations", self._turn, stopping)
        self.stop = self._thread.stop

    def poll(self, *, changed: bool) -> None:
        """Wake the thread if there may be work for it; `changed`: the store changed meanwhile."""
        self._has_changed = self._has_changed or changed
        if not self._has_changed or time.monotonic() < self._woken_at + LEAST_PAUSE:
            return
        self._has_changed, self._woken_at = False, time.monotonic()
        if self._due():
            self._thread.wake()

    def _due(self) -> dict[str, None]:
        """Return the ids of the evaluations that have not ended, or whose records are behind."""
        with self._store.read() as connection:
            found = evaluations.pending(connection, self._here)
            found += evaluations.unfinished(connection, self._here)
            if not self._has_looked_back:
                found += evaluations.with_copies(connection, self._here)
        return dict.fromkeys(found)

    def _turn(self) -> float | None:
        """Do one turn of each evaluation that is due; return the seconds until the next."""
        due = self._due()
        self._has_looked_back = True
        self._known = {key: one for key, one in self._known.items() if key in due}
        pauses = [one for key in due if (one := self._evaluate(key)) is not None]
        return min(pauses, default=None)

    def _evaluate(self, key: str) -> float | None:
        pause, until = self._failures.get(key, (0.0, 0.0))
        if (left := until - time.monotonic()) > 0:
            return left
        from trainui.evaluation.evaluator import Evaluator  # NumPy, which few workers need

        evaluator = self._known.setdefault(key, Evaluator(self._store, key))
        try:
            next_turn = evaluator.turn()
        except StoreError:
            raise
        except Exception:
            logger.exception("evaluation %s: will retry", key)
            pause = min(2 * pause, LONGEST_PAUSE) if pause else FIRST_PAUSE
            self._failures[key] = pause, time.monotonic() + pause
            return pause
        self._failures.pop(key, None)
        if evaluator.has_changed:
            wakeup.wake()
        return next_turn
