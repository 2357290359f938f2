"""Paths to which stages write at once, as their definitions show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from trainui.model.definition import CheckpointRule, MetricSource, StageDefinition
from trainui.pipeline.rules import shared_paths


def members(*commands: str | tuple[str, ...], **fields: Any) -> list[StageDefinition]:
    return [
        StageDefinition(
            f"train[a={number}]",
            "train",
            matrix={"a": str(number)},
            command=command,
            workdir="/work",
            **fields,
        )
        for number, command in enumerate(commands)
    ]


def found(stages: list[StageDefinition]) -> dict[str, tuple[str, ...]]:
    return {one.path: one.names for one in shared_paths.find(stages)}


@pytest.mark.parametrize(
    "option",
    [
        "--out runs",
        "--out=runs",
        "--output_dir runs/",
        "--output-dir ./runs",
        "--save_dir /work/runs",
        "--logdir 'runs'",
        "--log-file runs",
        "hydra.run.dir=runs",
        "+trainer.output_dir=runs",
        "--work-dir runs",
        "OUTPUT_DIR=runs",
    ],
)
def test_members_with_one_output_directory_share_it(option: str) -> None:
    stages = members(f"python t.py --lr 1 {option}", f"python t.py --lr 2 {option}")
    assert found(stages) == {"/work/runs": ("train[a=0]", "train[a=1]")}


@pytest.mark.parametrize(
    "option",
    [
        "--data runs",
        "--input_dir runs",
        "--cache_dir runs",
        "--checkpoint_dir runs",
        "--model_dir runs",
        "--config runs",
        "--resume runs",
        "--output json",
        "--output -",
        "--output /dev/null",
        "--out $TRAINUI_STAGE_DIR",
        "--out '${search.a}'",
        "--log_dir s3://bucket/runs",
        "--out --lr 1",
        "-o pipefail",
    ],
)
def test_intended_sharing_is_not_reported(option: str) -> None:
    assert found(members(f"python t.py {option}", f"python t.py {option} --lr 2")) == {}


def test_members_with_names_of_their_own_may_share_a_directory() -> None:
    command = "python t.py --out runs --run-name {}"
    assert found(members(command.format("a"), command.format("b"))) == {}
    assert found(members(command.format("a"), command.format("a")))


def test_stages_that_wait_for_each_other_may_share_a_path() -> None:
    first, second, third = (
        StageDefinition(name, name, command=("x", "--out", "runs"), workdir="/work")
        for name in "abc"
    )
    middle = StageDefinition("m", "m", depends_on=("a",))
    assert found([first, middle, replace(second, depends_on=("m",))]) == {}
    assert found([first, replace(second, depends_on=("a",)), third]) == {
        "/work/runs": ("a", "c", "b")
    }
    assert found([first, replace(second, workdir="/other")]) == {}


def test_absolute_paths_of_fields_and_variables_are_compared() -> None:
    fields: list[dict[str, Any]] = [
        {"outputs": ("/data/a.csv",)},
        {"checkpoint": CheckpointRule("/data/ckpt-*")},
        {"metrics": (MetricSource("/data/log.jsonl"),)},
        {"env": {"SAVE_DIR": "/data"}},
    ]
    for one in fields:
        assert len(found(members("x", "y", **one))) == 1
    relative: list[dict[str, Any]] = [
        {"outputs": ("a.csv",)},
        {"checkpoint": CheckpointRule("ckpt-*")},
        {"metrics": (MetricSource("/data/mlruns"), MetricSource("log.jsonl"))},
        {"env": {"DATA_DIR": "/data"}},
    ]
    for one in relative:
        assert found(members("x", "y", **one)) == {}


def test_shell_text_that_cannot_be_split_is_passed_over() -> None:
    assert found(members("echo it's --out runs", "echo it's --out runs")) == {}


def test_the_words_name_two_stages_and_count_the_rest() -> None:
    (one,) = shared_paths.find(members(*["x --out runs"] * 5))
    assert one.where == "--out runs"
    assert "train[a=0] and train[a=1] and 3 more" in one.words
