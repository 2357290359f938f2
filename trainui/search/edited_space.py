"""Converts the trials of a study to an edited space, so that later trials learn from them.

Optuna refuses a parameter whose choices, kind or scale differ from those of earlier trials.
"""

from __future__ import annotations

from numbers import Real

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import TrialModel, TrialParamModel
from sqlalchemy import Connection, Table, delete, select, update

from trainui.domain.search import Scalar
from trainui.search.samplers import Distributions

_TRIALS: Table = TrialModel.__table__
_PARAMS: Table = TrialParamModel.__table__


def convert(file: RDBStorage, study_name: str, space: Distributions) -> None:
    """Give the trials of a study the distributions of a space, in one transaction.

    A trial keeps its other values if the space cannot have one of them.
    """
    study = file.get_study_id_from_name(study_name)
    is_of_study = _PARAMS.c.trial_id.in_(
        select(_TRIALS.c.trial_id).where(_TRIALS.c.study_id == study)
    )
    written = _PARAMS.c.param_name, _PARAMS.c.distribution_json
    with file.engine.begin() as connection:
        for name, text in connection.execute(select(*written).where(is_of_study).distinct()).all():
            before = json_to_distribution(text)
            if name in space and not _is_compatible(before, space[name]):
                same = is_of_study & (written[0] == name) & (written[1] == text)
                rows = select(_PARAMS.c.param_id, _PARAMS.c.param_value).where(same)
                for row, value in connection.execute(rows).all():
                    _convert(connection, row, before.to_external_repr(value), space[name])


def _convert(connection: Connection, row: int, value: Scalar, space: BaseDistribution) -> None:
    after, is_row = around(space, value), _PARAMS.c.param_id == row
    if after is None:
        connection.execute(delete(_PARAMS).where(is_row))
        return
    stored = {
        "param_value": after.to_internal_repr(value),
        "distribution_json": distribution_to_json(after),
    }
    connection.execute(update(_PARAMS).where(is_row).values(stored))


def _is_compatible(before: BaseDistribution, after: BaseDistribution) -> bool:
    try:
        check_distribution_compatibility(before, after)
    except ValueError:
        return False
    return True


def around(one: BaseDistribution, value: Scalar) -> BaseDistribution | None:
    """Return a distribution that contains a value from before an edit; None if none can."""
    if isinstance(one, CategoricalDistribution):
        return one if value in one.choices else None
    assert isinstance(one, IntDistribution | FloatDistribution)
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    is_fraction = isinstance(one, IntDistribution) and not number.is_integer()
    if is_fraction or (one.log and number <= 0):
        return None
    if one._contains(number):
        return one
    kind = int if isinstance(one, IntDistribution) else float
    ends = {"low": kind(min(one.low, number)), "high": kind(max(one.high, number))}
    return type(one)(**ends, log=one.log)
