"""The metric by which stages, runs and comparisons are shown: one rule, and its direction.

It is the metric of the stage's search; else, of the metrics that have a curve, the first
validation loss, validation score, test loss, test score, reward, loss, score: a policy's loss says
little about the policy. A single number, as an
evaluation prints it, stands for a stage only where nothing has a curve. Which names are one metric,
however it is spelled, is decided by their words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trainui.model.states import Status

if TYPE_CHECKING:
    from trainui.model.definition import Search

CURVE = 2
"""Points from which a metric has a curve."""

_VALIDATION = frozenset(("val", "valid", "validation", "eval", "evaluation", "dev", "holdout"))

_TEST = frozenset(("test", "testing"))

_SCORE = re.compile(r"acc|reward|return|score|perplexity", re.IGNORECASE)

_VALIDATION_RANKS = 4
"""The ranks of validation and test metrics; those of others follow."""

_REWARDS = frozenset(("rew", "reward", "rewards", "return", "returns"))

_MEANS = frozenset(("mean", "avg", "average"))

_WORDS = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*")
"""The words of a name: `valAccTop1` has three."""

_WHOLE = re.compile(r"[A-Za-z0-9]+")
"""What stands between the separators of a name, as `mAP50`, which is no two words."""

_LOWER = frozenset(
    {"loss", "losses", "err", "error", "errors", "perplexity", "ppl", "nll", "mse", "mae"}
    | {"rmse", "mape", "wer", "cer", "fid", "kid", "bpb", "bpc", "bpd", "kl", "kld", "cost"}
    | {"regret", "logloss", "rmsle", "deviance"}
)
"""The least value of such a metric is its best."""

_HIGHER = frozenset(
    {"acc", "accuracy", "acc1", "acc5", "top1", "top5", "auc", "auroc", "auprc", "ap", "map"}
    | {"map50", "f1", "precision", "recall", "rew", "reward", "rewards", "return", "returns"}
    | {"score", "bleu", "rouge", "chrf", "meteor", "iou", "miou", "dice", "psnr", "ssim", "r2"}
    | {"ndcg", "mrr", "hits", "success", "win", "winrate", "likelihood", "elbo", "correct"}
    | {"em"}
)
"""The greatest value of such a metric is its best."""

_KEPT_BEST = frozenset(("best", "min", "lowest"))
"""Words of a metric that is the best of another one so far."""

_CLOCKS = frozenset(
    {"epoch", "step", "time", "timestamp", "wall_time", "walltime", "elapsed"}
    | {"_runtime", "_timestamp"}
)
"""The last part of the names of metrics that count steps, epochs or time."""

_MOMENTS = frozenset({"time", "timestamp", "_timestamp", "wall_time", "walltime", "date"})
"""The same of times of day, in any unit."""

LONG_AGO = 1e9
"""Unix time in 2001; smaller values are taken for durations, not times of day."""

HUGE, ABSURD, RISE = 1e10, 1e20, 1e6
"""A loss has exploded if it is huge and has risen by this factor from its least value, or absurd: a
squared error of unscaled data is huge, and a critic's loss may rise by any factor."""


HELD_OUT = r"val(?:id(?:ation)?)?|dev|eval(?:uation)?|test"
"""Names of the parts of the data that are not trained on, as a pattern."""

_NAMES_PART = re.compile(rf"(?:.*[^a-z])?(?:train(?:ing)?|{HELD_OUT})(?:[^a-z].*)?", re.IGNORECASE)

_BETWEEN_WORDS = re.compile(r"[\s/_.:-]+")
_TRAINING = frozenset(("train", "training", "rank0"))
_VAL = frozenset(("val", "valid", "validation"))


