"""The direction in which a metric gets better: by the goal of its search, else by its name."""

from __future__ import annotations

import re
from typing import NamedTuple

from trainui.model.search import Search
from trainui.model.states import Status

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
