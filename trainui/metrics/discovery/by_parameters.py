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


def of_stage(definition: StageDefinition) -> dict[str, str]:
    """Return the parameters of a stage, as text."""
    plain = {name: value for name, value in definition.params.items() if _is_plain(value)}
    return {name: str(value) for name, value in {**plain, **definition.member_values}.items()}


def divide(
    recorded: Mapping[Key, Parameters], own: Parameters, others: Iterable[Parameters]
) -> Key | None:
    """Return which of some configurations is that of an attempt; None if that is not certain.

    It is if each fits one attempt only, and this one a single one of them, and another attempt
    another one: else they may be a default that no attempt changes.

    Args:
        recorded: configurations that these attempts, and no others, recorded.
        own: the attempt's parameters.
        others: those of the other attempts. Only parameters count that all of them have.
    """
    attempts = [own, *others]
    names = set[str](own).intersection(*attempts, *recorded.values())
    fitting = {
        key: [index for index, one in enumerate(attempts) if _do_fit(one, config, names)]
        for key, config in recorded.items()
    }
    if not names or any(len(fits) != 1 for fits in fitting.values()):
        return None
    mine = [key for key, fits in fitting.items() if fits == [0]]
    return mine[0] if len(mine) == 1 < len(fitting) else None


def _do_fit(attempt: Parameters, recorded: Parameters, names: Iterable[str]) -> bool:
    return all(_number(attempt[name]) == _number(recorded[name]) for name in names)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _number(value: object) -> object:
    """Return a value by which `1e-3` is `0.001`."""
    try:
        return float(str(value))
    except ValueError:
        return str(value).lower()
