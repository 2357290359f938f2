"""Recognise metrics that are only a clock (step, epoch, time), which are not worth a curve."""

from __future__ import annotations

import re
from functools import lru_cache

_CLOCKS = frozenset(
    {"epoch", "step", "time", "timestamp", "wall_time", "walltime", "elapsed"}
    | {"_runtime", "_timestamp"}
)

_MOMENTS = frozenset({"time", "timestamp", "_timestamp", "wall_time", "walltime", "date"})

LONG_AGO = 1e9
"""Unix time in 2001; smaller values are taken for durations, not times of day."""


def is_clock(name: str) -> bool:
    """Return True if a metric counts steps, epochs or time; a prefix like `train/` is ignored."""
    return _last(name) in _CLOCKS


def is_moment(name: str, least: float | None) -> bool:
    """Return True if a metric with this minimum contains Unix times, in any unit."""
    return _last(name) in _MOMENTS and least is not None and least >= LONG_AGO


@lru_cache(maxsize=4096)
def _last(name: str) -> str:
    return re.split(r"[/.]", name.casefold())[-1]
