"""The metric by which a run is shown, and the direction in which a metric gets better.

Its search decides, else its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from trainui.model.search import Search
from trainui.model.states import Status

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


_LOWER = frozenset(
    {"loss", "losses", "err", "error", "errors", "perplexity", "ppl", "nll", "mse", "mae"}
    | {"rmse", "mape", "wer", "cer", "fid", "kid", "bpb", "bpc", "bpd", "kl", "kld", "cost"}
    | {"regret", "logloss", "rmsle", "deviance"}
)

_HIGHER = frozenset(
    {"acc", "accuracy", "acc1", "acc5", "top1", "top5", "auc", "auroc", "auprc", "ap", "map"}
    | {"map50", "f1", "precision", "recall", "rew", "reward", "rewards", "return", "returns"}
    | {"score", "bleu", "rouge", "chrf", "meteor", "iou", "miou", "dice", "psnr", "ssim", "r2"}
    | {"ndcg", "mrr", "hits", "success", "win", "winrate", "likelihood", "elbo", "correct"}
    | {"em"}
)

_WORDS = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*")
_WHOLE = re.compile(r"[A-Za-z0-9]+")


def lower_is_better(name: str, search: Search | None = None) -> bool | None:
    """Return True if a metric's least value is its best; None if its name does not show it.

    If the stage's search optimises this metric, its goal counts. Else the last known word of the
    name counts, so `error_score` is a score; but `loss` takes precedence, so `reward_loss` is a
    loss.
    """
    if search is not None and search.metric == name:
        return search.goal == "minimize"
    words = [word.casefold() for word in (*_WORDS.findall(name), *_WHOLE.findall(name))]
    if any(word.startswith("loss") or word.endswith("loss") for word in words):
        return True
    for word in reversed(words):
        if word in _LOWER or word in _HIGHER:
            return word in _LOWER
    return None


def may_lead(status: Status, search: Search | None) -> bool:
    """Return False for a stage that cannot be the best: a pruned one, and a failed trial."""
    return status != Status.PRUNED and (search is None or status != Status.FAILED)


class ComparedMetric(NamedTuple):
    """A metric by which stages are compared."""

    name: str
    """Its stored name."""
    lower: bool | None
    """True if lower is better; None: unknown, so stages are compared by their last values."""

    @classmethod
    def of(cls, name: str, search: Search | None = None) -> ComparedMetric:
        """Return a metric of a stage with this search; None: it has no search."""
        return cls(name, lower_is_better(name, search))

    @property
    def word(self) -> str:
        """Which of its values stands for a stage: `best`; `last` if that is unknown."""
        return "last" if self.lower is None else "best"
