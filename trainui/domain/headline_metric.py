"""The metric by which a run is shown in a list: its search's, else one chosen by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.domain.progress_series import is_clock
from trainui.domain.search import Search

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
