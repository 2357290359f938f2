"""One search's turn: report the trials that ended to its study, then ask for the next ones.

The study and the store are two databases, so each step may be repeated after a crash:

- A trial is asked for in the study first, with its values, and then stored. One that the store does
  not have when a study is opened was asked for just before a crash; it is stored then.
- The end of a trial's stage is on record first, then the study gets its outcome, then the outcome
  is stored. One that the study has already is only stored.
- The sampler's state is stored in the same transaction as the trials asked and ended with it.

Hosts that share a database take turns (`host_lock`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

from optuna.trial import FrozenTrial
from sqlalchemy import Connection

from trainui.domain.definition import StageDefinition
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.search import Search
from trainui.domain.states import Status
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline.substitution.search import with_trial_params
from trainui.search import objective, pruners, samplers, storage, study, trial_watch
from trainui.search.host_lock import only_host
from trainui.search.study import AskedTrial, SearchStudy
from trainui.search.trial_watch import TrialWatch
from trainui.store.db.engine import Store, file_of, raw
from trainui.store.read import trials as asked_trials
from trainui.store.read.trials import TrialRecord
from trainui.store.runs import trials
from trainui.store.runs.trials import SamplerState, SearchKey, TrialOutcome

logger = logging.getLogger(__name__)

IMPORTANCE_LEAST = 5
"""Number of completed trials below which no importance is known."""

IMPORTANCE_GROWTH = 10
"""The importance is computed again once the completed trials have grown by one in so many."""


@dataclass(slots=True)
class _Turn:
    """What a turn has done in the study, to be stored in one transaction."""

    reported: list[tuple[StageRecord, TrialOutcome]] = field(default_factory=list)
    asked: list[AskedTrial] = field(default_factory=list)


class Searcher:
    """A search whose study is open in this process."""

    def __init__(self, store: Store, run: RunRecord, key: SearchKey) -> None:
        self._store = store
        self._run = run
        self._key = key
        self._study: SearchStudy | None = None
        self._search: Search | None = None
        """The definition that the study was opened with."""
        self._is_new = False
        """True if the study was opened, and nothing stored since."""
        self._watch: TrialWatch | None = None
        """Prunes the trials; None: the search does not prune."""
        self._saved: SamplerState | None = None
        """The sampler's state as stored last: another one was stored by another host."""
        self._completed = 0
        """Number of completed trials in the study."""
        self._weighed = 0
        """Number of completed trials when the importance of the parameters was computed."""

    def close(self) -> None:
        """Close the study; the next turn opens it again."""
        opened, self._study = self._study, None
        if opened is not None:
            opened.storage.remove_session()

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
        except BaseException as error:
            self.close()  # the study may be ahead of the store
            if storage.is_damage(error):
                file = study.file_of(self._run.directory, self._key.name)
                raise UnfitEnvironmentError(
                    f"{file} is damaged; move it away, and trainui rebuilds the study from its "
                    "database"
                ) from error
            raise

    def _turn(self, wanted: Sequence[str]) -> bool:
        with self._store.read() as connection:
            ended = trials.asked(connection, trials.LAST_STATES, key=self._key)
            ended = [one for one in ended if self._is_to_tell(connection, one)]
            waiting = trials.unasked(connection, wanted) if wanted else []
            firsts = [asked_trials.with_seeds(raw(connection), one)[0] for one in waiting]
            followed = self._followed(connection)
        given, waiting = len(waiting), self._give_values(firsts, waiting)
        is_added = len(waiting) < given
        running = [one.stage for one in followed if one.stage.status == Status.RUNNING]
        known = (*waiting, *ended, *running)
        if not known:
            return is_added
        edited = next((one for one in known if not one.removed), known[0])
        turn, opened = _Turn(), self._open(edited.definition)
        if self._is_new:
            turn.asked += self._asked_before(opened)
        has_pruned = self._prune(followed)  # first, so that what ended has all its values
        if self._watch is not None:
            ended = [one for one in ended if one.id not in self._watch.behind]
        for stage in ended:
            self._tell(opened, stage, turn)
        self._ask(opened, waiting, turn)
        if turn.reported or turn.asked:
            self._save(opened, turn)
        self._is_new = False
        return bool(turn.reported or turn.asked or has_pruned or is_added)

    def _followed(self, connection: Connection) -> list[TrialRecord]:
        """Return the trials that have begun and have no outcome, if their search prunes."""
        first = trials.one_asked(connection, self._key)
        if first is None or first.definition.search is None or not first.definition.search.prune:
            return []
        return asked_trials.of_search(raw(connection), *astuple(self._key), begun=True)

    def _prune(self, followed: Sequence[TrialRecord]) -> bool:
        """Report the new points of these trials; return True if one is to be pruned."""
        if self._watch is None or not followed:
            return False
        with self._store.read() as connection:
            found = self._watch.look(raw(connection), followed)
        if found:
            with self._store.write() as connection:
                trial_watch.request(connection, found)
        self._watch.save()
        return bool(found)

    def _open(self, definition: StageDefinition) -> SearchStudy:
        search = definition.search
        assert search is not None
        with self._store.read() as connection:
            saved = trials.sampler_state(connection, self._key)
            asked = trials.count(connection, self._key)
        is_known = (saved, search) == (self._saved, self._search)
        if self._study is not None and is_known and not self._study.storage.is_changed:
            return self._study
        self.close()
        known = saved is not None and saved.sampler == samplers.key(search)
        self._study = study.open_study(
            self._run.id,
            self._run.directory,
            self._key.name,
            search,
            state=saved.state if saved is not None and known else None,
            asked=asked,
            pruner=None if search.prune is None else pruners.make(search.prune),
            is_shared=file_of(self._store.url) is None,
        )
        with self._store.read() as connection:
            stored = asked_trials.of_search(raw(connection), *astuple(self._key))
        if not search.asks:
            self._study.fill(stored)
        self._study.restore(stored)
        self._completed = sum(one.state == "complete" for one in stored)
        self._watch = TrialWatch(self._study, search) if search.prune else None
        self._saved, self._search, self._is_new = saved, search, True
        return self._study

    def _asked_before(self, opened: SearchStudy) -> list[AskedTrial]:
        """Return the trials that the study has and the store does not."""
        with self._store.read() as connection:
            first = trials.count(connection, self._key)
            numbers = [
                number
                for number in range(first, opened.count)
                if trials.members_of(connection, self._key, number)
            ]
        return [opened.again(number) for number in numbers]

    def _tell(self, opened: SearchStudy, stage: StageRecord, turn: _Turn) -> None:
        with self._store.read() as connection:
            number = trials.number_of(connection, stage)
            outcome = self._outcome(connection, asked_trials.with_seeds(raw(connection), stage))
        final = opened.tell(number, outcome.state, outcome.value, outcome.reason)
        if self._watch is not None:
            self._watch.end(final)
        turn.reported.append((stage, _as_in_study(final, outcome)))

    def _outcome(self, connection: Connection, members: Sequence[StageRecord]) -> TrialOutcome:
        """Return how the end of a trial, with all its seeds, counts."""
        search = members[0].definition.search
        assert search is not None
        unfinished = [one for one in members if one.status != Status.COMPLETED]
        if not unfinished:
            return objective.of_seeds(raw(connection), members, search)
        stage = unfinished[0]
        if stage.status == Status.PRUNED:
            return TrialOutcome("pruned")
        why = stage.reason or (stage.error or "").partition("\n")[0] or str(stage.status)
        return TrialOutcome(
            "fail", reason=why if len(members) == 1 else f"{objective.seed_of(stage)}: {why}"
        )

    def _is_to_tell(self, connection: Connection, stage: StageRecord) -> bool:
        """Return True if all seeds of a trial have ended, and it is not left to a resume."""
        members = asked_trials.with_seeds(raw(connection), stage)
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

    def _ask(self, opened: SearchStudy, waiting: Sequence[StageRecord], turn: _Turn) -> None:
        """Ask for trials until each waiting stage has its values."""
        due = {stage.definition.trial for stage in waiting}
        due -= {one.number for one in turn.asked}
        while due:
            asked = opened.ask()
            turn.asked.append(asked)
            due = {number for number in due if number is not None and number > asked.number}

    def _save(self, opened: SearchStudy, turn: _Turn) -> None:
        assert self._search is not None
        saved = SamplerState(samplers.key(self._search), opened.state)
        self._completed += sum(outcome.state == "complete" for _, outcome in turn.reported)
        is_due = self._completed - self._weighed >= max(1, self._weighed // IMPORTANCE_GROWTH)
        shares = {}
        if turn.reported and is_due and self._completed >= IMPORTANCE_LEAST:
            self._weighed, shares = self._completed, opened.importance()
        with self._store.write() as connection:
            for stage, outcome in turn.reported:
                trials.end(connection, stage, outcome)
            for asked in turn.asked:
                self._add(connection, asked)
            trials.save_sampler(connection, self._key, saved)
            if shares:
                trials.save_importance(connection, self._key, shares)
        self._saved = saved

    def _add(self, connection: Connection, asked: AskedTrial) -> None:
        members = trials.members_of(connection, self._key, asked.number)
        if not members:
            logger.warning("%s: no stage for trial %d", self._key.name, asked.number)
            return
        first, *others = (
            (stage, with_trial_params(stage.definition, asked.params)) for stage in members
        )
        trials.add(connection, self._key, *first)
        for stage, definition in others:
            trials.give_values(connection, stage, definition)
        logger.info("%s of run %s: asked", first[0].name, first[0].run_id)


def _as_in_study(final: FrozenTrial, outcome: TrialOutcome) -> TrialOutcome:
    """Return how a trial counts: another program, or a turn before a crash, may have ended it."""
    state, value = final.state.name.lower(), final.value if final.values else None
    if state == "pruned":
        return TrialOutcome(state, value, final.last_step)
    if (state, value) == (outcome.state, outcome.value):
        return outcome
    return TrialOutcome(state, value, reason=final.user_attrs.get("reason"))
