"""Tests of the difference between a run's pipeline and its edited file."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.errors import UsageError
from trainui.pipeline import loader
from trainui.resume import edits, submitted


def test_values_of_secret_names_are_masked_also_inside_others() -> None:
    line = "+  run: {env: {API_KEY: abc def, seed: 1}, args: lr=1 hf_token=xyz}"
    shown = "+  run: {env: {API_KEY: ***, seed: 1}, args: lr=1 hf_token=***}"

    assert edits._masked(line) == shown


def test_a_line_of_assignments_or_one_word_is_read_once() -> None:
    overrides = " ".join(f"model.layer{at}=1" for at in range(5000))

    assert edits._masked(f"{overrides} api_key=abc") == f"{overrides} api_key=***"
    assert edits._masked("x" * 1_000_000) == "x" * 1_000_000


TEXT = """\
name: four
stages:
  - {name: train, matrix: {lr: [0.1, 0.3], seed: [1, 2]}, run: "train ${matrix.lr}"}
  - {name: select, run: select, depends_on: [train]}
"""

FIRST, SECOND = "train[lr=0.1,seed=1]", "train[lr=0.1,seed=2]"


def test_one_member_differs_and_those_that_need_it_follow() -> None:
    loaded = loader.load_text(TEXT)
    own = edits.with_members(loaded, {}, {SECOND: {"lr": "0.2"}, "gone[a=1]": {"a": "2"}})
    assert [one.name for one in own.stages] == [
        FIRST,
        "train[lr=0.2,seed=2]",
        "train[lr=0.3,seed=1]",
        "train[lr=0.3,seed=2]",
        "select",
    ]
    assert own.stages[1].matrix == {"lr": "0.2", "seed": "2"}
    assert own.stages[4].depends_on == tuple(one.name for one in own.stages[:4])
    assert [own.stages[at] == loaded.stages[at] for at in range(5)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert edits.name_in_file(loaded, own, "train[lr=0.2,seed=2]") == SECOND
    assert edits.name_in_file(loaded, own, FIRST) == FIRST


def test_two_members_cannot_become_one() -> None:
    values = {FIRST: {"lr": "0.2", "seed": "3"}, SECOND: {"lr": "0.2", "seed": "3"}}
    with pytest.raises(UsageError, match=r"train\[lr=0.2,seed=3\] is already a member"):
        edits.with_members(loader.load_text(TEXT), {}, values)


PARAMETERS = """\
name: four
params: {epochs: 3, who: ada, cores: 1, home: "${stage_dir}"}
stages:
  - name: train
    matrix: {lr: [0.1, 0.3]}
    run: "${python} train ${params.epochs} ${params.who} ${params.home} $${HOME} ${matrix.lr}"
    cpus: ${params.cores}
    env: {EPOCHS: "${params.epochs}"}
  - name: test
    matrix: {lr: [0.1, 0.3]}
    task: os.getpid
    params: {depth: 4, epochs: "${params.epochs}"}
  - {name: select, run: "select ${params.epochs}", depends_on: [train]}
"""


def test_a_parameter_changed_for_one_member_spares_the_others(tmp_path: Path) -> None:
    given = {"who": "eve"}
    loaded = loader.load_text(PARAMETERS, params=given)
    values = {
        "train[lr=0.3]": {"run epochs": "5", "run who": "o'neil", "run cores": "2"},
        "test[lr=0.1]": {"stage depth": "6", "run epochs": "7"},
    }
    own = edits.with_members(loaded, given, values)
    assert [stage.name for stage in own.stages] == [stage.name for stage in loaded.stages]
    assert own.params == loaded.params
    changed = ("train[lr=0.3]", "test[lr=0.1]")
    for one in loaded.stages:
        assert (own.stage(one.name) == one) == (one.name not in changed)
    filled = submitted.filled_in(own, tmp_path)
    train = filled.stage("train[lr=0.3]")
    home = tmp_path / "train-lr-0.3"
    assert train.command == f"${{python}} train 5 'o'\"'\"'neil' {home} $${{HOME}} 0.3"
    assert (train.cpus, train.env) == (2, {"EPOCHS": "5"})
    first = filled.stage("train[lr=0.1]")
    assert str(first.command).startswith("${python} train 3 eve ")
    assert first.cpus == 1
    assert filled.stage("test[lr=0.1]").params == {"depth": 6, "epochs": 7}
    assert filled.stage("test[lr=0.3]").params == {"depth": 4, "epochs": 3}
    assert filled.stage("select").command == "select 3"
    assert edits.own_parameters(values, train) == {"epochs": "5", "who": "o'neil", "cores": "2"}
    assert edits.own_parameters(values, first) == {}


def test_the_own_parameters_of_a_renamed_member_are_found() -> None:
    values = {SECOND: {"lr": "0.2", "run epochs": "5"}, FIRST: {"run epochs": "7"}}
    own = edits.with_members(loader.load_text(TEXT), {}, values)
    found = {one.name: edits.own_parameters(values, one) for one in own.stages}
    assert {name: params for name, params in found.items() if params} == {
        FIRST: {"epochs": "7"},
        "train[lr=0.2,seed=2]": {"epochs": "5"},
    }


def test_the_evaluation_of_an_edited_member_follows_it() -> None:
    text = """
stages:
  - {name: train, matrix: {lr: [0.1, 0.3]}, checkpoint: "*.pt", run: "train ${matrix.lr}"}
  - {name: evaluate, each_checkpoint: train, run: "evaluate ${checkpoint}"}
  - {name: use, depends_on: [evaluate], run: "use"}
"""
    own = edits.with_members(loader.load_text(text), {}, {"train[lr=0.3]": {"lr": "0.2"}})
    evaluation = next(one for one in own.stages if one.name == "evaluate[lr=0.2]")
    assert evaluation.each_checkpoint is not None
    assert evaluation.each_checkpoint.stage == "train[lr=0.2]"
    assert evaluation.depends_on == ("train[lr=0.2]",)
    assert own.stages[-1].depends_on == ("evaluate[lr=0.1]", "evaluate[lr=0.2]")
