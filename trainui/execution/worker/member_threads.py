"""Threads that fill a run's sweeps while it runs: searches get trials, evaluations checkpoints.

Sampling, a study's file and copies of checkpoints so delay no planner. Each thread starts with the
first run that needs it; only then is Optuna or NumPy imported. It is woken by changes of the store,
when a trial or an evaluation may have ended, the searches' also by the planner, when a trial could
start; the evaluations' looks for new checkpoints once a second.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from trainui import wakeup
from trainui.errors import StoreError, install_advice
from trainui.execution.processes import ServiceThread
from trainui.model.records import HostView, RunRecord, StageRecord
from trainui.model.states import Status
from trainui.plugin import Searcher, registry
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import checkpoint_stages, trials
from trainui.store.runs.trials import SearchKey

if TYPE_CHECKING:
    from trainui.evaluation import Evaluator
    from trainui.search import MissingMetricWatch, SearchTurns

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a failed turn is repeated; doubled for each further failure."""

CATCH_UP_PAUSE = 0.3
"""Seconds between two turns of a search that has more new points than one turn reports."""

FOLLOW_EVERY = 0.5
"""Seconds between two checks of the points of running trials; an end is handled at once."""

MOST_OPEN = 8
"""Number of studies kept open, if no more are in use."""

LEAST_PAUSE = 0.3
"""Seconds between two turns that changes of the store cause."""

INSTALL = "{module} is not installed where the worker runs: {advice}"
"""Why no trial can be asked for without a package that the search needs."""


class _Retry(NamedTuple):
    """When the next turn of a search or an evaluation is due after one that failed."""

    at: float
    """Monotonic time."""
    pause: float
    """Seconds between the last turn and this time."""

    @classmethod
    def after(cls, before: _Retry | None) -> _Retry:
        """Put off the next turn after a failure, with exponential backoff."""
        pause = FIRST_PAUSE if before is None else min(2 * before.pause, LONGEST_PAUSE)
        return cls(time.monotonic() + pause, pause)


