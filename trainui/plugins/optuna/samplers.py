"""Converts a search to Optuna's sampler and distributions, also after an edit of its space."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.samplers import BaseSampler

from trainui.model.search import Choices, Range, Scalar, Search

Distributions = Mapping[str, BaseDistribution]
"""Parameter -> distribution, in the file's order."""


def distributions(search: Search) -> Distributions:
    """Return the distributions of a search's space."""
    return {name: _distribution(values) for name, values in search.space.items()}


def _distribution(values: Range | Choices) -> BaseDistribution:
    if isinstance(values, Choices):
        return CategoricalDistribution(values.values)
    if values.whole:
        step = 1 if values.step is None else int(values.step)
        return IntDistribution(int(values.low), int(values.high), log=values.log, step=step)
    return FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def fresh(search: Search, seed: int) -> BaseSampler:
    """Return a new sampler."""
    options = dict(search.sampler_options)
    if search.sampler == "GridSampler":
        options["search_space"] = {name: list(one.grid()) for name, one in search.space.items()}
    kind: Any = getattr(optuna.samplers, search.sampler or "TPESampler")
    return kind(**options, seed=seed)  # type: ignore[no-any-return]


def is_compatible(before: BaseDistribution, after: BaseDistribution) -> bool:
    """Return True if trials of both can be in one study."""
    try:
        check_distribution_compatibility(before, after)
    except ValueError:
        return False
    return True


def fitted(
    space: Distributions, params: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], dict[str, BaseDistribution]]:
    """Return the values that a space can have, and distributions of its kinds that contain them.

    Values from before an edit may be outside its ranges; choices that were removed are left out.
    """
    known = {name: around(space[name], value) for name, value in params.items() if name in space}
    fitting = {name: one for name, one in known.items() if one is not None}
    return {name: params[name] for name in fitting}, fitting


def around(space: BaseDistribution, value: Scalar) -> BaseDistribution | None:
    """Return a distribution that contains a value from before an edit; None if none can."""
    if isinstance(space, CategoricalDistribution):
        return space if value in space.choices else None
    assert isinstance(space, IntDistribution | FloatDistribution)
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    is_fraction = isinstance(space, IntDistribution) and not number.is_integer()
    if is_fraction or (space.log and number <= 0):
        return None
    if _contains(space, number):
        return space
    kind = int if isinstance(space, IntDistribution) else float
    ends = {"low": kind(min(space.low, number)), "high": kind(max(space.high, number))}
    return type(space)(**ends, log=space.log)


def _contains(space: IntDistribution | FloatDistribution, number: float) -> bool:
    if space.step is None:
        return space.low <= number <= space.high
    steps = (number - space.low) / space.step
    return space.low <= number <= space.high and abs(steps - round(steps)) < 1e-8
