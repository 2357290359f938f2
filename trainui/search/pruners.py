"""Converts a search's `prune` to Optuna's pruner, and says why that pruner stopped a trial."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from trainui.domain.pruning_reason import PruningReason
from trainui.domain.search import Prune, Search

RUNG = "completed_rung_"
"""Prefix of the attributes in which Optuna stores a trial's value at each rung."""

_REDUCTION = {"HyperbandPruner": 3, "SuccessiveHalvingPruner": 4}
"""Optuna's defaults of `reduction_factor`."""


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
    return prune is not None and (prune.by in _REDUCTION or has_rungs(prune.wrapped))


def explain(
    study: optuna.Study, trial: FrozenTrial, search: Search, *, by_index: bool
) -> PruningReason:
    """Return why a trial is pruned; `by_index`: the steps are the numbers of the values."""
    assert search.prune is not None
    step = trial.last_step
    assert step is not None
    # as in a pipeline file: `SuccessiveHalvingPruner` as words
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", search.prune.by.removesuffix("Pruner"))
    plain = PruningReason(
        by=words.lower(),
        metric=search.metric,
        step=step,
        value=trial.intermediate_values[step],
        lower=study.direction == StudyDirection.MINIMIZE,
        by_index=by_index,
    )
    return _compared(plain, study, trial, search.prune)


def _compared(
    plain: PruningReason, study: optuna.Study, trial: FrozenTrial, prune: Prune
) -> PruningReason:
    """Return the decision with what its value was compared with."""
    if prune.by == "PatientPruner" and prune.wrapped is not None:
        return _compared(plain, study, trial, prune.wrapped)
    if math.isnan(plain.value):
        return plain
    match prune.by:
        case "MedianPruner" | "PercentilePruner":
            return _with_percentile(plain, study, trial, prune)
        case "PatientPruner":
            waited = int(prune.options["patience"]) + 1
            values = [value for _, value in sorted(trial.intermediate_values.items())][:-waited]
            limit = float(np.nanmin(values) if plain.lower else np.nanmax(values))
            rule = f"the best before its last {waited:,} values"
            return replace(plain, rule=rule, limit=limit)
        case "ThresholdPruner":
            lower, upper = prune.options.get("lower"), prune.options.get("upper")
            passed = upper if upper is not None and plain.value > upper else lower
            threshold = None if passed is None else float(passed)
            return replace(plain, rule="the threshold", limit=threshold)
        case "HyperbandPruner" | "SuccessiveHalvingPruner":
            return _with_rung(plain, study, trial, prune)
        case "WilcoxonPruner":
            best = study.best_trial.intermediate_values.get(plain.step)
            # it may be worse at most of its steps, and not at the last one
            if best is not None and (plain.value > best if plain.lower else plain.value < best):
                return replace(plain, rule="the best trial's", limit=best)
    return plain


def _with_percentile(
    plain: PruningReason, study: optuna.Study, trial: FrozenTrial, prune: Prune
) -> PruningReason:
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = [one.intermediate_values for one in completed]
    others = [values[plain.step] for values in known if plain.step in values]
    own = np.asarray(list(trial.intermediate_values.values()), dtype=float)
    best = float(np.nanmin(own) if plain.lower else np.nanmax(own))
    kept = float(prune.options.get("percentile", 50.0))
    limit = float(np.nanpercentile(others, kept if plain.lower else 100 - kept))
    rule = "the median" if kept == 50 else f"the {kept:g}th percentile"
    found = replace(plain, rule=rule, limit=limit, of=len(others))
    return replace(found, value=best, best=best != plain.value)


def _with_rung(
    plain: PruningReason, study: optuna.Study, trial: FrozenTrial, prune: Prune
) -> PruningReason:
    rungs = [int(key.removeprefix(RUNG)) for key in trial.system_attrs if key.startswith(RUNG)]
    if not rungs:
        return plain
    key = f"{RUNG}{max(rungs)}"
    others = [one for one in _rivals(study, trial) if key in one.system_attrs]
    values = sorted((one.system_attrs[key] for one in others), reverse=not plain.lower)
    factor = int(prune.options.get("reduction_factor", _REDUCTION[prune.by]))
    limit = float(values[max(len(values) // factor - 1, 0)])
    if limit == plain.value:  # too few trials have come to this rung
        return plain
    rule = f"rung {max(rungs) + 1}'s limit"
    return replace(plain, rule=rule, limit=limit, of=len(values))


def _rivals(study: optuna.Study, trial: FrozenTrial) -> Sequence[FrozenTrial]:
    """Return the trials with which a trial competes: those of its bracket, or all."""
    if isinstance(study.pruner, HyperbandPruner):
        bracket = study.pruner._get_bracket_id(study, trial)
        study = study.pruner._create_bracket_study(study, bracket)
    return study.get_trials(deepcopy=False)
