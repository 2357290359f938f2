"""Series that only tell how far or how late it is: stored as any other, and never what matters."""

from __future__ import annotations

import re
from functools import lru_cache

_CLOCKS = frozenset(
    {"epoch", "step", "time", "timestamp", "wall_time", "walltime", "elapsed"}
    | {"_runtime", "_timestamp"}
)

_MOMENTS = frozenset({"time", "timestamp", "_timestamp", "wall_time", "walltime", "date"})

LONG_AGO = 1e9
"""Seconds after 1970: in 2001, before which no training has written a time."""


def is_clock(name: str) -> bool:
    """Whether a metric tells how far or how late it is, maybe behind a prefix such as `train/`."""
    return _last(name) in _CLOCKS


def is_moment(name: str, least: float | None) -> bool:
    """Whether a metric's values are moments since 1970, in whatever unit: a line, not a curve.

    Args:
        name: the metric's, maybe behind a prefix such as `train/`.
        least: its least value.
    """
    return _last(name) in _MOMENTS and least is not None and least >= LONG_AGO


@lru_cache(maxsize=4096)
def _last(name: str) -> str:
    return re.split(r"[/.]", name.casefold())[-1]
