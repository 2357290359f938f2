"""The jobs of a multirun as a pipeline file."""

from __future__ import annotations

import itertools

import yaml

from trainui.pipeline import loader
from trainui.plugins.hydra import sweep

COMBINATIONS = {
    10 + number: [f"+optimizer.lr={lr}", f"seed={seed}", f"head.lr={head}", "model/size=tiny"]
    for number, (lr, seed, head) in enumerate(itertools.product(["1e-3", "${a}"], "123", "01"))
}


def member_names(jobs: dict[int, list[str]]) -> list[str]:
    text = yaml.safe_dump(sweep.pipeline("app", jobs, {"cpus": 2}, "launch.pkl"), sort_keys=False)
    return [stage.name for stage in loader.load_text(text, directory="/").stages]


def test_combinations_are_a_matrix_and_each_member_finds_its_job() -> None:
    found = sweep.pipeline("app", COMBINATIONS, {"cpus": 2}, "launch.pkl")
    (stage,) = found["stages"]
    assert stage["matrix"] == {
        "optimizer-lr": ["1e-3", "$${a}"],
        "seed": ["1", "2", "3"],
        "head-lr": ["0", "1"],
    }
    assert stage["run"][-3:] == ["${matrix.optimizer-lr}", "${matrix.seed}", "${matrix.head-lr}"]
    assert found["params"] == {"size": "tiny"}
    assert member_names(COMBINATIONS)[0] == "app[optimizer-lr=1e-3,seed=1,head-lr=0]"
    values = itertools.product(["1e-3", "${a}"], "123", "01")
    assert [sweep.chosen(COMBINATIONS, one) for one in values] == list(COMBINATIONS)


def test_other_jobs_are_a_stage_each_named_by_their_number() -> None:
    for jobs in (
        {4: ["lr=1", "seed=1"], 5: ["lr=2", "seed=2"]},  # not all combinations
        {4: ["lr=1"], 5: ["seed=2"]},  # other keys
        {4: ["lr=1"], 5: ["lr=1"]},  # twice the same
        {4: ["lr=2", "seed=1"], 5: ["lr=1", "seed=1"], 6: ["lr=2", "seed=1"]},
    ):
        assert member_names(jobs) == [f"app {number}" for number in jobs]
        assert [sweep.chosen(jobs, [str(number)]) for number in jobs] == list(jobs)
    assert member_names({0: []}) == ["app 0"]
