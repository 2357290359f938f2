"""A search in a definition: plain data and back without loss, and values as they are written."""

from __future__ import annotations

import json

from trainui.model.definition import Choices, Prune, Range, Search, StageDefinition

SEARCH = Search(
    metric="val/loss",
    goal="minimize",
    space={
        "lr": Range(1e-5, 1e-1, log=True),
        "layers": Range(2, 8, step=2, whole=True),
        "act": Choices(("relu", 10, None), ("relu", "010", "~")),
    },
    trials=40,
    sampler_options={"multivariate": True},
    prune=Prune("PatientPruner", {"patience": 3}, Prune("MedianPruner", {"n_startup_trials": 5})),
    seed=0,
)


def test_a_definition_with_a_search_round_trips() -> None:
    stage = StageDefinition("train", group="train", search=SEARCH, command="python train.py")
    stored = json.loads(json.dumps(stage.to_json()))
    assert StageDefinition.from_json(stored) == stage


def test_a_trial_is_stored_with_its_values() -> None:
    values = {"lr": 1e-3, "layers": 4, "act": "relu"}
    trial = StageDefinition("train[trial=3]", search=SEARCH, trial=3, trial_params=values)
    assert StageDefinition.from_json(json.loads(json.dumps(trial.to_json()))) == trial


def test_a_trials_values_resemble_a_matrix_members() -> None:
    values = {"lr": 1e-05, "layers": 4, "act": 10}
    trial = StageDefinition(
        "train[trial=3]", matrix={"trial": "3"}, search=SEARCH, trial=3, trial_params=values
    )
    assert trial.member_values == {"trial": "3", "lr": "1e-05", "layers": "4", "act": "010"}
    assert StageDefinition("a").member_values == {}


def test_a_definition_of_an_older_version_has_no_search() -> None:
    stored = StageDefinition("train").to_json()
    for name in ("search", "over", "trial", "trial_params"):
        del stored[name]
    assert StageDefinition.from_json(stored) == StageDefinition("train")


def test_values_are_written_as_the_file_writes_them() -> None:
    act, lr, layers = (SEARCH.space[name] for name in ("act", "lr", "layers"))
    assert [act.text(value) for value in ("relu", 10, None)] == ["relu", "010", "~"]
    assert (lr.text(1.2e-05), layers.text(4)) == ("1.2e-05", "4")
