"""The jobs of a multirun as a pipeline file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from trainui.pipeline import loader
from trainui.plugins.hydra import sweep

COMBINATIONS = {
    10 + number: [f"+optimizer.lr={lr}", f"seed={seed}", f"head.lr={head}", "model/size=tiny"]
    for number, (lr, seed, head) in enumerate(itertools.product(["1e-3", "${a}"], "123", "01"))
}


def member_names(file: dict[str, Any]) -> list[str]:
    text = yaml.safe_dump(file, sort_keys=False)
    return [stage.name for stage in loader.load_text(text, directory="/").stages]


def growing(jobs: dict[int, list[str]], given: Sequence[str] = ()) -> dict[str, Any]:
    return sweep.growing_pipeline("app", jobs, given, {"cpus": 2}, "launch.pkl")


def test_combinations_are_a_matrix_and_each_member_finds_its_job() -> None:
    found = sweep.pipeline("app", COMBINATIONS, {"cpus": 2}, "launch.pkl")
    assert found is not None
    (stage,) = found["stages"]
    assert stage["matrix"] == {
        "optimizer-lr": ["1e-3", "$${a}"],
        "seed": ["1", "2", "3"],
        "head-lr": ["0", "1"],
    }
    assert stage["run"][-3:] == ["${matrix.optimizer-lr}", "${matrix.seed}", "${matrix.head-lr}"]
    assert found["params"] == {"size": "tiny"}
    assert member_names(found)[0] == "app[optimizer-lr=1e-3,seed=1,head-lr=0]"
    values = itertools.product(["1e-3", "${a}"], "123", "01")
    assert [sweep.chosen(COMBINATIONS, one) for one in values] == list(COMBINATIONS)


def test_other_jobs_are_named_by_number_and_values() -> None:
    for jobs in (
        {4: ["lr=1", "seed=1"], 5: ["lr=2", "seed=2"]},  # not all combinations
        {4: ["lr=1"], 5: ["seed=2"]},  # other keys
        {4: ["lr=1"], 5: ["lr=1"]},  # twice the same
    ):
        assert sweep.pipeline("app", jobs, {}, "launch.pkl") is None
        assert [sweep.chosen(jobs, [sweep.BY_NUMBER, str(number)]) for number in jobs] == list(jobs)
    assert member_names(growing({4: ["+a.lr=1"], 5: ["seed=${b}"]})) == [
        "app[job=4,lr=1]",
        "app[job=5,lr=-]",
    ]
    assert member_names(growing({0: []})) == ["app[job=0]"]
    assert member_names(growing({0: ["job=1", "lr=${b}"]})) == ["app[job=0]"]


def test_more_jobs_leave_the_members_before_as_they_are() -> None:
    jobs = {0: ["lr=0.12345678901234567", "seed=1", "3d=x"], 1: ["lr=1", "seed=1", "3d=${y}"]}
    given = ["lr=interval(0,1)", "seed=1", "3d=x,y"]
    first = growing(jobs, given)
    assert first["params"] == {"seed": "1"}
    assert member_names(first)[0] == "app[job=0,lr=0.12345678901234567,_3d=x]"
    more = growing(jobs | {2: ["seed=1", "lr=2"], 3: ["lr=2", "n=1", "3d=" + "z" * 500]}, given)
    names = member_names(more)
    assert names[:2] == member_names(first)
    assert names[2] == "app[job=2,lr=2,_3d=-]"
    assert len(names[3]) <= 255
    assert {**more["stages"][0], "matrix": ()} == {**first["stages"][0], "matrix": ()}


def test_values_edited_in_a_members_name_are_overrides() -> None:
    jobs = {0: ["+lr=0.123456789", "~data", "text=" + "z" * 300, "name=a=b"]}
    (stage,) = growing(jobs)["stages"]
    (row,) = stage["matrix"]
    assert len(row["text"]) < 300

    def run_with(**changed: str) -> list[str]:
        values = row | changed
        own = [one.replace("${matrix.", "{").format(**values) for one in stage["run"][6:]]
        return sweep.edited(jobs[0], own)

    assert run_with() == jobs[0]
    assert run_with(lr="0.5", name="c") == ["+lr=0.5", *jobs[0][1:3], "name=c"]


@pytest.mark.parametrize("count", [8, 12, 60])
def test_names_of_many_values_fit(count: int) -> None:
    jobs = {
        number: [f"group.opt{key}={1 / (3 + number + key)}" for key in range(count)]
        for number in range(3)
    }
    names = member_names(growing(jobs))
    assert len({*names}) == len(names)
    assert all("opt0=0." in name and "opt5=0." in name and len(name) <= 255 for name in names)
