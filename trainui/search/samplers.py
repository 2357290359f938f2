"""Converts a search's definition to Optuna's sampler and distributions."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler

from trainui.domain.search import Choices, Range, Search
from trainui.search.tpe import KeepingTPESampler
from trainui.store.read import row_mapping

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


def fresh(search: Search, *, after: int = 0) -> BaseSampler:
    """Return a new sampler.

    If the state of the sampler that was asked for `after` trials is lost, the seed is another one,
    since the same seed would repeat the values of the first trials.
    """
    options = dict(search.sampler_options)
    if search.sampler == "GridSampler":
        options["search_space"] = {name: list(one.grid()) for name, one in search.space.items()}
    seed = search.seed
    if seed is not None and after and search.sampler != "GridSampler":
        seed = (seed + 7919 * after) % 2**32
    named = getattr(optuna.samplers, search.sampler)
    make: Any = KeepingTPESampler if named is optuna.samplers.TPESampler else named
    seeded = {} if seed is None else {"seed": seed}
    return make(**options, **seeded)  # type: ignore[no-any-return]


def key(search: Search) -> str:
    """Return the text of a sampler's kind and options: another one cannot use its state.

    Its state has the choices of parameters; of a grid also their ranges.
    """
    chosen = {name: getattr(search, name) for name in ("sampler", "sampler_options", "seed")}
    is_grid = search.sampler == "GridSampler"
    space = {
        name: asdict(one)
        for name, one in search.space.items()
        if is_grid or isinstance(one, Choices)
    }
    return row_mapping.dump({**chosen, "space": space})


def dump(sampler: BaseSampler) -> bytes | None:
    """Return a sampler's state, including that of its random numbers; None if it has none."""
    try:
        return pickle.dumps(sampler)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None


def load(state: bytes | None) -> BaseSampler | None:
    """Return the sampler with this state; None if this version of Optuna cannot read it."""
    if state is None:
        return None
    try:
        found = pickle.loads(state)
    except Exception:  # whatever unpickling another version's objects raises
        return None
    return found if isinstance(found, BaseSampler) else None
