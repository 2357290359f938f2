"""Reads all trials of a study's file at once.

Optuna makes an object of each value at a step, which takes seconds for a hundred thousand of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages._rdb.models import TrialIntermediateValueModel as StepValue
from optuna.storages._rdb.models import TrialModel, TrialParamModel
from optuna.storages._rdb.models import TrialSystemAttributeModel as SystemAttribute
from optuna.storages._rdb.models import TrialUserAttributeModel as UserAttribute
from optuna.storages._rdb.models import TrialValueModel as Objective
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, select


def read(connection: Connection, study_id: int) -> list[FrozenTrial]:
    """Return the trials of a study in the order of their numbers, as Optuna does."""
    by_trial = partial(_by_trial, connection, study_id)
    objectives = by_trial(Objective, _objective, "objective", "value", "value_type")
    params = by_trial(TrialParamModel, _param, "param_name", "param_value", "distribution_json")
    noted = by_trial(UserAttribute, _attribute, "key", "value_json")
    stored = by_trial(SystemAttribute, _attribute, "key", "value_json")
    steps = _step_values(connection, study_id)
    trials = select(TrialModel.__table__).where(TrialModel.study_id == study_id)
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=[value for _, value in sorted(objectives[row.trial_id])] or None,
            datetime_start=row.datetime_start,
            datetime_complete=row.datetime_complete,
            params={name: value for name, value, _ in params[row.trial_id]},
            distributions={name: one for name, _, one in params[row.trial_id]},
            user_attrs=dict(noted[row.trial_id]),
            system_attrs=dict(stored[row.trial_id]),
            intermediate_values=steps[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in connection.execute(trials.order_by(TrialModel.trial_id))
    ]


def _rows(connection: Connection, study_id: int, model: Any, columns: tuple[str, ...]) -> Any:
    table = model.__table__
    chosen = select(table.c.trial_id, *(table.c[name] for name in columns))
    of_study = chosen.join(TrialModel, TrialModel.trial_id == table.c.trial_id)
    of_study = of_study.where(TrialModel.study_id == study_id)
    return connection.execute(of_study.order_by(*table.primary_key.columns))


def _by_trial(
    connection: Connection,
    study_id: int,
    model: Any,
    make: Callable[..., Any],
    *columns: str,
) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for trial, *values in _rows(connection, study_id, model, columns):
        found[trial].append(make(*values))
    return found


def _step_values(connection: Connection, study_id: int) -> dict[int, dict[int, float]]:
    """Return each trial's values by their steps."""
    found: dict[int, dict[int, float]] = defaultdict(dict)
    columns = ("step", "intermediate_value", "intermediate_value_type")
    for trial, step, value, kind in _rows(connection, study_id, StepValue, columns):
        if value is None:
            value = StepValue.stored_repr_to_intermediate_value(None, kind)
        found[trial][step] = value
    return found


def _objective(objective: int, value: float | None, kind: Any) -> tuple[int, float]:
    return objective, Objective.stored_repr_to_value(value, kind)


def _param(name: str, value: float, text: str) -> tuple[str, Any, BaseDistribution]:
    one = _distribution(text)
    return name, one.to_external_repr(value), one


_distribution = cache(json_to_distribution)


def _attribute(key: str, text: str) -> tuple[str, Any]:
    return key, json.loads(text)
