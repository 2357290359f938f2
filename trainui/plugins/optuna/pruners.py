"""Asks Optuna's pruner, which a search's `prune` names, and says why it stopped a trial."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from trainui.model.search import Prune, Search
from trainui.plugin import Pruned

RUNG = "completed_rung_"
"""Prefix of the attributes in which Optuna stores a trial's value at each rung."""

_RUNGS = ("HyperbandPruner", "SuccessiveHalvingPruner")
"""The pruners that note the values of trials at rungs."""


def make(prune: Prune) -> BasePruner:
    """Return a new pruner."""
    kind: Any = getattr(optuna.pruners, prune.by)
    wrapped = [None if prune.wrapped is None else make(prune.wrapped)]
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
        return explain(self._study, self._trial(number), self._search)


def _rungs(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that pruners note; a sampler's state may be a pickle."""
    return {
        key: float(value)
        for key, value in attributes.items()
        if key.startswith(RUNG) and isinstance(value, int | float)
    }


def explain(study: optuna.Study, trial: FrozenTrial, search: Search) -> Pruned:
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
