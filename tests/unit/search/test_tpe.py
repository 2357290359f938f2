"""The TPE sampler that keeps values samples what Optuna's samples."""

from __future__ import annotations

import pickle
from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from trainui.search.tpe import KeepingTPESampler

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def asked(sampler: TPESampler) -> list[dict[str, object]]:
    """Ask with two trials running at once, of which some fail; the space grows meanwhile."""
    study, running, asked = optuna.create_study(sampler=sampler), list[optuna.Trial](), []
    for number in range(40):
        trial = study.ask()
        loss = trial.suggest_float("lr", 1e-5, 1.0, log=True) * trial.suggest_int("n", 1, 9)
        loss += trial.suggest_categorical("act", ["relu", "gelu"]) == "relu"
        if number > 20:
            loss += trial.suggest_float("late", 0.0, 1.0)
        asked.append(dict(trial.params))
        trial.report(loss, 0)
        running.append(trial)
        if len(running) > 2:
            ended = running.pop(0)
            failed = ended.number % 7 == 3
            value = None if failed else study.trials[ended.number].intermediate_values[0]
            study.tell(ended, value, TrialState.FAIL if failed else None)
    return asked


@pytest.mark.parametrize("options", [{}, {"constant_liar": True}, {"multivariate": True}])
def test_it_samples_what_optunas_samples(options: dict[str, bool]) -> None:
    known: dict[str, Any] = {"seed": 1, "n_startup_trials": 5, **options}
    assert asked(KeepingTPESampler(**known)) == asked(TPESampler(**known))


def test_its_stored_state_does_not_grow_with_the_trials() -> None:
    sampler = KeepingTPESampler(seed=1, n_startup_trials=5, multivariate=False)
    before = len(pickle.dumps(sampler))
    asked(sampler)
    assert len(sampler._kept) == 4
    assert len(pickle.dumps(sampler)) < before + 100