class SearchThread:
    """The searches of this worker."""

    def __init__(
        self, store: Database, stopping: threading.Event, here: HostView | None = None
    ) -> None:
        """Start nothing yet.

        `here` is this host, if several share the store.
        """
        self._store = store
        self._here = here
        self._lock = threading.Lock()
        self._wanted: dict[SearchKey, dict[str, None]] = {}
        """Ids of the stages that could start now if they had values."""
        self._has_changed = False
        """True if the store has changed since the thread was woken."""
        self._woken_at = -math.inf
        self._open: dict[SearchKey, SearchTurns] = {}
        self._missing: MissingMetricWatch | None = None
        self._retries: dict[SearchKey, _Retry] = {}
        """Searches whose last turn failed."""
        self._thread = ServiceThread("searches", self._turn, stopping, self._close)
        self.stop = self._thread.stop

    def want(self, stages: Sequence[StageRecord]) -> None:
        """Ask for the values of trials that could start now; they are chosen soon."""
        with self._lock:
            for stage in stages:
                self._wanted.setdefault(_key(stage), {})[stage.id] = None

    def poll(self, *, changed: bool) -> None:
        """Wake the thread if there may be work for it; `changed`: the store changed meanwhile."""
        self._has_changed = self._has_changed or changed
        if self._wanted or (self._has_changed and self._is_due()):
            self._has_changed, self._woken_at = False, time.monotonic()
            self._thread.wake()

    def _is_due(self) -> bool:
        """Return True if a trial has ended, or if one runs that was not looked at for a while."""
        is_late = time.monotonic() - self._woken_at >= FOLLOW_EVERY
        with self._store.read() as connection:
            states = (*trials.LAST_STATES, Status.RUNNING) if is_late else trials.LAST_STATES
            return trials.is_any_asked(connection, states, self._here)

    def _close(self) -> None:
        for searcher in self._open.values():
            searcher.close()

    def _turn(self) -> float | None:
        """Do one turn of each search that has work.

        Returns the seconds until the next turn if nothing wakes the thread; None: no turn is due.
        """
        registry.preload(Searcher)  # before the first trial has points
        with self._store.read() as connection:
            ended = trials.asked(connection, trials.LAST_STATES, self._here)
            running = trials.asked(connection, [Status.RUNNING], self._here)
        due = self._due(ended, running)
        for key in due:
            is_done = self._search(key)
            before = self._retries.pop(key, None)
            if not is_done:
                self._retries[key] = _Retry.after(before)
        # Close studies beyond the limit, but none that this turn needed and so will the next.
        others = [key for key in self._open if key not in due]
        for key in others[: max(0, len(self._open) - MOST_OPEN)]:
            self._open.pop(key).close()
        self._watch_metrics(running)
        now = time.monotonic()
        pauses = [max(0.0, retry.at - now) for retry in self._retries.values()]
        if any(searcher.is_behind for searcher in self._open.values()):
            pauses.append(CATCH_UP_PAUSE)
        return min(pauses, default=None)

    def _due(
        self, ended: Sequence[StageRecord], running: Sequence[StageRecord]
    ) -> Collection[SearchKey]:
        """Return the searches with trials to ask for, to end or to follow, unless put off."""
        pruned = [one for one in running if one.definition.search and one.definition.search.prune]
        with self._lock:
            found = dict.fromkeys([*self._wanted, *map(_key, [*ended, *pruned])])
        self._retries = {key: self._retries[key] for key in found if key in self._retries}
        now = time.monotonic()
        return [key for key in found if key not in self._retries or self._retries[key].at <= now]

    def _search(self, key: SearchKey) -> bool:
        """Do one turn of a search; return False if it has to be repeated."""
        with self._lock:
            wanted = list(self._wanted.get(key, ()))
        try:
            searcher = self._searcher(key)
            if searcher is not None and searcher.turn(wanted):
                wakeup.wake()
        except StoreError:
            raise
        except ImportError as error:
            self._explain(wanted, _what_is_missing(error))
            return False
        except Exception as error:
            if self._run(key) is not None:  # else it was deleted, maybe during this turn
                what = "%s of run %s: the search failed, will retry"
                logger.exception(what, key.name, key.run_id)
                self._explain(wanted, f"its values cannot be chosen: {_first_line(error)}")
                return False
        with self._store.read() as connection:
            is_over = not trials.is_active(connection, key)
        if is_over and key in self._open and not self._open[key].is_behind:
            self._open.pop(key).close()  # none of its trials runs, can start or is to be reported
        with self._lock:
            left = self._wanted.get(key, {})
            self._wanted[key] = {one: None for one in left if one not in wanted}
            if not self._wanted[key]:
                del self._wanted[key]
        return True

    def _searcher(self, key: SearchKey) -> SearchTurns | None:
        """Return a search with its study; None if its run was deleted."""
        from trainui.search import SearchTurns

        if key not in self._open and (run := self._run(key)) is not None:
            self._open[key] = SearchTurns(self._store, run, key)
        return self._open.get(key)

    def _run(self, key: SearchKey) -> RunRecord | None:
        with self._store.read() as connection:
            return views.run(connection, key.run_id)

    def _explain(self, wanted: Sequence[str], reason: str) -> None:
        """Record on the stages that wait for values why they have none."""
        with self._store.write() as connection:
            trials.explain_wait(connection, wanted, reason)

    def _watch_metrics(self, running: Sequence[StageRecord]) -> None:
        from trainui.search import MissingMetricWatch

        self._missing = self._missing or MissingMetricWatch(self._store)
        self._missing.look(running)


def _what_is_missing(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = next((one.extra for one in registry.records(Searcher) if one.extra), "search")
        return INSTALL.format(module=error.name, advice=install_advice(extra))
    return f"the worker cannot import what searches need: {_first_line(error)}; install it again"


def _key(stage: StageRecord) -> SearchKey:
    return SearchKey(stage.run_id, stage.definition.group)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


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
        self._retries: dict[str, _Retry] = {}
        """By the id of an evaluation whose last turn failed."""
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
            found = checkpoint_stages.pending(connection, self._here)
            found += checkpoint_stages.unfinished(connection, self._here)
            if not self._has_looked_back:
                found += checkpoint_stages.with_copies(connection, self._here)
        return dict.fromkeys(found)

    def _turn(self) -> float | None:
        """Do one turn of each evaluation that is due; return the seconds until the next."""
        due = self._due()
        self._has_looked_back = True
        self._known = {key: one for key, one in self._known.items() if key in due}
        pauses = [one for key in due if (one := self._evaluate(key)) is not None]
        return min(pauses, default=None)

    def _evaluate(self, key: str) -> float | None:
        """Do one turn of an evaluation; return the seconds until the next."""
        retry = self._retries.get(key)
        if retry is not None and (left := retry.at - time.monotonic()) > 0:
            return left
        from trainui.evaluation import Evaluator  # NumPy, which few workers need

        evaluator = self._known.setdefault(key, Evaluator(self._store, key))
        try:
            next_turn = evaluator.turn()
        except StoreError:
            raise
        except Exception:
            logger.exception("evaluation %s: will retry", key)
            self._retries[key] = _Retry.after(retry)
            return self._retries[key].pause
        self._retries.pop(key, None)
        if evaluator.has_changed:
            wakeup.wake()
        return next_turn
