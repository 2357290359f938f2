"""Rows that are a training's settings and not metrics; many logs begin with one.

The rule: such a row has no step, has a batch size or is called a configuration, and every number
in it is a known setting. One number that is not a setting makes it a row of metrics.
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
"""Signs of a settings row: its name, or a setting that no training measures."""

_SETTING = re.compile(
    r"(?:\w+_)?(?:seed|lr|learning_rate|epochs|steps|iters|iterations|size|dim|layers?|heads?|"
    r"workers|decay)|momentum|dropout|hidden|width|depth|alpha|beta[12]|gamma|eps(?:ilon)?|"
    r"warmup|rank|device",
    re.IGNORECASE,
)


def names_settings(name: str) -> bool:
    """Return True if a row with a field of this name may be settings."""
    return _SURE.fullmatch(name) is not None


def is_configuration(row: Mapping[str, Any], step: str | None) -> bool:
    """Return True if a row is settings; `step` is the field that the source names as the step."""
    if len(row) < 2 and not any(isinstance(value, dict) for value in row.values()):
        return False
    return _may_be(tuple(row), step) and all(
        _is_setting(name) or number_column([value]) is None for name, value in flatten(row).items()
    )


@lru_cache(maxsize=256)
def _may_be(names: tuple[str, ...], step: str | None) -> bool:
    return any(map(names_settings, names)) and not step_fields(names, step)


def _is_setting(name: str) -> bool:
    *above, own = name.split("/")
    return any(map(names_settings, (*above, own))) or _SETTING.fullmatch(own) is not None
