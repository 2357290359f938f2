"""A search's Optuna study: its sampler is rebuilt from the order of its asks and ends.

A sampler's random numbers, and what some samplers have learned, are state that Optuna does not
store, or stores as a pickle, which would run the code of whoever wrote it. Here the sampler works
on a study in memory. `history`, which the caller stores with each trial, says in which order trials
were asked for and ended; with the values in our database, a new process asks and ends them again,
and gets to the same sampler. So with the same seed and the same values, the trials are those of a
plain loop of `study.ask` and `study.tell`, also where it was killed between.

If the same values do not come out (another version of Optuna, an edited space), a new sampler
continues from the trials so far.

The pruner decides in another copy of the study in memory, which needs no parameters.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import warnings
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from trainui.model.definition import Prune, Scalar, Search
from trainui.plugin import Pruned, SearchBackend, SearchTask, SearchTrial
from trainui.plugins.optuna import study_file
from trainui.plugins.optuna.study_file import StudyFile, damage_named, final_state

ANOTHER_SEED = 7919
"""Between two seeds of one search: the same seed would repeat the values of its first trials."""

RUNG = "completed_rung_"
"""Prefix of the attributes in which Optuna stores a trial's value at each rung."""

_RUNGS = ("HyperbandPruner", "SuccessiveHalvingPruner")
"""The pruners that note the values of trials at rungs."""


def make_pruner(prune: Prune) -> BasePruner:
    """Return a new pruner."""
    kind: Any = getattr(optuna.pruners, prune.by)
    wrapped = [None if prune.wrapped is None else make_pruner(prune.wrapped)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        first = wrapped if prune.by == "PatientPruner" else []
        return kind(*first, **prune.options)  # type: ignore[no-any-return]


def has_rungs(prune: Prune | None) -> bool:
    """Return True if a trial's values at rungs count for others, also once it has ended."""
    return prune is not None and (prune.by in _RUNGS or has_rungs(prune.wrapped))


class PrunerStudy:
    """A copy of a study in memory, without parameters, in which the pruner decides.

    A read of the study's file takes as long as a hundred decisions.
    """

    def __init__(
        self, name: str, search: Search, pruner: BasePruner, trials: Sequence[FrozenTrial]
    ) -> None:
        """Copy the trials of a study with this name: Hyperband makes its brackets of it."""
        self._search = search
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction=search.goal,
            sampler=RandomSampler(),
            pruner=pruner,
        )
        self._id = self._storage.get_study_id_from_name(name)
        self._running: dict[int, Trial] = {}
        self._count = 0
        for trial in trials:
            if trial.state.is_finished():
                self._add(trial)
            else:
                self._begin(trial.intermediate_values, trial.system_attrs)

    def _add(self, trial: FrozenTrial) -> None:
        self._study.add_trial(
            create_trial(
                state=trial.state,
                values=trial.values,
                intermediate_values=trial.intermediate_values,
                system_attrs=_rungs(trial.system_attrs),
            )
        )
        self._count += 1

    def _begin(self, values: Mapping[int, float], attributes: Mapping[str, Any]) -> None:
        trial = self._study.ask()
        self._running[trial.number] = trial
        self._count += 1
        for step, value in values.items():
            trial.report(value, step)
        for key, value in _rungs(attributes).items():
            self._storage.set_trial_system_attr(self._trial_id(trial.number), key, value)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def begin_up_to(self, number: int) -> None:
        """Add the trials asked for since."""
        while self._count <= number:
            self._begin({}, {})

    @property
    def running(self) -> Set[int]:
        """Return the numbers of the trials that have not ended."""
        return self._running.keys()

    def end(self, trial: FrozenTrial) -> None:
        """Note the outcome of a trial, as the study's file has it."""
        if trial.number in self._running and trial.state.is_finished():
            value = trial.value if trial.state == TrialState.COMPLETE else None
            self._study.tell(self._running.pop(trial.number), value, trial.state)

    def last_step(self, number: int) -> int:
        """Return the last step reported of a trial; -1: none."""
        step = self._trial(number).last_step
        return -1 if step is None else step

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._trial_id(number))

    def report(self, number: int, step: int, value: float) -> None:
        """Report the value of a running trial at a step."""
        self._running[number].report(value, step)

    def prunes(self, number: int) -> tuple[bool, dict[str, float]]:
        """Return the decision on a running trial, and the rungs that it has come to with it."""
        before = self._trial(number).system_attrs
        prunes = self._running[number].should_prune()
        after = self._trial(number).system_attrs
        return prunes, {key: value for key, value in after.items() if key not in before}

    def explain(self, number: int) -> Pruned:
        """Return why a trial is pruned."""
        return explain_pruning(self._study, self._trial(number), self._search)


