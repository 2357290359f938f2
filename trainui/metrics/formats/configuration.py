"""Rows that are a training's settings and no metrics, as many a log has them before its metrics.

The rule that lives here: such a row has no step, holds a batch size or is called a configuration,
and every number in it is a usual setting. One number that is none makes it a row of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from trainui.metrics.formats.rows import flatten
from trainui.metrics.formats.table import number_column, step_fields

_SURE = re.compile(
    r"config(?:uration)?|cfg|args|h(?:yper)?_?param(?:eter)?s|(?:\w+_)?batch_?size", re.IGNORECASE
)
"""What tells that a row may be one: its name, or a setting that no training measures."""

_SETTING = re.compile(
    r"(?:\w+_)?(?:seed|lr|learning_rate|epochs|steps|iters|iterations|size|dim|layers?|heads?|"
    r"workers|decay)|momentum|dropout|hidden|width|depth|alpha|beta[12]|gamma|eps(?:ilon)?|"
    r"warmup|rank|device",
    re.IGNORECASE,
)


def tells(name: str) -> bool:
    """Tell whether a row that has a field of this name may be one."""
    return _SURE.fullmatch(name) is not None


def is_configuration(row: Mapping[str, Any], step: str | None) -> bool:
    """Tell whether a row is one.

    Args:
        row: as it was read.
        step: the field that the source's definition names as the step.
    """
    if len(row) < 2 and not any(isinstance(value, dict) for value in row.values()):
        return False
    return _may_be(tuple(row), step) and all(
        _is_setting(name) or number_column([value]) is None for name, value in flatten(row).items()
    )


@lru_cache(maxsize=256)
def _may_be(names: tuple[str, ...], step: str | None) -> bool:
    return any(map(tells, names)) and not step_fields(names, step)


def _is_setting(name: str) -> bool:
    *above, own = name.split("/")
    return any(map(tells, (*above, own))) or _SETTING.fullmatch(own) is not None
