"""Reads all trials of a study's file at once.

Optuna makes an object of each value at a step, which takes seconds for a hundred thousand of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache, partial
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages._rdb.models import TrialIntermediateValueModel as StepValue
from optuna.storages._rdb.models import TrialModel, TrialParamModel
from optuna.storages._rdb.models import TrialSystemAttributeModel as SystemAttribute
from optuna.storages._rdb.models import TrialUserAttributeModel as UserAttribute
from optuna.storages._rdb.models import TrialValueModel as Objective
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, select


def read(connection: Connection, study_id: int) -> list[FrozenTrial]:
    """Return the trials of a study in the order of their numbers, as Optuna does."""
    rows = partial(_rows, connection, study_id)
    objectives, values, params, distributions, noted, stored = (
        defaultdict[int, dict[Any, Any]](dict) for _ in range(6)
    )
    for trial, number, value, kind in rows(Objective, "objective", "value", "value_type"):
        objectives[trial][number] = Objective.stored_repr_to_value(value, kind)
    columns = ("step", "intermediate_value", "intermediate_value_type")
    for trial, step, value, kind in rows(StepValue, *columns):
        special = value is None  # NaN or infinite
        values[trial][step] = (
            StepValue.stored_repr_to_intermediate_value(None, kind) if special else value
        )
    columns = ("param_name", "param_value", "distribution_json")
    for trial, name, value, text in rows(TrialParamModel, *columns):
        distributions[trial][name] = _distribution(text)
        params[trial][name] = _distribution(text).to_external_repr(value)
    for found, model in ((noted, UserAttribute), (stored, SystemAttribute)):
        for trial, key, text in rows(model, "key", "value_json"):
            found[trial][key] = json.loads(text)
    trials = select(TrialModel.__table__).where(TrialModel.study_id == study_id)
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=[value for _, value in sorted(objectives[row.trial_id].items())] or None,
            datetime_start=row.datetime_start,
            datetime_complete=row.datetime_complete,
            params=params[row.trial_id],
            distributions=distributions[row.trial_id],
            user_attrs=noted[row.trial_id],
            system_attrs=stored[row.trial_id],
            intermediate_values=values[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in connection.execute(trials.order_by(TrialModel.trial_id))
    ]


def _rows(connection: Connection, study_id: int, model: Any, *columns: str) -> Any:
    table = model.__table__
    chosen = select(table.c.trial_id, *(table.c[name] for name in columns))
    of_study = chosen.join(TrialModel, TrialModel.trial_id == table.c.trial_id)
    of_study = of_study.where(TrialModel.study_id == study_id)
    return connection.execute(of_study.order_by(*table.primary_key.columns))


_distribution = cache(json_to_distribution)
