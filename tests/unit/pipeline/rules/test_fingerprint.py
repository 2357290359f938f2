"""A changed fingerprint names the fields that changed, and no upgrade changes it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.attempts import attempt
from trainui.model.definition import StageDefinition
from trainui.model.states import Status
from trainui.pipeline.rules import fingerprint
from trainui.pipeline.rules.fingerprint import (
    changes,
    completions_since,
    input_changes,
    is_same,
    observe,
)

STAGE = StageDefinition(
    "a",
    command=("python", "t.py", "--lr", "0.1", "--amp"),
    params={"p": [1, {"q": None}], "HF_TOKEN": "hf_abcdef"},
    env={"A": "1", "API_KEY": "secret-1"},
    workdir="/w",
    inputs=("/d/a.csv",),
    depends_on=("u", "v"),
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"command": ("python", "t.py", "--lr", "0.2", "--amp")},
            "command changed: --lr 0.1 -> 0.2",
        ),
        ({"command": ("python", "t.py", "--lr", "0.1")}, "command changed: - --amp"),
        (
            {"command": (*STAGE.command, "--wd", "3")},  # type: ignore[misc]
            "command changed: + --wd 3",
        ),
        (
            {"command": ("python", "u.py", "--lr", "1", "--amp")},
            "command changed: t.py -> u.py, --lr 0.1 -> 1",
        ),
        ({"command": "python t.py --lr 0.1 --amp"}, "command changed: how it is quoted"),
        ({"command": None, "task": "m.f"}, "task changed: a command -> m.f"),
        ({"params": {**STAGE.params, "p": [1, 2]}}, 'param changed: p [1, {"q": null}] -> [1, 2]'),
        ({"params": {**STAGE.params, "HF_TOKEN": "x"}}, "param changed: HF_TOKEN *** -> ***"),
        ({"env": {"A": "1"}}, "env changed: - API_KEY"),
        ({"env": {**STAGE.env, "API_KEY": "other"}}, "env changed: API_KEY *** -> ***"),
        ({"env": {**STAGE.env, "B": "2"}}, "env changed: + B 2"),
        ({"workdir": "/v"}, "workdir changed: /w -> /v"),
        ({"python": "/venv"}, "python changed: null -> /venv"),
        ({"inputs": ("/d/b.csv",)}, "inputs changed: + /d/b.csv, - /d/a.csv"),
        ({"depends_on": ("u", "v", "w")}, "depends_on changed: + w"),
    ],
)
def test_a_change_is_described_in_words(change: dict[str, Any], words: str) -> None:
    assert changes(STAGE, replace(STAGE, **change)) == [words]


def test_values_are_compared_as_they_are_written() -> None:
    one = StageDefinition("a", task="m.f", params={"x": 1, "y": [0]})
    for params in ({"x": True, "y": [0]}, {"x": 1.0, "y": [0]}, {"x": 1, "y": [False]}):
        (words,) = changes(one, replace(one, params=params))
        assert words.startswith("param changed: ")
    assert not changes(one, replace(one, params={"y": [0], "x": 1}))


def test_a_block_command_equals_a_line_command() -> None:
    line = StageDefinition("a", command="python t.py")
    assert not changes(line, replace(line, command="python t.py\n"))


def test_secrets_in_a_command_stay_secret() -> None:
    before = replace(STAGE, command="login secret-1 && go")
    after = replace(STAGE, command="login secret-1 && stop")
    [words] = changes(before, after)
    assert words == "command changed: go -> stop"
    [words] = changes(
        before, replace(after, command="login run-secret && go"), {"KEY": "run-secret"}
    )
    assert words == "command changed: a secret value"


def test_long_values_are_cut_where_they_begin_to_differ() -> None:
    home = "/home/ada/projects/vision/runs/31b0e69e-07c6-4ead-865e-97b2833d2363"
    before = replace(STAGE, command=("train", "--out", f"{home}/train-lr-0.05"), workdir=home)
    after = replace(before, command=("train", "--out", f"{home}/train-lr-0.1"))
    assert changes(before, after) == [
        "command changed: --out .../train-lr-0.05 -> .../train-lr-0.1",
    ]
    [words] = changes(before, replace(before, workdir=f"{home}4"))
    assert words == "workdir changed: ...6-4ead-865e-97b2833d2363 -> ...6-4ead-865e-97b2833d23634"


def test_a_long_change_is_cut() -> None:
    after = replace(STAGE, command=tuple("abcdefgh"), env={str(n): "x" * 100 for n in range(9)})
    for words in changes(STAGE, after):
        assert len(words) < 250
    assert "and 8 more" in changes(STAGE, after)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"retries": 3},
        {"timeout": 5.0},
        {"gpus": 2},
        {"name": "b"},
        {"metrics": ()},
        {"outputs": ("x",)},
        {"success": "done"},
        {"resume_args": ("--resume",)},
        {"env": {"API_KEY": "secret-1", "A": "1"}},
        {"depends_on": ("v", "u")},
    ],
)
def test_policy_and_order_are_no_change(change: dict[str, Any]) -> None:
    assert changes(STAGE, replace(STAGE, **change)) == []


def test_a_fingerprint_survives_storage_and_older_versions() -> None:
    stored = json.loads(json.dumps(STAGE.to_json()))
    assert changes(StageDefinition.from_json(stored), STAGE) == []
    bare = StageDefinition("a", command="x")
    assert changes(StageDefinition.from_json({"name": "a", "command": "x"}), bare) == []
    newer = {"name": "a", "command": "x", "invented_later": 5}
    assert changes(StageDefinition.from_json(newer), bare) == []


A, B = "/d/a.csv", "/d/b.csv"


def test_inputs_are_compared_by_all_that_is_known_of_them() -> None:
    small = {"size": 3, "mtime_ns": 5, "sha256": "x"}
    large = {"size": 3, "mtime_ns": 5}
    assert input_changes({A: small, B: large}, {A: small, B: large}) == []
    assert input_changes({A: small}, {A: {**small, "mtime_ns": 6}}) == []  # touched, not changed
    assert input_changes({A: small}, {A: {**small, "sha256": "y"}}) == ["input a.csv changed"]
    assert input_changes({A: large}, {A: {**large, "mtime_ns": 6}}) == ["input a.csv changed"]
    [words] = input_changes({A: large}, {A: {**large, "size": 4}})
    assert words == "input a.csv changed: 3 -> 4 bytes"
    assert input_changes({A: large}, {A: {"missing": True}}) == ["input a.csv changed: deleted"]


def test_absent_records_are_no_change() -> None:
    assert input_changes(None, {A: {"size": 3}}) == []
    assert input_changes({B: {"size": 1}}, {A: {"size": 3}, B: {"size": 1, "mtime_ns": 1}}) == []


def test_an_upstream_completed_after_the_slots_ran_again() -> None:
    own = attempt(5)
    before, failed, after = attempt(4), attempt(6, Status.FAILED), attempt(7)
    assert completions_since(own, [before, failed]) == 0
    assert completions_since(own, [before, failed, after]) == 1


def test_a_results_definition_is_the_attempts_stages_or_kept_one() -> None:
    edited = replace(STAGE, command="other")
    assert fingerprint.origin_of(attempt(1), STAGE).definition == STAGE
    ran = attempt(1)._replace(definition=STAGE, inputs={A: {"size": 1}})
    assert fingerprint.origin_of(ran, edited).definition == STAGE
    kept = fingerprint.kept_record(edited, {A: {"size": 2}}, {"u": 1})
    made = fingerprint.origin_of(ran._replace(kept=json.loads(json.dumps(kept))), STAGE)
    assert (made.definition, made.inputs, made.excused) == (edited, {A: {"size": 2}}, {"u": 1})


def test_a_secret_parameter_is_masked_under_any_name() -> None:
    before = StageDefinition("a", command="x", env={"COPY": "the old secret"})
    after = StageDefinition("a", command="x", env={"COPY": "the new secret"})
    hidden = {"before": {"api_key": "the old secret"}, "now": {"api_key": "the new secret"}}
    assert changes(before, after, hidden) == ["env changed: COPY *** -> ***"]


def test_a_small_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = observe(file)
    os.utime(file, ns=(1, 1))
    assert is_same(before, observe(file, before))
    file.write_text("two")
    assert not is_same(before, observe(file, before))


def test_a_file_of_equal_size_and_time_is_not_reread(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = observe(file)
    file.chmod(0)
    assert observe(file, before) is before


def test_a_large_file_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "HASHED_UP_TO", 10)
    file = tmp_path / "a"
    file.write_text("x" * 11)
    file.chmod(0o200)  # it could not even be
    before = observe(file)
    assert "sha256" not in before
    os.utime(file, ns=(1, 1))
    assert not is_same(before, observe(file))


def test_a_directory_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("1")
    before = observe(tmp_path)
    assert before["files"] == 1
    assert is_same(before, observe(tmp_path))
    (tmp_path / "y").touch()
    assert not is_same(before, observe(tmp_path))
    (tmp_path / "y").unlink()
    assert is_same(before, observe(tmp_path))
    (tmp_path / "b" / "x").write_text("22")
    assert not is_same(before, observe(tmp_path))


def test_a_directory_is_checked_up_to_a_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "MOST_FILES", 3)
    for number in range(9):
        (tmp_path / str(number)).touch()
    assert observe(tmp_path)["files"] == 3


def test_a_missing_or_different_kind_is_not_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    before = observe(file)
    file.unlink()
    assert observe(file) == {"missing": True}
    assert not is_same(before, observe(file))
    assert is_same(observe(file), observe(file))
    file.mkdir()
    assert not is_same(before, observe(file))
