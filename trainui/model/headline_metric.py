"""The metric by which a run is shown in a list: its search's, else one chosen by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from trainui.model.search import Search

_RANKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:^|[/_.-])(?:val|valid|validation|eval|test)[/_.-].*(?:loss|perplexity|error)",
        r"(?:^|[/_.-])(?:val|valid|validation|eval|test)[/_.-].*(?:acc|f1|auc|score|reward)",
        r"(?:^|[/_.-])loss$",
        r"loss",
        r"acc|reward|return|score|perplexity",
    )
)
"""Patterns for the headline metric, the most important first."""


def headline(names: Sequence[str], search: Search | None = None) -> str | None:
    """Return the headline metric: a search's, a validation metric, else a loss, else a score.

    None if there are only clock metrics (steps, epochs, times).

    Args:
        names: the metrics of a stage.
        search: the stage's; None: it has none.
    """
    if search is not None and search.metric in names:
        return search.metric
    for pattern in _RANKS:
        found = next((name for name in names if pattern.search(name)), None)
        if found is not None:
            return found
    return next((name for name in names if not is_clock(name)), None)


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


@lru_cache(maxsize=4096)
def is_headline(name: str) -> bool:
    """Return True if a metric's name is that of a loss or a score."""
    return any(pattern.search(name) for pattern in _RANKS)
