"""The JSON Schema that editors get says what the loader says of fields and types."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.pipeline.test_any_text import STAGES, VALUES
from tests.unit.pipeline.test_loader import DIGITS
from tests.unit.sample_pipelines.samples import PIPELINES
from trainui.errors import PipelineFileError
from trainui.pipeline.loader import load_text
from trainui.pipeline.spec import json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

STRUCTURE = {
    "unknown-field", "wrong-type", "missing-field", "out-of-range", "no-stages", "bad-duration",
    "bad-signal", "bad-format", "empty-matrix",
}  # fmt: skip
"""Problems that are of one field alone, so that a schema can see them."""


def codes(document: Any) -> set[str]:
    try:
        load_text(json.dumps(document))
    except PipelineFileError as error:
        return {problem.code for problem in error.problems}
    return set()


def faults(document: Any) -> list[str]:
    found = VALIDATOR.iter_errors(document)
    return [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in found]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA)


def test_every_field_has_its_words() -> None:
    for model in (SCHEMA, *SCHEMA["$defs"].values()):
        assert model["additionalProperties"] is False
        assert all(field["description"] for field in model["properties"].values())
    assert SCHEMA["required"] == ["stages"]
    assert SCHEMA["$defs"]["StageSpec"]["required"] == ["name"]


@pytest.mark.parametrize("text", [DIGITS, *(file.read_text() for file in PIPELINES)])
def test_real_pipelines_are_valid(text: str) -> None:
    load_text(text, params={"data": "x"} if "${params.data}" in text else {})
    assert faults(yaml.safe_load(text)) == []


def stage(**fields: Any) -> dict[str, Any]:
    return {"stages": [{"name": "a", **({} if "task" in fields else {"run": "x"}), **fields}]}


def search(values: Any, **fields: Any) -> dict[str, Any]:
    common = {"space": {"x": values}, "trials": 3, "metric": "a", "goal": "minimize"}
    return stage(run="x ${search.x}", search={**common, **fields})


GOOD = [
    stage(run=["python", "train.py", 3, 0.1, True, None]),
    stage(run=5),
    stage(task="m.f", params={"x": [1, {"y": None}]}),
    stage(timeout="1h30m", grace=0, retry_delay=0.5, silence_timeout=" 90s "),
    stage(timeout="2.5e2", stall_after="never"),
    stage(budget="5m", timeout="1h"),
    stage(stall_after="10m"),
    stage(alerts=[{"stalled": True, "then": "restart"}]),
    stage(stop_signal="sigint"),
    stage(stop_signal="Term"),
    stage(stop_signal=15),
    stage(metrics="m.csv"),
    stage(metrics={"stdout": "nanogpt"}),
    stage(metrics=[{"path": "m", "format": "csv", "step": "it"}, "x.jsonl"]),
    stage(checkpoint={"path": "ckpt-*", "complete": "done"}, resume_args=["--resume", "x"]),
    stage(matrix={"lr": [0.1, "x", True], "seed": [1]}),
    stage(env={"A": 1, "B": "x", "C": None}),
    stage(retries=None, depends_on=None, outputs=None, matrix=None, allow_failure=None),
    stage(seeds=5),
    stage(matrix={"lr": [1], "s": [1, 2]}, over="s", search={"metric": "a", "goal": "maximize"}),
    search([2, "relu", None, True], sampler="random", seed=0),
    search({"low": 1e-5, "high": 0.1, "log": True}, prune="median"),
    search({"low": 1, "high": 9, "step": 2}, sampler={"by": "GridSampler"}),
    search({"choices": [1, 2]}, prune={"by": "median", "startup_trials": 5, "n_warmup_steps": 100}),
    search([1], prune=None, sampler=None, seed=None),
    search([1], prune={"by": "patient", "patience": 3, "prune": {"by": "hyperband"}}),
    {"params": {"n": 1, "m": True}, **stage(cpus="${params.n}", allow_failure="${params.m}")},
    {"name": "p", "defaults": {"env": {"A": "b"}, "timeout": "3d"}, **stage()},
    {"name": None, "params": None, "defaults": None, **stage()},
    {"stages": [{"name": 1, "run": "x"}]},
]

BAD = [
    ({}, "no-stages"),
    ({"stages": []}, "no-stages"),
    ({"stages": None}, "no-stages"),
    ({"stages": {"a": {"run": "x"}}}, "wrong-type"),
    ({"stages": ["a"]}, "wrong-type"),
    ({"stages": [{"run": "x"}]}, "missing-field"),
    ({"stages": [{"name": "a/b", "run": "x"}]}, "bad-name"),
    ({"stages": [{"name": "a" * 65, "run": "x"}]}, "bad-name"),
    ({"stages": [{"name": " a", "run": "x"}]}, "bad-name"),
    ({"stages": [{"name": "", "run": "x"}]}, "bad-name"),
    ({"stages": [{"name": 1.5, "run": "x"}]}, "bad-name"),
    ({**stage(), "stage": []}, "unknown-field"),
    (stage(gpu=1), "unknown-field"),
    ({**stage(), "defaults": {"name": "x"}}, "unknown-field"),
    ({**stage(), "defaults": {"retires": 1}}, "unknown-field"),
    (stage(metrics={"path": "x", "formt": "csv"}), "unknown-field"),
    (stage(metrics={"path": "x", "format": "cvs"}), "bad-format"),
    (stage(checkpoint={"complete": "x"}), "missing-field"),
    (stage(checkpoint=["x"]), "wrong-type"),
    (stage(run=[]), "no-command"),
    (stage(run=["x", ["y"]]), "wrong-type"),
    (stage(run={"a": "b"}), "wrong-type"),
    (stage(depends_on="a"), "wrong-type"),
    (stage(outputs="a"), "wrong-type"),
    (stage(cpus=0), "out-of-range"),
    (stage(gpus=-1), "out-of-range"),
    (stage(gpus="two"), "wrong-type"),
    (stage(gpus="2"), "wrong-type"),
    (stage(gpus=1.5), "wrong-type"),
    (stage(retries=True), "wrong-type"),
    (stage(allow_failure="yes"), "wrong-type"),
    (stage(timeout="3 parsecs"), "bad-duration"),
    (stage(timeout="5s3h"), "bad-duration"),
    (stage(timeout="never"), "bad-duration"),
    (stage(stall_after="nevr"), "bad-duration"),
    (stage(stall_after=0), "bad-duration"),
    (stage(timeout=""), "bad-duration"),
    (stage(timeout=0), "bad-duration"),
    (stage(timeout=-5), "bad-duration"),
    (stage(grace=-1), "bad-duration"),
    (stage(grace=True), "bad-duration"),
    (stage(stop_signal="TREM"), "bad-signal"),
    (stage(stop_signal=999), "bad-signal"),
    (stage(env=["A=1"]), "wrong-type"),
    (stage(env={"A": [1]}), "wrong-type"),
    (stage(env={"A=B": 1}), "bad-name"),
    (stage(env={"TRAINUI_STAGE": 1}), "bad-name"),
    (stage(matrix={"a": 1}), "wrong-type"),
    (stage(matrix={"a": []}), "empty-matrix"),
    (stage(matrix={"a b": [1]}), "bad-name"),
    ({**stage(), "params": {"1x": 1}}, "bad-name"),
    (stage(seeds=0), "out-of-range"),
    (stage(search={"space": {"x": [1]}, "trials": 3}), "missing-field"),
    (search([1], space={}), "empty-space"),
    (search([1], space={"trial": [1]}), "bad-name"),
    (search([]), "empty-space"),
    (search("relu"), "wrong-type"),
    (search({"low": 1}), "missing-field"),
    (search({"low": 1, "high": 2, "stpe": 1}), "unknown-field"),
    (search([1], goal="min"), "bad-goal"),
    (search([1], trials=0), "out-of-range"),
    (search([1], sampler="tpa"), "bad-sampler"),
    (search([1], prune={"by": "mediam"}), "bad-pruner"),
    (search([1], prune={"by": "median", "startup_trals": 5}), "bad-option"),
    (search([1], seed=-1), "out-of-range"),
    ({**stage(), "params": {"x": [1]}}, "wrong-type"),
]  # fmt: skip


@pytest.mark.parametrize("document", GOOD)
def test_files_the_loader_takes_pass_the_schema(document: Any) -> None:
    assert codes(document) == set()
    assert faults(document) == []


@pytest.mark.parametrize(("document", "code"), BAD)
def test_files_the_loader_refuses_fail_the_schema(document: Any, code: str) -> None:
    assert code in codes(document)
    assert faults(document)


DOCUMENTS = st.fixed_dictionaries(
    {"stages": st.lists(STAGES, max_size=3) | VALUES},
    optional={"name": VALUES, "defaults": STAGES, "unknown": VALUES},
)


def has_whole_float(value: Any) -> bool:
    """Tell whether a number such as 2.0 is there: a whole number to a schema, not to the loader."""
    if isinstance(value, float):
        return value.is_integer()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_whole_float, inner))


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS.filter(lambda document: not has_whole_float(document)))
def test_both_agree_on_any_document(document: Any) -> None:
    found, complaints = codes(document), faults(document)
    if not found:
        assert complaints == []
    if found & STRUCTURE:
        assert complaints
