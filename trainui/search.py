"""One search's turn: report the trials that ended to its study, then ask for the next ones.

The study and the store are two databases, so each step may be repeated after a crash:

- A trial is asked for in the study first, with its values, and then stored. One that the study has
  and the store does not was asked for just before a crash; it is stored then.
- The end of a trial's stage is on record first, then the study gets its outcome, then the outcome
  is stored. One that the study has already is only stored.
- The order of what was asked and ended is stored in the same transaction as these trials: the
  sampler is rebuilt from it.

Hosts that share a database take turns, by a lock in the run's directory.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any, NamedTuple

from trainui import clock, paths
from trainui.errors import UnfitEnvironmentError
from trainui.model.definition import Search, StageDefinition
from trainui.model.records import PruningReason, RunRecord, StageRecord
from trainui.model.states import WARNING, Status
from trainui.pipeline.filling import with_trial_params
from trainui.plugin import Pruned, SearchBackend, Searcher, SearchTask, SearchTrial, registry
from trainui.record import dataclass
from trainui.resume import search_results
from trainui.store.db import statements
from trainui.store.db.engine import Database, file_of, read_transaction
from trainui.store.db.statements import Connection
from trainui.store.points import plot_points, point_sources
from trainui.store.points.plot_points import NewPoint
from trainui.store.read import headlines, views
from trainui.store.read import sweeps as asked_trials
from trainui.store.read.sweeps import TrialRecord
from trainui.store.runs import runs, stage_requests, stages, trials
from trainui.store.runs.trials import SearchKey, StoredSampler, TrialOutcome

logger = logging.getLogger(__name__)

LONGEST_TURN = 0.3
"""Seconds of a turn, after which the points that are left wait for the next one: Optuna's pruners
go through all values of a trial at each decision."""

MOST_VALUES = 500
"""Values of a turn, after which the points that are left wait for the next one: to write one to the
study's file takes about 0.5 ms."""

IMPORTANCE_LEAST = 5
"""Number of completed trials below which no importance is known."""

IMPORTANCE_GROWTH = 10
"""The importance is computed again once the completed trials have grown by one in so many."""

TURN_WITHIN, LOCK_EVERY = 10.0, 0.05
"""Seconds to wait for another host's turn of the same search, and between two attempts."""

MISSING_AFTER = 30 * clock.SECOND
"""Microseconds after the start of a trial without a value before a warning says so."""

MISSING_EVERY = 5 * clock.SECOND
"""Microseconds between two checks for trials without values."""


COUNTED = "its search's metric has no integer steps; `prune` counts its values instead, from 0"
"""The message on a trial without steps that can be compared."""


# Prunes trials by their stored points: reports each to a study, and asks its pruner after each.
#
# A plain loop calls `report` and `should_prune` after each step; so does this, for each stored
# point of the metric, in the order stored. The pruner sees a copy of the study in memory; values
# and rungs are written to the study's file at the end of a turn. A request is on record before
# the values that caused it are written, so that whatever is killed, the next worker reports the
# same values again.


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
        self, connection: statements.Connection, trials: Sequence[TrialRecord]
    ) -> list[Decision]:
        """Report the new points of the trials that have no outcome; return those to be pruned."""
        self._opened.follow({trial.number for trial in trials})
        self._reported = 0
        last = {one.stage.id: self._opened.reported(one.number) for one in trials}
        known = {one.stage.id: one for one in trials if last[one.stage.id] is not None}
        self._cursors = {one: self._cursors[one] for one in self._cursors.keys() & known.keys()}
        found: list[Decision] = []
        self._turn += 1
        with read_transaction(connection):
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
        connection: statements.Connection,
        trial: TrialRecord,
        cursor: _Cursor,
        now: tuple[int, Status],
        until: float,
    ) -> Iterator[Decision]:
        """Report a trial's new points; yield the decision to prune it."""
        stage, number, metric = trial.stage, trial.number, self._search.metric
        points = plot_points.points_after(connection, stage.id, metric, cursor.ordinal)
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
                    in_epochs = point_sources.unit(connection, stage.id, metric) == "epoch"
                    yield Decision(stage, replace(why, in_epochs=in_epochs))
            if self._is_over(until) and point is not points[-1]:
                return
        else:
            if len(points) >= plot_points.AT_ONCE:
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


_Asked = tuple[int, Mapping[str, Any]]
"""The number and the values of a trial."""


