"""Sweeps: the members of a stage's matrix, their full names, and matching members of two stages.

Members match if the keys that both matrices have are equal, compared as text. Those that repeat one
experiment, e.g. with other seeds, are folded into one result.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from trainui import formatting
from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import is_clock, lower_is_better
from trainui.model.records import SeriesSummary, StageRecord
from trainui.model.states import ENDED, Status
from trainui.record import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = Mapping[str, str]
"""The matrix values of one member: key -> value."""

TRIAL = "trial"
"""The key of a trial's number, as in `train[trial=3]`."""

SEED = "seed"
"""The key that `seeds: N` stands for."""

_Index = Mapping[tuple[str, ...], tuple[str, ...]]


_ALONE: tuple[Values | None, ...] = (None,)
"""The members of a stage without a matrix."""


@dataclass(frozen=True, slots=True)
class MatrixMembers:
    """A stage of the file and its members."""

    name: str
    """The stage's name in the file."""
    members: tuple[Values | None, ...] = _ALONE
    """In order; a single None without a matrix."""
    has_trials: bool = False
    """True: they are the trials of a search, which match nothing by their numbers."""

    @property
    def keys(self) -> frozenset[str]:
        """The matrix's keys."""
        return frozenset(self.members[0] or ()) if self.members else frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The members' full names."""
        return tuple(member_name(self.name, values) for values in self.members)


def size(matrix: Mapping[str, Sequence[str]]) -> int:
    """Return the number of members of a matrix."""
    return math.prod(len(values) for values in matrix.values())


def expand(matrix: Mapping[str, Sequence[str]] | None) -> tuple[Values | None, ...]:
    """Return the values of each member, the last key varying fastest; `(None,)` if no matrix."""
    if not matrix:
        return _ALONE
    products = itertools.product(*matrix.values())
    return tuple(dict(zip(matrix, values, strict=True)) for values in products)


def member_name(group: str, values: Values | None) -> str:
    """Return a member's full name, e.g. `train[lr=0.3,seed=1]`."""
    if values is None:
        return group
    return f"{group}[{','.join(f'{key}={value}' for key, value in values.items())}]"


def groups_of(stages: Iterable[StageDefinition]) -> list[MatrixMembers]:
    """Return the groups of expanded stages, in order."""
    groups: dict[str, list[StageDefinition]] = defaultdict(list)
    for stage in stages:
        groups[stage.group or stage.name].append(stage)
    return [
        MatrixMembers(name, tuple(one.matrix for one in members), members[0].trial is not None)
        for name, members in groups.items()
    ]


class Pairing:
    """Resolves a stage name from the point of view of a sweep member."""

    def __init__(self, groups: Iterable[MatrixMembers]) -> None:
        self._groups: dict[str, MatrixMembers] = {}
        for group in groups:
            self._groups.setdefault(group.name, group)
        self._members: dict[str, str] | None = None
        self._indices: dict[tuple[str, frozenset[str]], _Index] = {}

    def group_of(self, name: str) -> str | None:
        """Return the group of a group's or member's name; None: unknown."""
        if name in self._groups:
            return name
        return self._all_members().get(name)

    def resolve(self, name: str, values: Values | None) -> tuple[str, ...]:
        """Return the full names that `name` refers to in a stage with these matrix values.

        It is a group, or one member by its full name.

        Raises:
            KeyError: there is no such stage.
        """
        group = self._groups.get(name)
        if group is None:
            self._all_members()[name]
            return (name,)
        if group.members == _ALONE:
            return (name,)
        shared = group.keys.intersection(values or ()) - ({TRIAL} if group.has_trials else set())
        wanted = tuple((values or {})[key] for key in sorted(shared))
        return self._index(group, shared).get(wanted, ())

    def _index(self, group: MatrixMembers, shared: frozenset[str]) -> _Index:
        index = self._indices.get((group.name, shared))
        if index is None:
            lists: dict[tuple[str, ...], list[str]] = defaultdict(list)
            keys = sorted(shared)
            for values, name in zip(group.members, group.names, strict=True):
                lists[tuple((values or {})[key] for key in keys)].append(name)
            index = {wanted: tuple(names) for wanted, names in lists.items()}
            self._indices[group.name, shared] = index
        return index

    def _all_members(self) -> dict[str, str]:
        if self._members is None:
            self._members = {
                member: group.name
                for group in self._groups.values()
                if group.keys
                for member in group.names
            }
        return self._members


_REPEATS = re.compile(r"(^|[_./-])(random_?)?(seed|fold|repeat|replicate|rep)s?$", re.IGNORECASE)
"""Names of parameters that repeat the same experiment; curves are folded over them by default."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation of the finite values of each column."""

    means: NDArray[np.float64]
    """NaN where a column has no value."""
    deviations: NDArray[np.float64]
    """Those of a sample (divided by n - 1); NaN below two values."""
    counts: NDArray[np.int_]
    """Number of finite values."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over the members of a fold: of those that have completed, each one's best value."""

    mean: float | None
    """None: no member has completed with a finite value."""
    deviation: float | None
    """Standard deviation of the sample; None: fewer than two values."""
    count: int
    """Number of values."""
    members: int
    """Number of members."""
    is_final: bool
    """True if all members have ended."""

    @property
    def words(self) -> str:
        """How many members it covers, e.g. `3 of 5 so far`."""
        return f"{self.count} of {self.members}{'' if self.is_final else ' so far'}"