def _rungs(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that pruners note; a sampler's state may be a pickle."""
    return {
        key: float(value)
        for key, value in attributes.items()
        if key.startswith(RUNG) and isinstance(value, int | float)
    }


def explain_pruning(study: optuna.Study, trial: FrozenTrial, search: Search) -> Pruned:
    """Return why a trial is pruned."""
    assert search.prune is not None
    # as in a pipeline file: `SuccessiveHalvingPruner` as words
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", search.prune.by.removesuffix("Pruner"))
    step = trial.last_step
    assert step is not None
    if math.isnan(trial.intermediate_values[step]):
        return Pruned(words.lower())
    return _compared(Pruned(words.lower()), study, trial, search.prune)


def _compared(plain: Pruned, study: optuna.Study, trial: FrozenTrial, prune: Prune) -> Pruned:
    """Return the decision with what its value was compared with."""
    if prune.by == "PatientPruner" and prune.wrapped is not None:
        return _compared(plain, study, trial, prune.wrapped)
    lower = study.direction == StudyDirection.MINIMIZE
    step = trial.last_step
    value = trial.intermediate_values[-1 if step is None else step]
    match prune.by:
        case "MedianPruner" | "PercentilePruner":
            return _with_percentile(plain, study, trial, prune)
        case "PatientPruner":
            waited = int(prune.options["patience"]) + 1
            values = [value for _, value in sorted(trial.intermediate_values.items())][:-waited]
            limit = float(np.nanmin(values) if lower else np.nanmax(values))
            rule = f"the best before its last {waited:,} values"
            return replace(plain, rule=rule, limit=limit)
        case "ThresholdPruner":
            least, upper = prune.options.get("lower"), prune.options.get("upper")
            passed = upper if upper is not None and value > upper else least
            threshold = None if passed is None else float(passed)
            return replace(plain, rule="the threshold", limit=threshold)
        case "SuccessiveHalvingPruner":  # Hyperband does not say with which trials it compared
            return _with_rung(plain, study, trial, prune)
        case "WilcoxonPruner":
            best = study.best_trial.intermediate_values.get(-1 if step is None else step)
            # it may be worse at most of its steps, and not at the last one
            if best is not None and (value > best if lower else value < best):
                return replace(plain, rule="the best trial's", limit=best)
    return plain


def _with_percentile(
    plain: Pruned, study: optuna.Study, trial: FrozenTrial, prune: Prune
) -> Pruned:
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = [one.intermediate_values for one in completed]
    step, lower = trial.last_step, study.direction == StudyDirection.MINIMIZE
    others = [values[step] for values in known if step in values]
    own = np.asarray(list(trial.intermediate_values.values()), dtype=float)
    best = float(np.nanmin(own) if lower else np.nanmax(own))
    kept = float(prune.options.get("percentile", 50.0))
    limit = float(np.nanpercentile(others, kept if lower else 100 - kept))
    rule = "the median" if kept == 50 else f"the {kept:g}th percentile"
    last = None if step is None else trial.intermediate_values[step]
    shown = None if best == last else best
    return replace(plain, rule=rule, limit=limit, of=len(others), best=shown)


def _with_rung(plain: Pruned, study: optuna.Study, trial: FrozenTrial, prune: Prune) -> Pruned:
    rungs = [int(key.removeprefix(RUNG)) for key in trial.system_attrs if key.startswith(RUNG)]
    if not rungs:
        return plain
    key = f"{RUNG}{max(rungs)}"
    attributes = [one.system_attrs for one in study.get_trials(deepcopy=False)]
    is_falling = study.direction == StudyDirection.MAXIMIZE
    values = sorted((one[key] for one in attributes if key in one), reverse=is_falling)
    factor = int(prune.options.get("reduction_factor", 4))  # Optuna's default
    limit = float(values[max(len(values) // factor - 1, 0)])
    if limit == trial.system_attrs[key]:  # too few trials have come to this rung
        return plain
    rule = f"rung {max(rungs) + 1}'s limit"
    return replace(plain, rule=rule, limit=limit, of=len(values))


Params = dict[str, Scalar]

ASK, TAKE = -1, -2
"""Steps of a history: a trial was asked for, or taken as another program wrote it."""


class DivergedError(Exception):
    """The sampler does not choose the values of a trial that was asked for."""


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
            seed = int(data["seed"]) % 2**32
            return cls(seed, int(data["since"]), tuple(map(int, data["steps"])))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
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
            sampler = study_file.new_sampler(search, history.seed)
        self._study = optuna.create_study(
            study_name=name, direction=search.goal, sampler=sampler, pruner=pruner
        )
        self._space = study_file.distributions(search)
        self._running: dict[int, Trial] = {}
        self.count = 0

    def _begin(self, space: study_file.Distributions) -> Params:
        trial = self._study.ask(dict(space))
        self._running[trial.number] = trial
        self.count += 1
        return trial.params

    def ask(self) -> Params:
        params = self._begin(self._space)
        return {name: params[name] for name in self._space}

    def take(self, params: Mapping[str, Scalar]) -> None:
        """Add a trial whose values another program, or an earlier sampler, chose."""
        values, distributions = study_file.fitted(self._space, params)
        self._study.enqueue_trial(values)
        self._begin(distributions)

    def add_ended(self, trial: SearchTrial) -> None:
        values, distributions = study_file.fitted(self._space, trial.params)
        steps = {} if trial.step is None else {int(trial.step): _value(trial)}
        state = final_state(trial)
        assert state is not None
        self._study.add_trial(
            create_trial(
                state=state,
                params=values,
                distributions=distributions,
                value=None if trial.state == "fail" else trial.value,
                intermediate_values=steps if trial.state == "pruned" else {},
            )
        )
        self.count += 1

    def runs(self, number: int) -> bool:
        return number in self._running

    def end(self, trial: SearchTrial) -> None:
        running, state = self._running.pop(trial.number), final_state(trial)
        assert state is not None
        if trial.state == "pruned" and trial.step is not None:
            running.report(_value(trial), int(trial.step))
        value = trial.value if trial.state == "complete" else None
        try:
            self._study.tell(running, value, state)
        except RuntimeError:  # a sampler that has tried everything stops Optuna's own loop
            if not self._study.trials[trial.number].state.is_finished():
                raise


def _value(trial: SearchTrial) -> float:
    return math.nan if trial.value is None else trial.value


class SearchStudy(SearchBackend):
    """The study of one search."""

    def __init__(self, task: SearchTask) -> None:
        """Open the study of a search; create it if it does not exist."""
        search: Search = task.search
        with damage_named(task.file):
            self.file = StudyFile(task.file, task.name, search, is_shared=task.is_shared)
        self._task, self._search = task, search
        self._space = study_file.distributions(search)
        self._group = task.name.partition("/")[2]
        self._history: SamplerHistory | None = None
        self._sampling: _Sampling | None = None
        self._pruner = NopPruner() if search.prune is None else make_pruner(search.prune)
        self._pruning: PrunerStudy | None = None
        self._has_rungs = has_rungs(search.prune)
        self._values: list[tuple[int, int, float]] = []
        self._rungs: list[tuple[int, str, float]] = []
        """Reported, and not written to the file yet."""
        self._followed: Set[int] = frozenset()
        try:
            with damage_named(task.file):
                self._restore()
        except BaseException:
            self.close()
            raise

    def _restore(self) -> None:
        task = self._task
        self.file.restore(task.trials, self._search)
        if self._search.asks:
            known = SamplerHistory.load(task.history)
            try:
                self.rebuild(
                    known or SamplerHistory.new(self._search, len(task.trials)), task.trials
                )
            except DivergedError:
                self.start_afresh(task.trials)
        if self._search.prune is not None:
            self._pruning = PrunerStudy(task.name, self._search, self._pruner, self.file.trials())

    def _dump(self) -> None:
        """Have the history to be stored with the trials asked for and ended."""
        self.history = None if self._history is None else self._history.dump()

    def rebuild(self, history: SamplerHistory, stored: Sequence[SearchTrial]) -> None:
        """Rebuild the sampler from its history.

        Raises:
            DivergedError: it chooses other values than those stored.
        """
        sampling = _Sampling(self._task.name, self._search, self._pruner, history)
        if not 0 <= history.since <= len(stored):
            raise DivergedError("its history is not that of these trials")
        ends_later = set(history.steps)
        for trial in stored[: history.since]:
            if final_state(trial) is None or trial.number in ends_later:
                sampling.take(trial.params)
            else:
                sampling.add_ended(trial)
        self._sampling, self._history = sampling, replace(history, steps=())
        self._replay(history.steps, stored)
        self._dump()

    def catch_up(self, history: str | None, trials: Sequence[SearchTrial]) -> bool:
        """Do the steps that another host has done since; return False if it is another sampler."""
        known, new = self._history, SamplerHistory.load(history)
        if known is None or new is None or (known.seed, known.since) != (new.seed, new.since):
            return False
        count = len(known.steps)
        if new.steps[:count] != known.steps:
            return False
        try:
            self._replay(new.steps[count:], trials)
        except DivergedError:
            return False
        self._dump()
        return True

    def start_afresh(self, stored: Sequence[SearchTrial]) -> None:
        """Continue from the trials so far with a new sampler."""
        self.rebuild(SamplerHistory.new(self._search, len(stored)), stored)

    def _replay(self, steps: Sequence[int], stored: Sequence[SearchTrial]) -> None:
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
            elif not self._sampling.runs(step) or final_state(stored[step]) is None:
                raise DivergedError(f"trial {step} has not ended")
            else:
                self._sampling.end(stored[step])
            self._note(step)

    def _note(self, step: int) -> None:
        assert self._history is not None
        self._history = self._history.then(step)

    def ask(self, number: int) -> Params:
        """Return the values of the next trial.

        Raises:
            StudyChangedError: another program has added one meanwhile.
        """
        assert self._sampling is not None
        assert self._sampling.count == number
        params = self._sampling.ask()
        self._note(ASK)
        self._dump()
        self.file.add(SearchTrial(number, self._stage(number), params, "asked"))
        if not self._is_ours(self.file.trials()[-1], number):
            raise StudyChangedError("another program has added a trial to the study")
        return params

    def _stage(self, number: int) -> str:
        return f"{self._group}[trial={number}]"

    def _is_ours(self, trial: FrozenTrial, number: int) -> bool:
        return trial.number == number and trial.user_attrs.get("stage") == self._stage(number)

    def has_more(self) -> bool:
        """Return True if the file has a trial that the history has not.

        It was asked for just before a crash, or another program added it.
        """
        return self._sampling is not None and len(self.file.trials()) > self._sampling.count

    def take_over(self, trials: Sequence[SearchTrial]) -> tuple[int, Params]:
        """Return the first trial that the file has and the history has not; `trials` are stored.

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
                self._dump()
                return number, params
            self.start_afresh(trials)
        params = self._completed(trial)
        self._sampling.take(params)
        self._note(TAKE)
        self._dump()
        return number, params

    def _completed(self, trial: FrozenTrial) -> Params:
        """Return the values of the space that a trial has, random ones where it has none."""
        known = {
            name: trial.params[name]
            for name, one in self._space.items()
            if name in trial.params and study_file.around(one, trial.params[name]) == one
        }
        random = optuna.create_study(sampler=RandomSampler(seed=trial.number))
        random.enqueue_trial(known)
        params = random.ask(dict(self._space)).params
        return {name: params[name] for name in self._space}

    def tell(self, trial: SearchTrial) -> SearchTrial:
        """End a trial, unless it has ended; return it as the file has it."""
        value = trial.value if trial.state == "complete" else None
        final = self.file.end(trial.number, trial.state, value, trial.reason)
        ended = _as_in_file(final, trial)
        if self._sampling is not None:
            self._sampling.end(replace(ended, step=final.last_step))
            self._note(trial.number)
            self._dump()
        if self._pruning is not None:
            self._pruning.end(final)
        return ended

    def importance(self) -> dict[str, float]:
        """Return each parameter's share of the objective's variation, most important first."""
        return self.file.importance()

    def follow(self, numbers: Set[int]) -> None:
        """Begin new trials in the pruner's study, and end there those that another host ended."""
        assert self._pruning is not None
        self._pruning.begin_up_to(max(numbers, default=-1))
        gone, self._followed = self._followed - numbers, numbers
        for number in sorted(self._pruning.running & gone):
            self._pruning.end(self.file.trial(number))

    def reported(self, number: int) -> int | None:
        """Return the last step reported of a trial (-1: none); None if it has ended."""
        assert self._pruning is not None
        return self._pruning.last_step(number) if number in self._pruning.running else None

    def report(self, number: int, step: int, value: float, *, decide: bool) -> Pruned | None:
        """Take the value of a trial at a step; with `decide`, return why to stop it, or None."""
        assert self._pruning is not None
        self._pruning.report(number, step, value)
        self._values.append((number, step, value))
        if not decide and not self._has_rungs:
            return None
        prunes, rungs = self._pruning.prunes(number)
        self._rungs += [(number, key, at) for key, at in rungs.items()]
        return self._pruning.explain(number) if prunes and decide else None

    def flush(self) -> None:
        """Write the values and rungs reported to the study's file."""
        values, rungs = self._values, self._rungs
        self._values, self._rungs = [], []
        self.file.report(values, rungs)

    def close(self) -> None:
        """Close the study's file."""
        self.file.close()


def _as_in_file(final: FrozenTrial, trial: SearchTrial) -> SearchTrial:
    """Return how a trial counts: another program, or a turn before a crash, may have ended it."""
    state, value = final.state.name.lower(), final.value if final.values else None
    if state == "pruned":
        return replace(trial, state=state, value=value, step=final.last_step, reason=None)
    if (state, value) == (trial.state, trial.value):
        return trial
    reason = final.user_attrs.get("reason")
    return replace(trial, state=state, value=value, step=None, reason=reason)


class StudyChangedError(Exception):
    """Another program has added a trial while one was asked for."""
