"""Prunes trials by their stored points: reports each to a study, and asks its pruner after each.

A plain loop calls `report` and `should_prune` after each step; so does this, for each stored point
of the metric, in the order stored. The pruner sees a copy of the study in memory; values and rungs
are written to the study's file at the end of a turn. A request is on record before the values that
caused it are written, so that whatever is killed, the next worker reports the same values again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from trainui.model.notifications import WARNING
from trainui.model.records import PruningReason, StageRecord
from trainui.model.search import Search
from trainui.model.states import Status
from trainui.plugin import Pruned, SearchBackend
from trainui.store.db import protocol
from trainui.store.db.engine import snapshot
from trainui.store.db.protocol import Connection
from trainui.store.points import plot_series
from trainui.store.points.plot_series import NewPoint
from trainui.store.read import headlines
from trainui.store.read.sweeps import TrialRecord
from trainui.store.runs import runs, stage_requests, stages

LONGEST_TURN = 0.3
"""Seconds of a turn, after which the points that are left wait for the next one: Optuna's pruners
go through all values of a trial at each decision."""

MOST_VALUES = 500
"""Values of a turn, after which the points that are left wait for the next one: to write one to the
study's file takes about 0.5 ms."""

COUNTED = "its search's metric has no integer steps; `prune` counts its values instead, from 0"
"""The message on a trial without steps that can be compared."""


class Decision(NamedTuple):
    """The decision on a trial."""

    stage: StageRecord
    pruning: PruningReason | None
    """Why it is to be pruned; None: it is not, but its metric has no whole steps."""


@dataclass(slots=True)
class _Cursor:
    """How much of a trial is reported."""

    seen: tuple[int, Status] | None = None
    """The version of its stage's points, and its state, when all was reported that had to be."""
    ordinal: int = -1
    """Of the last point read."""
    count: int = 0
    """Points read."""
    step: int = -1
    """The last step reported."""
    by_index: bool | None = None
    """True if the points are counted, since their steps are no whole numbers; None: none yet."""
    limit: int | None = None
    """The step at which it is to be pruned, as on record."""
    turn: int = 0
    """When it was followed last."""

    def step_of(self, point: NewPoint) -> int | None:
        """Return the step of the next point; None if it is not to be reported."""
        whole = float(point.step).is_integer()
        if self.by_index is None:
            self.by_index = not whole
        step = self.count if self.by_index else int(point.step)
        return step if step > self.step and (whole or self.by_index) else None


class TrialWatch:
    """Follows the trials of one search."""

    def __init__(self, opened: SearchBackend, search: Search) -> None:
        self._opened, self._search = opened, search
        self._cursors: dict[str, _Cursor] = {}
        self._reported = 0
        """Values of this turn."""
        self._turn = 0
        self.behind: Set[str] = frozenset()
        """Ids of the stages with points that are still to be reported."""

    def look(
        self, connection: protocol.Connection, trials: Sequence[TrialRecord]
    ) -> list[Decision]:
        """Report the new points of the trials that have no outcome; return those to be pruned."""
        self._opened.follow({trial.number for trial in trials})
        self._reported = 0
        last = {one.stage.id: self._opened.reported(one.number) for one in trials}
        known = {one.stage.id: one for one in trials if last[one.stage.id] is not None}
        self._cursors = {one: self._cursors[one] for one in self._cursors.keys() & known.keys()}
        found: list[Decision] = []
        self._turn += 1
        with snapshot(connection):
            cursors = {one: self._cursor(trial, last[one]) for one, trial in known.items()}
            versions = headlines.versions(connection, known)
            due, until = self._due(known, versions), time.monotonic() + LONGEST_TURN
            for stage_id in due:
                if stage_id == due[0] or not self._is_over(until):
                    now = versions[stage_id], known[stage_id].stage.status
                    found += self._follow(
                        connection, known[stage_id], cursors[stage_id], now, until
                    )
            self.behind = {one for one in due if cursors[one].seen is None}
        return found

    def _due(self, known: Mapping[str, TrialRecord], versions: Mapping[str, int]) -> list[str]:
        """Return the stages with new points, the one that has waited longest first."""
        due = []
        for stage_id, trial in known.items():
            cursor, now = self._cursors[stage_id], (versions.get(stage_id), trial.stage.status)
            if stage_id in versions and now != cursor.seen:
                cursor.seen = None
                due.append(stage_id)
        return sorted(due, key=lambda one: self._cursors[one].turn)

    def _is_over(self, until: float) -> bool:
        """Return True if a turn has lasted long enough."""
        return time.monotonic() >= until or self._reported >= MOST_VALUES

    def _cursor(self, trial: TrialRecord, last: int | None) -> _Cursor:
        """Return how far a trial is reported; `last` is the step as the study has it."""
        stage = trial.stage
        if stage.id not in self._cursors:
            self._cursors[stage.id] = _Cursor(step=-1 if last is None else last)
        cursor = self._cursors[stage.id]
        cursor.limit = None if trial.pruning is None else trial.pruning.step
        return cursor

    def _follow(
        self,
        connection: protocol.Connection,
        trial: TrialRecord,
        cursor: _Cursor,
        now: tuple[int, Status],
        until: float,
    ) -> Iterator[Decision]:
        """Report a trial's new points; yield the decision to prune it."""
        stage, number, metric = trial.stage, trial.number, self._search.metric
        points = plot_series.points_after(connection, stage.id, metric, cursor.ordinal)
        may_be_pruned = stage.status == Status.RUNNING and not trial.has_pruning_off
        cursor.turn = self._turn
        for point in points:
            is_first = cursor.by_index is None
            step = cursor.step_of(point)
            if is_first and cursor.by_index and step == 0 and stage.status == Status.RUNNING:
                yield Decision(stage, None)
            is_past = step is not None and cursor.limit is not None and step > cursor.limit
            if is_past and stage.status != Status.COMPLETED:
                break  # read again if it turns out to be completed
            cursor.ordinal, cursor.count = point.ordinal, cursor.count + 1
            if step is not None:
                cursor.step = step
                is_due = cursor.limit is None and may_be_pruned
                self._reported += 1
                pruned = self._opened.report(number, step, point.value, decide=is_due)
                if pruned is not None:
                    cursor.limit = step
                    by_index = bool(cursor.by_index)
                    why = reason(pruned, self._search, step, point.value, by_index=by_index)
                    yield Decision(stage, why)
            if self._is_over(until) and point is not points[-1]:
                return
        else:
            if len(points) >= plot_series.AT_ONCE:
                return
        cursor.seen = now


def reason(
    pruned: Pruned, search: Search, step: int, value: float, *, by_index: bool = False
) -> PruningReason:
    """Return why a trial is pruned at a step; `by_index`: steps are the numbers of the values."""
    return PruningReason(
        pruned.by,
        search.metric,
        step,
        value if pruned.best is None else pruned.best,
        lower=search.goal == "minimize",
        best=pruned.best is not None,
        by_index=by_index,
        rule=pruned.rule,
        limit=pruned.limit,
        of=pruned.of,
    )


def request(connection: Connection, decisions: Iterable[Decision]) -> None:
    """Request the end of trials that are to be pruned, if the same attempts still run."""
    for decision in decisions:
        stage = stages.get(connection, decision.stage.id)
        if stage.attempt != decision.stage.attempt or stage.status != Status.RUNNING:
            continue
        if decision.pruning is not None:
            stage_requests.request_stop(connection, stage, pruning=decision.pruning)
            continue
        text = f"{stage.name}: {COUNTED}"
        runs.record_event(connection, stage.run_id, WARNING, text, stage=stage.name)
