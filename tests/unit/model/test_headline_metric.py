"""The metric by which a stage is shown: by its name, and only with a curve if one has a curve."""

from __future__ import annotations

import pytest

from trainui.model.definition import Search
from trainui.model.headline_metric import by_importance, headline, is_headline


@pytest.mark.parametrize(
    "name",
    [
        *("val/loss", "Loss/val", "val loss", "Val Loss", "valLoss", "VAL_LOSS", "valid_loss"),
        *("dev/loss", "eval_loss", "eval/perplexity", "test loss", "Accuracy/val", "val.top1"),
        *("validation-error", "val_1/loss", "metrics/val/f1", "holdout_auc"),
    ],
)
def test_validation_metrics_are_known_by_their_words(name: str) -> None:
    assert headline(["train/loss", "acc", "loss", name]) == name


@pytest.mark.parametrize(
    "name",
    ["train/loss", "interval_loss", "evaluated", "val/lr", "eval/runtime", "latest_loss", "loss"],
)
def test_other_metrics_are_no_validation_metrics(name: str) -> None:
    assert headline(["val/score", name]) == "val/score"


def test_a_validation_loss_precedes_scores_and_other_losses() -> None:
    names = ["lr", "epoch", "train_acc", "aux_losses", "train/loss", "test/acc", "test/loss"]
    names += ["val/acc", "val/loss"]
    expected = ["val/loss", "val/acc", "test/loss", "test/acc", "train/loss", "aux_losses"]
    assert by_importance(names) == [*expected, "train_acc"]
    assert not is_headline("lr")


@pytest.mark.parametrize(
    "name",
    [
        *("reward", "rollout/ep_rew_mean", "charts/episodic_return", "Train/mean_reward"),
        *("env_runners/episode_return_mean", "episode_reward", "train/avg_return"),
    ],
)
def test_a_reward_precedes_the_losses_of_its_training(name: str) -> None:
    losses = ["loss", "train/policy_loss", "train/loss", "train/value_loss"]
    assert headline([*losses, name]) == name
    assert headline([*losses, name, "eval/mean_reward"]) == "eval/mean_reward"
    assert headline([*losses, name], has_curve=lambda found: found != name) == "loss"


@pytest.mark.parametrize(
    "name",
    [
        *("reward_std", "rewards/chosen", "rewards/accuracy_reward", "reward_loss", "return_code"),
        *("episode_reward_min", "rollout/ep_len_mean"),
    ],
)
def test_parts_of_a_reward_do_not_precede_losses(name: str) -> None:
    assert headline(["train/loss", name]) == "train/loss"


def test_a_single_number_stands_for_a_stage_without_curves_alone() -> None:
    names = ["train/loss", "val/acc", "lr"]
    assert headline(names, has_curve=lambda name: name != "val/acc") == "train/loss"
    assert headline(names, has_curve=lambda name: name == "lr") == "val/acc"
    assert headline(["epoch", "lr"], has_curve=lambda _: False) == "lr"
    assert headline(["epoch"]) is None


def test_the_metric_of_a_search_precedes_all() -> None:
    search = Search.from_json({"metric": "lr", "goal": "minimize", "space": {}, "trials": 1})
    assert headline(["val/loss", "lr"], search, lambda _: False) == "lr"
