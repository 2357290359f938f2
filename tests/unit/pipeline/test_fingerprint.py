"""A fingerprint changes with a stage's work and with nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from trainui.domain.definition import StageDefinition
from trainui.pipeline.fingerprint import differs, stage_fingerprint

STAGE = StageDefinition(
    "a", command=("x", "1"), params={"p": [1, {"q": None}]}, env={"A": "1", "B": "2"}, workdir="/w"
)
UPSTREAM = {"u": "1:aa", "v": "1:bb"}
INPUTS = [("/d/1", 10, 100), ("/d/2", 20, 200)]


@pytest.mark.parametrize(
    "change",
    [
        {"command": ("x", "2")},
        {"command": "x 1"},
        {"command": None, "task": "m.f"},
        {"params": {"p": [1, {"q": 0}]}},
        {"env": {"A": "1", "B": "3"}},
        {"env": {"A": "1", "C": "2"}},
        {"workdir": "/v"},
        {"python": "/venv"},
    ],
)
def test_it_changes_with_the_work(change: dict[str, Any]) -> None:
    before = stage_fingerprint(STAGE, UPSTREAM, INPUTS)
    assert differs(before, stage_fingerprint(replace(STAGE, **change), UPSTREAM, INPUTS))


@pytest.mark.parametrize(
    "change",
    [
        {"retries": 3},
        {"timeout": 5.0},
        {"gpus": 2},
        {"grace": 1.0},
        {"name": "b"},
        {"metrics": ()},
        {"outputs": ("x",)},
        {"env": {"B": "2", "A": "1"}},
    ],
)
def test_it_stays_with_all_else(change: dict[str, Any]) -> None:
    before = stage_fingerprint(STAGE, UPSTREAM, INPUTS)
    assert before == stage_fingerprint(replace(STAGE, **change), UPSTREAM, INPUTS)


def test_it_changes_with_upstreams_and_inputs_whatever_their_order() -> None:
    before = stage_fingerprint(STAGE, UPSTREAM, INPUTS)
    assert before == stage_fingerprint(STAGE, {"v": "1:bb", "u": "1:aa"}, INPUTS[::-1])
    others = [
        stage_fingerprint(STAGE, {"u": "1:aa", "v": "1:cc"}, INPUTS),
        stage_fingerprint(STAGE, {"u": "1:aa"}, INPUTS),
        stage_fingerprint(STAGE, UPSTREAM, INPUTS[:1]),
        stage_fingerprint(STAGE, UPSTREAM, [("/d/1", 10, 101), INPUTS[1]]),
        stage_fingerprint(STAGE, UPSTREAM, [("/d/1", 11, 100), INPUTS[1]]),
    ]
    assert len({before, *others}) == 6


def test_it_survives_the_store() -> None:
    stored = StageDefinition.from_json(json.loads(json.dumps(STAGE.to_json())))
    assert stage_fingerprint(stored, UPSTREAM, INPUTS) == stage_fingerprint(STAGE, UPSTREAM, INPUTS)


def test_the_first_version_never_changes() -> None:
    """A stored fingerprint must mean the same after an upgrade: if this fails, raise VERSION."""
    text = (
        '{"command":["x","1"],"env":{"A":"1","B":"2"},"inputs":[["/d/1",10,100],["/d/2",20,200]],'
        '"params":{"p":[1,{"q":null}]},"python":null,"task":null,'
        '"upstream":{"u":"1:aa","v":"1:bb"},"workdir":"/w"}'
    )
    known = f"1:{hashlib.sha256(text.encode()).hexdigest()}"
    assert stage_fingerprint(STAGE, UPSTREAM, INPUTS) == known


def test_another_version_says_nothing() -> None:
    assert differs("1:a", "1:b")
    assert not differs("1:a", "1:a")
    assert not differs("1:a", "2:b")
