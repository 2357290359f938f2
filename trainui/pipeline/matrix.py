"""Sweeps: the members of a stage's matrix, their full names, and matching members of two stages.

Members match if the keys that both matrices have are equal, compared as text.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainui.model.definition import StageDefinition

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
