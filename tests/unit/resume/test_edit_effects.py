"""What may change of a search that has trials: Optuna has to be able to compare them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainui.errors import UsageError
from trainui.model.definition import Choices, Range, Search, StageDefinition
from trainui.model.records import StageRecord
from trainui.resume.edit_effects import check_search_edits
from trainui.store.read import views

SPACE: dict[str, Range | Choices] = {"lr": Range(0.0, 1.0), "act": Choices(("a", "b"))}
SEARCH = Search("loss", "minimize", SPACE, 3)


def record(*, asked: bool) -> StageRecord:
    params = {"lr": 0.1, "act": "a"} if asked else None
    trial = StageDefinition("t[trial=0]", "t", search=SEARCH, trial=0, trial_params=params)
    row = dict.fromkeys(
        ("reason", "celery_task_id", "started_at", "completed_at", "exit_code", "result_json")
    )
    row |= dict.fromkeys(("error", "not_before"))
    known = {"id": "id", "run_id": "run", "position": 0, "name": trial.name, "directory": "/"}
    known |= {"status": "completed", "attempt": 1, "stalled": 0, "retries_used": 0}
    known |= {"removed": 0, "fresh": 0, "definition_json": views.dump(trial.to_json())}
    return views.stage_record({**row, **known})


def edited(search: Search) -> StageDefinition:
    return StageDefinition("t[trial=0]", "t", search=search, trial=0)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (replace(SEARCH, metric="acc"), r"metric .* \(loss -> acc\)"),
        (replace(SEARCH, goal="maximize"), "goal"),
    ],
)
def test_tried_definitions_cannot_change(search: Search, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_search_edits([record(asked=True)], [edited(search)])
    check_search_edits([record(asked=False)], [edited(search)])


def test_the_space_and_the_sampler_may_change() -> None:
    space: dict[str, Range | Choices] = {
        "lr": Range(0.5, 2.0, log=True),
        "act": Choices((1, "b")),
        "new": Choices((1, 2)),
    }
    check_search_edits(
        [record(asked=True)], [edited(replace(SEARCH, space=space, sampler="RandomSampler"))]
    )
