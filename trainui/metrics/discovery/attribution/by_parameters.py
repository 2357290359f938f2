"""Attributes what several attempts wrote at once by its configuration.

Members of a sweep differ in parameters, and trackers record them: the run with `lr: 0.3` is that
of the only attempt with this value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from trainui.domain.definition import StageDefinition

Parameters = Mapping[str, Any]

Key = TypeVar("Key")


def of_stage(definition: StageDefinition | None) -> dict[str, str]:
    """Return the parameters of a stage, as text; none if its definition is not known."""
    if definition is None:
        return {}
    given = {**definition.params, **definition.member_values}
    return {name: str(one) for name, one in given.items() if isinstance(one, str | int | float)}


def divide(
    recorded: Mapping[Key, Parameters], own: Parameters, others: Iterable[Parameters]
) -> Key | None:
    """Return which configuration, of all that some attempts recorded, is that of one of them.

    None if that is not certain. It is certain if each configuration fits exactly one attempt, and
    exactly one of several configurations fits this one: a single configuration may be a default
    that no attempt changes. Only parameters that all attempts and configurations have count.
    """
    attempts = [own, *others]
    names = set[str](own).intersection(*attempts, *recorded.values())
    values = [[_number(one[name]) for name in names] for one in attempts]
    found = {key: [_number(one[name]) for name in names] for key, one in recorded.items()}
    fitting = {
        key: [at for at, one in enumerate(values) if one == its] for key, its in found.items()
    }
    if not names or any(len(fits) != 1 for fits in fitting.values()):
        return None
    mine = [key for key, fits in fitting.items() if fits == [0]]
    return mine[0] if len(mine) == 1 < len(fitting) else None


def _number(value: object) -> object:
    """Return a value by which `1e-3` is `0.001`."""
    try:
        return float(str(value))
    except ValueError:
        return str(value).lower()