def names_part(name: str) -> bool:
    """Return True if a name includes the part of the data, as `val_loss` does."""
    return _NAMES_PART.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, which are the same however it is spelled."""
    words = [word for word in _BETWEEN_WORDS.split(name.lower()) if word]
    if len(words) > 1 and (words[-1] in _TRAINING or names_part(words[-1])):
        words.insert(0, words.pop())
    while len(words) > 1 and words[0] in _TRAINING:
        del words[0]
    return tuple("val" if word in _VAL else word for word in words)


def spelled_as(name: str, names: Collection[str]) -> str | None:
    """Return the name among those of a stage or run that is this metric; None: there is none.

    The same name, else the only one that has the same words: of two, it is unknown which.
    """
    if name in names:
        return name
    words = words_of(name)
    same = [one for one in names if words_of(one) == words]
    return same[0] if len(same) == 1 else None


def headline(
    names: Sequence[str],
    search: Search | None = None,
    has_curve: Callable[[str], bool] | None = None,
) -> str | None:
    """Return the headline metric; None if there are only clock metrics (steps, epochs, times).

    Args:
        names: the metrics of a stage.
        search: the stage's; None: it has none.
        has_curve: returns True for a metric with a curve; None: all have one.
    """
    if search is not None and search.metric in names:
        return search.metric
    ranked = by_importance(names)
    first = next((name for name in ranked if has_curve is None or has_curve(name)), None)
    if first is not None or ranked:
        return first or ranked[0]
    return next((name for name in names if not is_clock(name)), None)


def by_importance(names: Iterable[str]) -> list[str]:
    """Return the losses and scores, the most important first."""
    ranks = ((rank, name) for name in names if (rank := importance(name)) is not None)
    return [name for _, name in sorted(ranks, key=lambda pair: pair[0])]


@lru_cache(maxsize=4096)
def importance(name: str) -> int | None:
    """Return the rank of a loss or a score, 0 for the most important; None for other metrics."""
    words = {word.casefold().rstrip("0123456789") for word in _WORDS.findall(name)}
    lower = lower_is_better(name)
    if lower is not None and not words.isdisjoint(_VALIDATION):
        return 0 if lower else 1
    if lower is not None and not words.isdisjoint(_TEST):
        return 2 if lower else 3
    if _is_reward(name):
        return _VALIDATION_RANKS
    if "loss" in name.casefold():
        is_whole = re.search(r"(?:^|[/_. -])loss$", name, re.IGNORECASE)
        return _VALIDATION_RANKS + (1 if is_whole else 2)
    return _VALIDATION_RANKS + 3 if lower is not None or _SCORE.search(name) else None


def _is_reward(name: str) -> bool:
    """Return True for the reward as a whole, as `ep_rew_mean`, and not for a part or its spread."""
    words = [word.casefold() for word in _WORDS.findall(name)]
    while words and words[-1] in _MEANS:
        del words[-1]
    return bool(words) and words[-1] in _REWARDS and _REWARDS.isdisjoint(words[:-1])


def is_clock(name: str) -> bool:
    """Return True if a metric counts steps, epochs or time; a prefix like `train/` is ignored."""
    return _last(name) in _CLOCKS


def is_moment(name: str, least: float | None) -> bool:
    """Return True if a metric with this minimum contains Unix times, in any unit."""
    return _last(name) in _MOMENTS and least is not None and least >= LONG_AGO


@lru_cache(maxsize=4096)
def _last(name: str) -> str:
    return re.split(r"[/.]", name.casefold())[-1]


def is_headline(name: str) -> bool:
    """Return True if a metric's name is that of a loss or a score."""
    return importance(name) is not None


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


@lru_cache(maxsize=4096)
def is_loss(name: str) -> bool:
    """Return True for a loss or an error, but not for a best one so far, which may begin at inf."""
    words = {word.casefold() for word in _WORDS.findall(name)}
    return bool(lower_is_better(name)) and is_headline(name) and words.isdisjoint(_KEPT_BEST)


def has_exploded(value: float, least: float) -> bool:
    """Return True if a loss has diverged without being infinite; `least` is its least value."""
    return value >= ABSURD or (value >= HUGE and value / RISE >= least)


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
