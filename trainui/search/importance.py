"""The importance of a search's parameters, by Optuna's PED-ANOVA, which needs NumPy only."""

from __future__ import annotations

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

LEAST = 5
"""Number of completed trials below which no importance is known."""

_GROWTH = 10
"""The importance is computed again once the completed trials have grown by one in so many."""


_COMPLETE = (TrialState.COMPLETE,)


def is_due(before: int, now: int) -> bool:
    """Return True if the importance is to be computed, again if it was.

    Both are numbers of completed trials; `before` is 0 if it was never computed.
    """
    return now >= LEAST and now - before >= max(1, before // _GROWTH)


def of_parameters(study: optuna.Study) -> dict[str, float]:
    """Return each parameter's share of the objective's variation, most important first.

    The shares add up to 1. Empty if Optuna cannot tell, e.g. if all trials have the same value.
    Source: Watanabe et al., "PED-ANOVA", IJCAI 2023.
    """
    if len({trial.value for trial in study.get_trials(deepcopy=False, states=_COMPLETE)}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            found = optuna.importance.get_param_importances(
                study, evaluator=PedAnovaImportanceEvaluator()
            )
        except (RuntimeError, ValueError):
            return {}
    return {name: round(float(share), 6) for name, share in found.items()}