class SearchTurns:
    """A search whose study is open in this process."""

    def __init__(self, store: Database, run: RunRecord, key: SearchKey) -> None:
        self._store = store
        self._run = run
        self._key = key
        self._study: SearchBackend | None = None
        self._search: Search | None = None
        """The definition that the study was opened with."""
        self._is_new = False
        """True if the study was opened, and nothing stored since."""
        self._watch: TrialWatch | None = None
        """Prunes the trials; None: the search does not prune."""
        self._saved: StoredSampler | None = None
        """What was stored last: anything else was stored by another host."""
        self._completed = 0
        """Number of completed trials in the study."""
        self._weighed = 0
        """Number of completed trials when the importance of the parameters was computed."""

    def close(self) -> None:
        """Close the study; the next turn opens it again."""
        opened, self._study = self._study, None
        if opened is not None:
            opened.close()

    @property
    def is_behind(self) -> bool:
        """True if points are left to be reported, so that another turn is due."""
        return self._watch is not None and bool(self._watch.behind)

    def turn(self, wanted: Sequence[str]) -> bool:
        """Report what has ended to the study, and ask for trials until these stages have values.

        `wanted` are the ids of stages that could start now. Returns True if the store was changed.

        Raises:
            UnfitEnvironmentError: the study's file is damaged, or another host has it all the time.
        """
        try:
            with only_host(self._run, self._key):
                return self._turn(wanted)
        except BaseException:
            self.close()  # the study may be ahead of the store
            raise

    def _turn(self, wanted: Sequence[str]) -> bool:
        with self._store.read() as connection:
            ended = trials.asked(connection, trials.LAST_STATES, key=self._key)
            ended = [one for one in ended if self._is_to_tell(connection, one)]
            waiting = trials.unasked(connection, wanted) if wanted else []
            firsts = [asked_trials.with_seeds(connection, one)[0] for one in waiting]
            followed = self._followed(connection)
        given, waiting = len(waiting), self._give_values(firsts, waiting)
        is_added = len(waiting) < given
        running = [one.stage for one in followed if one.stage.status == Status.RUNNING]
        known = (*waiting, *ended, *running)
        if not known:
            return is_added
        edited = next((one for one in known if not one.removed), known[0])
        opened = self._open(edited.definition)
        taken = self._take_over(opened) if waiting or self._is_new else frozenset()
        self._is_new = False
        has_pruned = self._prune(opened, followed)  # first, so that what ended has all its values
        if self._watch is not None:
            ended = [one for one in ended if one.id not in self._watch.behind]
        self._report(opened, ended)  # stored before trials are asked for that learned from it
        due = {one.definition.trial for one in waiting} - taken
        self._ask(opened, {number for number in due if number is not None})
        return bool(taken or ended or due or has_pruned or is_added)

    def _followed(self, connection: Connection) -> list[TrialRecord]:
        """Return the trials that have begun and have no outcome, if their search prunes."""
        first = trials.one_asked(connection, self._key)
        if first is None or first.definition.search is None or not first.definition.search.prune:
            return []
        return asked_trials.trials_of(connection, *astuple(self._key), begun=True)

    def _prune(self, opened: SearchBackend, followed: Sequence[TrialRecord]) -> bool:
        """Report the new points of these trials; return True if one is to be pruned."""
        if self._watch is None or not followed:
            return False
        with self._store.read() as connection:
            found = self._watch.look(connection, followed)
        if found:
            with self._store.write() as connection:
                request(connection, found)
        opened.flush()
        return bool(found)

    def _open(self, definition: StageDefinition) -> SearchBackend:
        search = definition.search
        assert search is not None
        with self._store.read() as connection:
            saved = trials.sampler(connection, self._key)
        opened = self._study
        if opened is not None and search == self._search:
            if saved == self._saved:
                return opened
            if saved is not None and opened.catch_up(saved.history, self._stored(search)):
                self._saved = saved
                return opened
        self.close()
        stored = self._stored(search)
        is_same = saved is not None and saved.sampler == _sampler(search)
        task = SearchTask(
            f"{self._run.id}/{self._key.name}",
            search,
            study_file(self._run.directory, self._key.name),
            trials=stored,
            history=saved.history if saved is not None and is_same else None,
            is_shared=file_of(self._store.url) is None,
        )
        plugin = searcher_of(search)
        self._study = registry.run(plugin, plugin.backend, task, passes=(ImportError, OSError))
        assert self._study is not None
        self._completed = sum(one.state == "complete" for one in stored)
        self._watch = TrialWatch(self._study, search) if search.prune else None
        self._saved, self._search, self._is_new = saved, search, True
        return self._study

    def _stored(self, search: Search) -> list[SearchTrial]:
        with self._store.read() as connection:
            found = asked_trials.trials_of(connection, *astuple(self._key))
        return [
            SearchTrial(
                one.number,
                one.stage.name,
                (one.stage.definition.trial_params if search.asks else one.stage.definition.matrix)
                or {},
                one.state,
                one.value,
                one.step,
                one.reason,
            )
            for one in found
        ]

    def _take_over(self, opened: SearchBackend) -> Set[int]:
        """Store the trials that the study has and the store does not; return their numbers."""
        assert self._search is not None
        taken = set[int]()
        while opened.has_more():
            stored = self._stored(self._search)
            if not self._has_stage(len(stored)):
                break
            asked = opened.take_over(stored)
            self._save(opened, asked=[asked])
            taken.add(asked[0])
        return taken

    def _has_stage(self, number: int) -> bool:
        with self._store.read() as connection:
            return bool(trials.members_of(connection, self._key, number))

    def _report(self, opened: SearchBackend, ended: Sequence[StageRecord]) -> None:
        """Report the outcomes of trials to the study, and store them."""
        told = [self._tell(opened, stage) for stage in ended]
        if told:
            self._save(opened, told)

    def _tell(self, opened: SearchBackend, stage: StageRecord) -> tuple[StageRecord, TrialOutcome]:
        with self._store.read() as connection:
            number = trials.number_of(connection, stage)
            outcome = self._outcome(connection, asked_trials.with_seeds(connection, stage))
        ended = opened.tell(SearchTrial(number, stage.name, {}, *astuple(outcome)))
        return stage, TrialOutcome(ended.state, ended.value, ended.step, ended.reason)

    def _outcome(self, connection: Connection, members: Sequence[StageRecord]) -> TrialOutcome:
        """Return how the end of a trial, with all its seeds, counts."""
        search = members[0].definition.search
        assert search is not None
        unfinished = [one for one in members if one.status != Status.COMPLETED]
        if not unfinished:
            return search_results.outcome_of_seeds(connection, members, search)
        stage = unfinished[0]
        if stage.status == Status.PRUNED:
            return TrialOutcome("pruned")
        why = stage.reason or (stage.error or "").partition("\n")[0] or str(stage.status)
        return TrialOutcome(
            "fail", reason=why if len(members) == 1 else f"{search_results.seed_of(stage)}: {why}"
        )

    def _is_to_tell(self, connection: Connection, stage: StageRecord) -> bool:
        """Return True if all seeds of a trial have ended, and it is not left to a resume."""
        members = asked_trials.with_seeds(connection, stage)
        if not members or any(one.status not in trials.LAST_STATES for one in members):
            return False  # without members, an edit has removed its seeds
        is_cancelled = any(one.status == Status.CANCELLED for one in members)
        return not is_cancelled or trials.is_active(connection, self._key)

    def _give_values(
        self, firsts: Sequence[StageRecord], waiting: Sequence[StageRecord]
    ) -> list[StageRecord]:
        """Give seeds that were added to trials the values of the first seeds; return the others."""
        pairs = zip(waiting, firsts, strict=True)
        added = [
            (one, first) for one, first in pairs if one.id != first.id and not first.is_unasked
        ]
        if added:
            with self._store.write() as connection:
                for one, first in added:
                    params = first.definition.trial_params or {}
                    trials.give_values(connection, one, with_trial_params(one.definition, params))
        ids = {one.id for one, _first in added}
        return [one for one in waiting if one.id not in ids]

    def _ask(self, opened: SearchBackend, due: Set[int]) -> None:
        """Ask for trials until those with these numbers have their values."""
        if not due:
            return
        with self._store.read() as connection:
            first = trials.count(connection, self._key)
        asked = [(number, opened.ask(number)) for number in range(first, max(due) + 1)]
        if asked:
            self._save(opened, asked=asked)

    def _save(
        self,
        opened: SearchBackend,
        told: Sequence[tuple[StageRecord, TrialOutcome]] = (),
        asked: Sequence[_Asked] = (),
    ) -> None:
        """Store in one transaction what was done in the study."""
        assert self._search is not None
        saved = StoredSampler(_sampler(self._search), opened.history)
        self._completed += sum(outcome.state == "complete" for _, outcome in told)
        is_due = self._completed - self._weighed >= max(1, self._weighed // IMPORTANCE_GROWTH)
        shares: Mapping[str, float] = {}
        if told and is_due and self._completed >= IMPORTANCE_LEAST:
            self._weighed, shares = self._completed, opened.importance()
        with self._store.write() as connection:
            for stage, outcome in told:
                trials.end(connection, stage, outcome)
            for one in asked:
                self._add(connection, one)
            trials.save_sampler(connection, self._key, saved)
            if shares:
                trials.save_importance(connection, self._key, shares)
        self._saved = saved

    def _add(self, connection: Connection, asked: _Asked) -> None:
        number, params = asked
        members = trials.members_of(connection, self._key, number)
        if not members:
            logger.warning("%s: no stage for trial %d", self._key.name, number)
            return
        first, *others = ((stage, with_trial_params(stage.definition, params)) for stage in members)
        trials.add(connection, self._key, *first)
        for stage, definition in others:
            trials.give_values(connection, stage, definition)
        logger.info("%s of run %s: asked", first[0].name, first[0].run_id)


def searcher_of(search: Search) -> Searcher:
    """Return the plugin that decides about a search; the first if it was stored without a name.

    Raises:
        UnfitEnvironmentError: none is installed.
    """
    known = registry.records(Searcher)
    found = [one for one in known if search.searcher in ("", one.name)]
    if not found:
        name = search.searcher or "for searches"
        raise UnfitEnvironmentError(f"the plugin {name} is not installed; see `trainui plugins`")
    return found[0]


def _sampler(search: Search) -> str:
    """Return the text of a sampler's kind, options and space: another one has another history."""
    chosen = {name: getattr(search, name) for name in ("sampler", "sampler_options", "seed")}
    space = {name: asdict(one) for name, one in search.space.items()}
    return views.dump({**chosen, "space": space})


def study_file(run_directory: str, group: str) -> Path:
    """Return the file of a search's study: `train.study.db` in the run's directory."""
    return Path(run_directory, f"{paths.stage_directory_names([group])[group]}.study.db")


def lock_of(run_directory: str, group: str) -> Path:
    """Return the file that one host at a time locks for a turn of the search."""
    file = study_file(run_directory, group)
    return paths.records_directory(file).with_suffix(".lock")


@contextmanager
def only_host(run: RunRecord, key: SearchKey) -> Iterator[None]:
    """Wait until no other host has a turn of this search.

    Raises:
        UnfitEnvironmentError: another host had one all the time; it may hang.
    """
    lock = lock_of(run.directory, key.name)
    lock.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(OSError):  # a file system without locks
            _lock(file, time.monotonic() + TURN_WITHIN)
        yield
    finally:
        os.close(file)


def _lock(file: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise UnfitEnvironmentError(
                    "another host has been busy with this search for "
                    f"{TURN_WITHIN:.0f} s; if its worker hangs, restart it"
                ) from error
            time.sleep(LOCK_EVERY)
        else:
            return


# Warn, while a trial runs, that it has no objective, before it counts as failed for that.


class MissingMetricWatch:
    """Checks the running trials that have metrics, but not yet the one of their search."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._looked_at = 0
        self._warned: set[str] = set()

    def look(self, running: Sequence[StageRecord]) -> None:
        """Warn about these trials where it is due, and withdraw warnings that no longer apply."""
        now = clock.now()
        if abs(now - self._looked_at) < MISSING_EVERY:
            return
        self._looked_at = now
        self._warned &= {stage.id for stage in running}
        for stage in running:
            if now - (stage.started_at or now) >= MISSING_AFTER:
                self._look_at(stage)

    def _look_at(self, stage: StageRecord) -> None:
        assert stage.definition.search is not None
        metric = stage.definition.search.metric
        with self._store.read() as connection:
            reason = search_results.metric_missing(connection, stage.id, metric, so_far=True)
        if (reason is not None) == (stage.id in self._warned):
            return
        with self._store.write() as connection:
            stages.warn(connection, stage.id, reason)
        (self._warned.add if reason else self._warned.discard)(stage.id)