@dataclass(frozen=True, slots=True)
class Fold:
    """Members that differ only in the parameter that they are folded over."""

    name: str
    """Their name without this parameter, e.g. `train[lr=0.3]`."""
    over: str
    """The parameter."""
    params: Mapping[str, str]
    """The values that they have in common."""
    members: tuple[StageRecord, ...]

    def spread(self, values: Mapping[str, float]) -> Spread:
        """Return a metric over the members; `values` has one for each stage id that has any."""
        done = [one for one in self.members if one.status == Status.COMPLETED and one.id in values]
        found = moments([[values[one.id]] for one in done])
        count = int(found.counts[0]) if done else 0
        return Spread(
            mean=float(found.means[0]) if count else None,
            deviation=float(found.deviations[0]) if count > 1 else None,
            count=count,
            members=len(self.members),
            is_final=all(one.status in ENDED for one in self.members),
        )


@dataclass(frozen=True, slots=True)
class FoldedMetric:
    """A metric of a fold."""

    fold: Fold
    metric: str
    spread: Spread
    of: str
    """Which value of each member is averaged: `best` or `last`."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table: stage, parameter, metric, `of`, mean, deviation, members."""
        spread = self.spread
        mean, deviation = formatting.number(spread.mean), formatting.number(spread.deviation)
        return self.fold.name, self.fold.over, self.metric, self.of, mean, deviation, spread.words


def is_repeat(name: str) -> bool:
    """Return True if a parameter's name says that it repeats the same experiment: `seed`."""
    return _REPEATS.search(name) is not None


def is_seed(name: str) -> bool:
    """Return True if a parameter's values can be any numbers: a seed, and no fold of the data."""
    return is_repeat(name) and "fold" not in name.lower()


def configuration_of(stage: StageDefinition) -> str:
    """Return a stage's name without its seed: what it shares with those that repeat it."""
    params = {
        key: value
        for key, value in (stage.matrix or {}).items()
        if key != stage.over and (stage.over is not None or not is_repeat(key))
    }
    return member_name(stage.group or stage.name, params or None)


def folds(stages: Iterable[StageRecord]) -> list[Fold]:
    """Return the folds of all stages with `over`, in the file's order."""
    found: dict[tuple[str, str], list[StageRecord]] = {}
    for stage in stages:
        over = stage.definition.over
        if over in (stage.definition.matrix or {}) and not stage.removed:
            assert over is not None
            found.setdefault((name_of(stage.definition), over), []).append(stage)
    return [
        Fold(name, over, _without(members[0], over), tuple(members))
        for (name, over), members in found.items()
    ]


def name_of(member: StageDefinition) -> str:
    """Return a member's name without the parameter that it is folded over: `train[trial=3]`."""
    params = {key: value for key, value in (member.matrix or {}).items() if key != member.over}
    return member_name(member.group or member.name, params or None)


def _without(stage: StageRecord, over: str) -> dict[str, str]:
    return {key: value for key, value in stage.definition.member_values.items() if key != over}


def value_of(series: SeriesSummary, *, lower: bool | None) -> float | None:
    """Return the value of a series that stands for its stage: the best, else the last one.

    Args:
        series: the stage's metric.
        lower: True if lower is better; None: unknown.
    """
    return series.last if lower is None else series.min if lower else series.max


def spreads(found: Sequence[Fold], series: Iterable[SeriesSummary]) -> list[FoldedMetric]:
    """Return each fold's metrics, those of which a member has a value, in the series' order."""
    stages = {one.name: (fold, one) for fold in found for one in fold.members}
    values: dict[tuple[str, str], dict[str, float]] = {}
    averaged: dict[tuple[str, str], str] = {}
    for one in series:
        if one.stage in stages and not is_clock(one.name):
            fold, stage = stages[one.stage]
            lower = lower_is_better(one.name, stage.definition.objective)
            value = value_of(one, lower=lower)
            of_fold = values.setdefault((fold.name, one.name), {})
            averaged[fold.name, one.name] = "last" if lower is None else "best"
            if value is not None:
                of_fold[stage.id] = value
    by_name = {fold.name: fold for fold in found}
    return [
        FoldedMetric(by_name[name], metric, by_name[name].spread(by_id), averaged[name, metric])
        for (name, metric), by_id in values.items()
    ]


def mean(values: Sequence[float]) -> float:
    """Return the mean, also of numbers whose sum is too large for a float."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def moments(rows: Sequence[Sequence[float]]) -> Moments:
    """Return the moments of each column over the rows, without values that are not finite."""
    import numpy as np

    values = np.array(rows, dtype=np.float64)
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    empty = np.full(counts.shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # of huge numbers they are infinite
        total = np.where(finite, values, 0.0).sum(axis=0)
        means = np.divide(total, counts, out=empty.copy(), where=counts > 0)
        squares = (np.where(finite, values - means, 0.0) ** 2).sum(axis=0)
        variances = np.divide(squares, counts - 1, out=empty.copy(), where=counts > 1)
    return Moments(means, np.sqrt(variances), counts)
