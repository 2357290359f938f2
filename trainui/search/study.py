"""A search's Optuna study: its sampler is rebuilt from the order of its asks and ends.

A sampler's random numbers, and what some samplers have learned, are state that Optuna does not
store, or stores as a pickle, which would run the code of whoever wrote it. Here the sampler works
on a study in memory. `history`, which the caller stores with each trial, says in which order trials
were asked for and ended; with the values in our database, a new process asks and ends them again,
and gets to the same sampler. So with the same seed and the same values, the trials are those of a
plain loop of `study.ask` and `study.tell`, also where it was killed between.

If the same values do not come out (another version of Optuna, an edited space), a new sampler goes
on from the trials so far.
"""

from __future__ import annotations

import json
import math
import secrets
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from trainui import paths
from trainui.domain.search import Scalar, Search
from trainui.errors import TrainuiError
from trainui.search import samplers
from trainui.search.study_file import StoredTrial, StudyFile

Params = dict[str, Scalar]

ASK, TAKE = -1, -2
"""Steps of a history: a trial was asked for, or taken as another program wrote it."""

ANOTHER_SEED = 7919
"""Between two seeds of one search: the same seed would repeat the values of its first trials."""


class DivergedError(TrainuiError):
    """The sampler does not choose the values of a trial that was asked for."""


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial of a study, with all values chosen."""

    number: int
    params: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class SamplerHistory:
    """The order in which the trials of a search were asked for and ended."""

    seed: int
    """The sampler's."""
    since: int = 0
    """Number of the first trial that this sampler was asked for."""
    steps: tuple[int, ...] = ()
    """`ASK`, `TAKE`, or the number of the trial that ended."""

    def dump(self) -> str:
        """Return it as JSON, to be stored."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def load(cls, stored: str | None) -> SamplerHistory | None:
        """Return what `dump` gave; None for anything else."""
        try:
            data = json.loads(stored or "")
            return cls(int(data["seed"]), int(data["since"]), tuple(map(int, data["steps"])))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    @classmethod
    def new(cls, search: Search, since: int) -> SamplerHistory:
        """Return that of a new sampler after so many trials."""
        seed = secrets.randbits(32) if search.seed is None else search.seed
        if search.sampler != "GridSampler":  # whose seed is the order of its grid
            seed = (seed + ANOTHER_SEED * since) % 2**32
        return cls(seed, since)

    def then(self, step: int) -> SamplerHistory:
        """Return it with one more step."""
        return replace(self, steps=(*self.steps, step))


class _Sampling:
    """The study in memory with which the sampler works: a function of the history."""

    def __init__(
        self, name: str, search: Search, pruner: BasePruner, history: SamplerHistory
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = samplers.fresh(search, history.seed)
        self._study = optuna.create_study(
            study_name=name, direction=search.goal, sampler=sampler, pruner=pruner
        )
        self._space = samplers.distributions(search)
        self._running: dict[int, Trial] = {}
        self.count = 0

    def _begin(self, space: samplers.Distributions) -> Params:
        trial = self._study.ask(dict(space))
        self._running[trial.number] = trial
        self.count += 1
        return trial.params

    def ask(self) -> Params:
        params = self._begin(self._space)
        return {name: params[name] for name in self._space}

    def take(self, params: Mapping[str, Scalar]) -> None:
        """Add a trial whose values another program, or an earlier sampler, chose."""
        values, distributions = samplers.fitted(self._space, params)
        self._study.enqueue_trial(values)
        self._begin(distributions)

    def add_ended(self, trial: StoredTrial) -> None:
        values, distributions = samplers.fitted(self._space, trial.params)
        steps = {} if trial.step is None else {int(trial.step): _value(trial)}
        assert trial.final is not None
        self._study.add_trial(
            create_trial(
                state=trial.final,
                params=values,
                distributions=distributions,
                value=None if trial.state == "fail" else trial.value,
                intermediate_values=steps if trial.state == "pruned" else {},
            )
        )
        self.count += 1

    def end(self, trial: StoredTrial) -> None:
        running = self._running.pop(trial.number)
        assert trial.final is not None
        if trial.state == "pruned" and trial.step is not None:
            running.report(_value(trial), int(trial.step))
        value = trial.value if trial.state == "complete" else None
        try:
            self._study.tell(running, value, trial.final)
        except RuntimeError:  # a sampler that has tried everything stops Optuna's own loop
            if not self._study.trials[trial.number].state.is_finished():
                raise


def _value(trial: StoredTrial) -> float:
    return math.nan if trial.value is None else trial.value


class SearchStudy:
    """The study of one search."""

    def __init__(self, file: StudyFile, name: str, search: Search, pruner: BasePruner) -> None:
        self.file = file
        self.name = name
        self.pruner = pruner
        self._search = search
        self._space = samplers.distributions(search)
        self._group = name.partition("/")[2]
        self._history: SamplerHistory | None = None
        self._sampling: _Sampling | None = None

    @property
    def history(self) -> str | None:
        """What is to be stored with the trials asked for and ended; None: nothing was asked for."""
        return None if self._history is None else self._history.dump()

    def rebuild(self, history: SamplerHistory, stored: Sequence[StoredTrial]) -> None:
        """Rebuild the sampler from its history.

        Raises:
            DivergedError: it chooses other values than those stored.
        """
        sampling = _Sampling(self.name, self._search, self.pruner, history)
        if not 0 <= history.since <= len(stored):
            raise DivergedError("its history is not that of these trials")
        ends_later = set(history.steps)
        for trial in stored[: history.since]:
            if trial.final is None or trial.number in ends_later:
                sampling.take(trial.params)
            else:
                sampling.add_ended(trial)
        self._sampling, self._history = sampling, replace(history, steps=())
        self._replay(history.steps, stored)

    def catch_up(self, history: str | None, stored: Sequence[StoredTrial]) -> bool:
        """Do the steps that another host has done since; return False if it is another sampler."""
        known, new = self._history, SamplerHistory.load(history)
        if known is None or new is None or (known.seed, known.since) != (new.seed, new.since):
            return False
        count = len(known.steps)
        if new.steps[:count] != known.steps:
            return False
        try:
            self._replay(new.steps[count:], stored)
        except DivergedError:
            return False
        return True

    def start_afresh(self, stored: Sequence[StoredTrial]) -> None:
        """Go on from the trials so far with a new sampler."""
        self.rebuild(SamplerHistory.new(self._search, len(stored)), stored)

    def _replay(self, steps: Sequence[int], stored: Sequence[StoredTrial]) -> None:
        assert self._sampling is not None
        for step in steps:
            number = self._sampling.count
            if (number if step < 0 else step) >= len(stored):
                raise DivergedError(f"trial {step} is not stored")
            if step == ASK:
                if self._sampling.ask() != stored[number].params:
                    raise DivergedError(f"trial {number} has other values")
            elif step == TAKE:
                self._sampling.take(stored[number].params)
            elif step < TAKE or step >= number or stored[step].final is None:
                raise DivergedError(f"trial {step} has not ended")
            else:
                self._sampling.end(stored[step])
            self._note(step)

    def _note(self, step: int) -> None:
        assert self._history is not None
        self._history = self._history.then(step)

    @property
    def count(self) -> int:
        """Return the number of trials asked for."""
        return 0 if self._sampling is None else self._sampling.count

    def ask(self) -> AskedTrial:
        """Return a new trial.

        Raises:
            StudyChangedError: another program has added one meanwhile.
        """
        assert self._sampling is not None
        number = self._sampling.count
        params = self._sampling.ask()
        self._note(ASK)
        self.file.add(StoredTrial(number, self._stage(number), params, "asked"))
        if not self._is_ours(self.file.trials()[-1], number):
            raise StudyChangedError("another program has added a trial to the study")
        return AskedTrial(number, params)

    def _stage(self, number: int) -> str:
        return f"{self._group}[trial={number}]"

    def _is_ours(self, trial: FrozenTrial, number: int) -> bool:
        return trial.number == number and trial.user_attrs.get("stage") == self._stage(number)

    @property
    def has_more(self) -> bool:
        """True if the file has a trial that the history has not.

        It was asked for just before a crash, or another program added it.
        """
        return self._sampling is not None and len(self.file.trials()) > self._sampling.count

    def take_over(self, stored: Sequence[StoredTrial]) -> AskedTrial:
        """Return the first trial that the file has and the history has not; all are `stored`.

        One that another program added gets values where it has none.
        """
        assert self._sampling is not None
        number = self._sampling.count
        if self.file.trials()[number].state == TrialState.WAITING:
            self.file.begin_enqueued()
        trial = self.file.trials()[number]
        if self._is_ours(trial, number):
            if (params := self._sampling.ask()) == trial.params:
                self._note(ASK)
                return AskedTrial(number, params)
            self.start_afresh(stored)
        params = self._completed(trial)
        self._sampling.take(params)
        self._note(TAKE)
        return AskedTrial(number, params)

    def _completed(self, trial: FrozenTrial) -> Params:
        """Return the values of the space that a trial has, random ones where it has none."""
        known = {
            name: trial.params[name]
            for name, one in self._space.items()
            if name in trial.params and samplers.around(one, trial.params[name]) == one
        }
        random = optuna.create_study(sampler=RandomSampler(seed=trial.number))
        random.enqueue_trial(known)
        params = random.ask(dict(self._space)).params
        return {name: params[name] for name in self._space}

    def tell(self, trial: StoredTrial) -> FrozenTrial:
        """End a trial, unless it has ended; return it as the file has it."""
        value = trial.value if trial.state == "complete" else None
        final = self.file.end(trial.number, trial.state, value, trial.reason)
        if self._sampling is not None:
            state, value = final.state.name.lower(), final.value if final.values else None
            self._sampling.end(replace(trial, state=state, value=value, step=final.last_step))
            self._note(trial.number)
        return final

    def close(self) -> None:
        """Close the study's file."""
        self.file.close()


class StudyChangedError(TrainuiError):
    """Another program has added a trial while one was asked for."""


def file_of(run_directory: str, group: str) -> Path:
    """Return the study's file: `train.study.db` in the run's directory."""
    return Path(run_directory, f"{paths.stage_directory_names([group])[group]}.study.db")


def open_study(
    run_id: str,
    run_directory: str,
    group: str,
    search: Search,
    *,
    history: str | None = None,
    stored: Sequence[StoredTrial] = (),
    pruner: BasePruner | None = None,
    is_shared: bool = False,
) -> SearchStudy:
    """Open the study of a search; create it if it does not exist.

    `stored` are its trials so far, `history` is what was stored with them; without it, the sampler
    is new. `is_shared`: another host may open the study, so that it needs locks of the file system.
    """
    name = f"{run_id}/{group}"
    file = StudyFile(file_of(run_directory, group), name, search, is_shared=is_shared)
    try:
        file.restore(stored, search)
        study = SearchStudy(file, name, search, pruner or NopPruner())
        if search.asks:
            known = SamplerHistory.load(history)
            try:
                study.rebuild(known or SamplerHistory.new(search, len(stored)), stored)
            except DivergedError:
                study.start_afresh(stored)
    except BaseException:
        file.close()
        raise
    return study
