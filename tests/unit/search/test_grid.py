"""The members of a matrix that is pruned are trials of a study, in the file's order."""

from __future__ import annotations

from pathlib import Path

from optuna.trial import FrozenTrial

from trainui.model.definition import Pipeline, Prune, Search, StageDefinition
from trainui.model.states import Status
from trainui.plugin import SearchTask, SearchTrial
from trainui.plugins.optuna.study import SearchStudy
from trainui.store.db.engine import Database
from trainui.store.read import sweeps
from trainui.store.runs import stored_pipeline
from trainui.store.runs import trials as stored_trials
from trainui.store.runs.stored_pipeline import replace_pipeline

SEARCH = Search("loss", "minimize", prune=Prune("MedianPruner"))


def made_of(*rates: str, search: Search | None = SEARCH) -> Pipeline:
    members = tuple(
        StageDefinition(
            f"train[lr={rate}]", group="train", command="true", matrix={"lr": rate}, search=search
        )
        for rate in rates
    )
    other = StageDefinition("other", group="other", command="true")
    return Pipeline("p", (*members, other), text="stages: []", digest="0" * 64)


def fill(directory: Path, found: list[sweeps.TrialRecord]) -> list[FrozenTrial]:
    """Open the study of a matrix as after a restart; return its trials."""
    stored = [
        SearchTrial(one.number, one.stage.name, one.stage.definition.matrix or {}, one.state)
        for one in found
    ]
    file = directory / "train.study.db"
    opened = SearchStudy(SearchTask("r/train", SEARCH, file, trials=stored))
    added = opened.file.trials()
    opened.close()
    return added


def test_a_member_that_an_edit_adds_is_the_next_trial(store: Database, tmp_path: Path) -> None:
    pipeline, edited = made_of("0.1", "0.2"), made_of("0.3", "0.1", "0.2")
    directories = {one.name: str(tmp_path / one.name) for one in edited.stages}
    new = stored_pipeline.NewRun("r", "r", pipeline, str(tmp_path), directories, {"umask": 0o22})
    with store.write() as connection:
        stored_pipeline.create(connection, new)
        fill(tmp_path, sweeps.trials_of(connection, "r", "train"))
        replace_pipeline(connection, "r", edited, directories)
        replace_pipeline(connection, "r", edited, directories)
        found = sweeps.trials_of(connection, "r", "train")
    assert [one.stage.name for one in found] == [f"train[lr={lr}]" for lr in ("0.1", "0.2", "0.3")]
    for _ in range(2):
        added = fill(tmp_path, found)
    assert [one.number for one in found] == [one.number for one in added] == [0, 1, 2]
    assert [one.params for one in added] == [{"lr": "0.1"}, {"lr": "0.2"}, {}]
    assert added[2].user_attrs == {"stage": "train[lr=0.3]"}


def test_members_without_their_search_are_no_trials(store: Database, tmp_path: Path) -> None:
    pipeline, edited = made_of("0.1", "0.2"), made_of("0.1", "0.2", search=None)
    directories = {one.name: str(tmp_path / one.name) for one in pipeline.stages}
    new = stored_pipeline.NewRun("r", "r", pipeline, str(tmp_path), directories, {"umask": 0o22})
    with store.write() as connection:
        stored_pipeline.create(connection, new)
        assert len(stored_trials.asked(connection, [Status.QUEUED])) == 2
        replace_pipeline(connection, "r", edited, directories)
        assert stored_trials.asked(connection, [Status.QUEUED]) == []
        replace_pipeline(connection, "r", pipeline, directories)
        assert len(stored_trials.asked(connection, [Status.QUEUED])) == 2
