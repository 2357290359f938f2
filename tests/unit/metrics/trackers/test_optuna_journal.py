"""A journal of Optuna is read as a database of a study is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainui.metrics import trackers
from trainui.metrics.discovery import default_sources, trainings
from trainui.plugins.optuna import recorded_studies
from trainui.plugins.optuna.recorded_studies import OptunaJournal

KINDS = {
    "y": '{"name": "IntDistribution", "attributes": {"low": 0, "high": 9}}',
    "k": '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null]}}',
}

LINES: list[dict[str, Any]] = [
    {"op_code": 0, "study_name": "gone", "directions": [1]},
    {"op_code": 0, "study_name": "gone", "directions": [1]},  # of a second worker
    {"op_code": 4, "study_id": 0, "datetime_start": "2026-11-26T10:00:00+00:00"},
    {"op_code": 0, "study_name": "two goals", "directions": [1, 2]},
    {"op_code": 1, "study_id": 0},
    {"op_code": 0, "study_name": "gone", "directions": [1]},
    {"op_code": 4, "study_id": 1, "datetime_start": "2026-11-26T10:00:00+00:00"},
    {"op_code": 6, "trial_id": 1, "state": 1, "values": [1.5, float("inf")]},
    {"op_code": 7, "trial_id": 1, "step": 9, "intermediate_value": 9.0},  # it has ended
    {"op_code": 4, "study_id": 0, "datetime_start": None},  # of the deleted study
    {
        "op_code": 4,
        "study_id": 2,
        "datetime_start": None,
        "state": 1,
        "value": 2.5,
        "params": {"y": 3, "k": 0},
        "distributions": KINDS,
        "intermediate_values": {"5": float("nan")},
    },
    {"op_code": 4, "study_id": 2, "datetime_start": None, "state": 4},
    {"op_code": 5, "trial_id": 3, "param_name": "y", "param_value_internal": 4.0}
    | {"distribution": KINDS["y"]},
    {"op_code": 7, "trial_id": 3, "step": 2, "intermediate_value": 0.5},
]


def written(path: Path) -> bytes:
    lines = (json.dumps({"worker_id": "w", **line}) for line in LINES)
    data = ("\n".join(lines) + '\n{"op_code": 7, "tri').encode()
    path.write_bytes(data)
    return data


def test_studies_and_trials_are_those_of_optuna(tmp_path: Path) -> None:
    path = tmp_path / "study.log"
    written(path)
    runs = trackers.jobs(path)
    assert {run.tracker for run in runs} == {"optuna"}
    found = {run.id: (run.status, run.params) for run in runs}
    assert found == {
        "two goals/trial 0": ("completed", {}),
        "gone/trial 0": ("completed", {"y": 3, "k": "a"}),
        "gone/trial 1": ("running", {"y": 4}),
    }
    copy = trackers.copies.get(path)
    assert copy is not None
    points = {}
    for run in found:
        decoded, _ = recorded_studies.points(copy.connection, run, {})
        points[run] = {
            name: str(list(zip(one.steps.tolist(), one.values.tolist(), strict=True)))
            for name, one in decoded.series.items()
        }
    assert points == {
        "two goals/trial 0": {"value 0": "[(0, 1.5)]", "value 1": "[(0, inf)]"},
        "gone/trial 0": {"intermediate value": "[(5, nan)]", "value": "[(0, 2.5)]"},
        "gone/trial 1": {"intermediate value": "[(2, 0.5)]"},
    }


def test_the_series_of_a_whole_journal_have_the_same_numbers(tmp_path: Path) -> None:
    data = written(tmp_path / "study.log")
    decoder = OptunaJournal(None, {})
    found: dict[str, list[str]] = {}
    for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
        for name, one in decoder.decode(line, 0).series.items():
            found.setdefault(name, []).append(f"{one.steps[0]} {one.values[0]}")
    assert found == {
        "two goals/value 0": ["0 1.5"],
        "two goals/value 1": ["0 inf"],
        "gone/trial 0": ["5 nan"],
        "gone/value": ["0 2.5"],
        "gone/trial 1": ["2 0.5"],
    }


@pytest.mark.parametrize(
    "name", ["journal", "study.journal", "optuna_storage.bin", "hpo.txt", "results.jsonl"]
)
def test_a_journal_is_found_by_any_name_that_says_so(tmp_path: Path, name: str) -> None:
    written(tmp_path / name)
    (tmp_path / "journal.md").write_text("# Journal\n")
    (one,) = default_sources.candidates(tmp_path)
    assert (one.path.name, one.reading.format) == (name, "optuna")
    found = trainings.below(tmp_path)
    assert {(one.kind, one.path.name, len(one.jobs)) for one in found} == {
        ("optuna", name, 1),
        ("optuna", name, 2),
    }
    goals = {len(one.jobs): one.objective for one in found}
    assert goals == {1: None, 2: ("value", "minimize")}, "of several goals no trial is the best"
