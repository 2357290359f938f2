"""A search's Optuna study: each step of its ask-and-tell may be repeated after a crash.

With the same seed and the same values reported, the trials are those of a plain loop of
`study.ask` and `study.tell`. A sampler's random numbers are state that Optuna does not store: the
caller stores `state` with each trial, and gives it back to `open_study`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from trainui import paths
from trainui.domain.search import Scalar, Search
from trainui.search import edited_space, samplers, storage
from trainui.search.edited_space import around
from trainui.search.storage import StudyStorage
from trainui.store.read.trials import ASKED, TrialRecord

optuna.logging.set_verbosity(optuna.logging.ERROR)
optuna.logging.disable_default_handler()
optuna.logging.enable_propagation()

_FINAL = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "fail": TrialState.FAIL,
}
"""The final states, as the store names them."""

_COMPLETE = (TrialState.COMPLETE,)


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial of a study, with all values chosen."""

    number: int
    params: Mapping[str, Scalar]


def file_of(run_directory: str, group: str) -> Path:
    """Return the study's file: `train.study.db` in the run's directory."""
    return Path(run_directory, f"{paths.stage_directory_names([group])[group]}.study.db")


class SearchStudy:
    """The study of one search."""

    def __init__(self, study: optuna.Study, storage: StudyStorage, search: Search) -> None:
        self.study = study
        self.storage = storage
        self._distributions = samplers.distributions(search)

    @property
    def state(self) -> bytes | None:
        """Return the sampler's state, to be stored with what was asked and ended last."""
        return samplers.dump(self.study.sampler)

    @property
    def count(self) -> int:
        """Return the number of trials, whatever their state."""
        return len(self.study.get_trials(deepcopy=False))

    def ask(self) -> AskedTrial:
        """Return a new trial."""
        with self.storage.new_trial():
            trial = self.study.ask(dict(self._distributions))
        return AskedTrial(trial.number, trial.params)

    def again(self, number: int) -> AskedTrial:
        """Return a trial asked before its number was stored, as if it were asked now.

        Values that are stored in the study stay; they are sampled again all the same, so that the
        random numbers of later trials are those of an uninterrupted search. A trial that another
        program added with its outcome gets values where it has none, and runs, but its outcome
        stays.
        """
        frozen = self.trial(number)
        if frozen.state.is_finished():
            return AskedTrial(number, self._completed(frozen))
        if frozen.state == TrialState.WAITING:  # enqueued by another program
            return self.ask()
        trial, known = Trial(self.study, frozen._trial_id), dict(frozen.params)
        for name, distribution in self._distributions.items():
            if name not in known:
                trial._suggest(name, distribution)
            elif not distribution.single() and name not in trial.relative_params:
                self.study.sampler.sample_independent(self.study, frozen, name, distribution)
        return AskedTrial(number, {name: trial.params[name] for name in self._distributions})

    def _completed(self, frozen: FrozenTrial) -> dict[str, Scalar]:
        """Return the values of the space that a trial has, sampled where it has none."""
        sample = self.study.sampler.sample_independent
        return {
            name: frozen.params[name]
            if name in frozen.params
            else sample(self.study, frozen, name, distribution)
            for name, distribution in self._distributions.items()
        }

    def tell(self, number: int, state: str, value: float | None, reason: str | None) -> FrozenTrial:
        """End a trial, unless it has ended; return it as the study has it."""
        if reason is not None and not (trial := self.trial(number)).state.is_finished():
            self.storage.set_trial_user_attr(trial._trial_id, "reason", reason)
        try:
            return self.study.tell(number, value, _FINAL[state], skip_if_finished=True)
        except RuntimeError:  # a sampler that has tried everything stops Optuna's own loop
            if not (final := self.trial(number)).state.is_finished():
                raise
            return final

    def restore(self, stored: Iterable[TrialRecord]) -> None:
        """Add what the store has of some trials and the study lost, as after a power failure."""
        known = self.study.get_trials(deepcopy=False)
        for one in stored:
            params = one.stage.definition.trial_params
            if one.number >= len(known):
                self.study.add_trial(self._restored(one, params or {}))
            elif one.state != ASKED and not known[one.number].state.is_finished():
                value = one.value if one.state == "complete" else None
                self.tell(one.number, one.state, value, one.reason)

    def _restored(self, one: TrialRecord, params: Mapping[str, Scalar]) -> FrozenTrial:
        known = {
            name: around(self._distributions[name], value)
            for name, value in params.items()
            if name in self._distributions
        }
        distributions = {name: found for name, found in known.items() if found is not None}
        return create_trial(
            state=_FINAL.get(one.state, TrialState.RUNNING),
            params={name: params[name] for name in distributions},
            distributions=distributions,
            value=None if one.state == "fail" else one.value,
            user_attrs={} if one.reason is None else {"reason": one.reason},
        )

    def trial(self, number: int) -> FrozenTrial:
        """Return a trial as the study has it."""
        return self.storage.get_trial(number)

    def fill(self, trials: Sequence[TrialRecord]) -> None:
        """Add the members of a pruned matrix, in their numbers' order, with fixed values."""
        known = self.study.get_trials(deepcopy=False)
        choices: dict[str, dict[str, None]] = {}
        for one in trials:
            for name, value in (one.stage.definition.matrix or {}).items():
                choices.setdefault(name, {})[value] = None
        space: dict[str, Any] = {
            name: CategoricalDistribution(tuple(values)) for name, values in choices.items()
        }
        for frozen in known:
            space |= frozen.distributions
        for one in trials[len(known) :]:
            # Optuna's choices cannot change: a value that an edit has added is in the name only
            values = (one.stage.definition.matrix or {}).items()
            params = {name: value for name, value in values if value in space[name].choices}
            self.study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=params,
                    distributions={name: space[name] for name in params},
                    user_attrs={"stage": one.stage.name},
                )
            )

    def importance(self) -> dict[str, float]:
        """Return each parameter's share of the objective's variation, most important first.

        The shares add up to 1. Empty if Optuna cannot compute them, e.g. if all values are equal.
        Source: Watanabe et al., "PED-ANOVA", IJCAI 2023 (of Optuna's, it needs NumPy only).
        """
        completed = self.study.get_trials(deepcopy=False, states=_COMPLETE)
        if len({trial.value for trial in completed}) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            try:
                found = optuna.importance.get_param_importances(
                    self.study, evaluator=PedAnovaImportanceEvaluator()
                )
            except (RuntimeError, ValueError):
                return {}
        return {name: round(float(share), 6) for name, share in found.items()}


def open_study(
    run_id: str,
    run_directory: str,
    group: str,
    search: Search,
    *,
    state: bytes | None = None,
    asked: int = 0,
    pruner: BasePruner | None = None,
    is_shared: bool = False,
) -> SearchStudy:
    """Open the study of a search; create it if it does not exist.

    Without a stored `state`, the sampler is new; `asked` is the number of trials stored.
    `is_shared`: another host may open the study, so that it needs locks of the file system.
    """
    file = storage.open_file(file_of(run_directory, group), is_shared=is_shared)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some samplers; names of metrics
        stored = optuna.create_study(
            storage=file,
            study_name=f"{run_id}/{group}",
            direction=search.goal,
            load_if_exists=True,
        )
        if stored.metric_names is None:
            stored.set_metric_names([search.metric])  # for the axes of dashboards
        edited_space.convert(file, stored.study_name, samplers.distributions(search))
        copied = StudyStorage(stored, file)
        study = optuna.Study(
            stored.study_name,
            copied,
            samplers.load(state) or samplers.fresh(search, after=asked),
            pruner or optuna.pruners.NopPruner(),
        )
    return SearchStudy(study, copied, search)
