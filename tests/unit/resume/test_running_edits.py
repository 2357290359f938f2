"""An edit of a running stage waits until the stage has ended, and is not lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from trainui import clock, control
from trainui.cli import resume
from trainui.errors import UsageError
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.pipeline.rules import resume_plan
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import edit_effects, edits, submitted
from trainui.store import shell_environment
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import attempts

TEXT = """\
name: two
params: {api_key: hush-1, word: old}
stages:
  - {name: train, run: "train --lr 1 --key ${params.api_key}"}
  - {name: test, run: "test ${params.word}"}
  - {name: select, run: "select", depends_on: [train]}
"""


class Run:
    """A run of which `train` is running and `test` has failed."""

    def __init__(self, store: Database, file: Path) -> None:
        self.store, self.file = store, file
        file.write_text(TEXT)
        self.id = control.submit(loader.load(str(file), {}))
        self.train = self._start("train")
        self._end(self._start("test"), Status.FAILED)

    def _start(self, name: str) -> int:
        with self.store.write() as connection:
            stage = views.stage(connection, self.id, name)
            assert stage is not None
            granted = attempts.grant(connection, stage, [], host="h")
            assert granted is not None
            assert attempts.claim(connection, self.id, name, granted.celery_task_id or "")
            attempts.mark_started(connection, granted, started_at=clock.now(), pid=1, supervisor=2)
        return granted.id

    def _end(self, attempt: int, status: Status) -> None:
        with self.store.write() as connection:
            attempts.end(connection, attempt, attempts.Outcome(status, clock.now()))

    def end_train(self, status: Status = Status.COMPLETED) -> None:
        self._end(self.train, status)

    def edit(self, *pairs: tuple[str, str]) -> None:
        text = TEXT
        for before, after in pairs:
            assert before in text
            text = text.replace(before, after)
        self.file.write_text(text)

    def stages(self) -> dict[str, StageRecord]:
        with self.store.read() as connection:
            return {one.name: one for one in views.stages(connection, self.id)}

    def choose(self, *, as_submitted: bool = False) -> edit_effects.PipelineChoice:
        run = submitted.run_of(self.id)
        return edit_effects.choose_pipeline(run, as_submitted=as_submitted)

    def plan(self) -> dict[str, PlannedStage]:
        planned = control.plan_resume(self.id, pipeline=self.choose().pipeline)
        return {one.name: one for one in planned}

    def resume(self) -> list[str]:
        choice = self.choose()
        return control.resume(self.id, pipeline=choice.pipeline, edit=choice.edit)


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Run]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    store = open_store()
    yield Run(store, tmp_path / "two.yaml")
    store.close()


FASTER = ("--lr 1", "--lr 2")
WORD = ("word: old", "word: new")


def test_others_run_edited_and_the_running_one_keeps_its_definition(run: Run) -> None:
    run.edit(FASTER, WORD)
    plan = run.plan()
    assert [plan[name].action for name in ("train", "test")] == [Action.SKIP, Action.RUN]
    assert plan["train"].reason == (
        "is running already; its edit is pending (command changed: --lr 1 -> 2)"
    )
    words = "train runs with the definition it was submitted with; its edit is pending"
    assert resume_plan.waiting(list(plan.values())) == words
    assert words in resume.plan_lines(list(plan.values()))
    assert run.resume() == ["test"]
    stored = run.stages()
    assert stored["test"].definition.command == "test new"
    secrets = shell_environment.read(Path(submitted.run_of(run.id).directory)).secrets
    assert secrets.reveal(stored["train"].definition).command == "train --lr 1 --key hush-1"


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_the_edit_that_waited_applies_once_the_stage_has_ended(run: Run, status: Status) -> None:
    run.edit(FASTER, WORD)
    run.resume()
    assert run.choose().waited == ["train"]
    assert run.resume() == [], "it waits for as long as the stage runs"
    assert run.choose().waited == ["train"]
    run.end_train(status)
    assert run.choose(as_submitted=True).pipeline is None
    assert "command changed: --lr 1 -> 2" in run.plan()["train"].reason
    assert "train" in run.resume()
    assert run.choose() == edit_effects.PipelineChoice()
    secrets = shell_environment.read(Path(submitted.run_of(run.id).directory)).secrets
    train = secrets.reveal(run.stages()["train"].definition)
    assert train.command == "train --lr 2 --key hush-1"


def test_an_edit_that_is_undone_waits_no_longer(run: Run) -> None:
    run.edit(FASTER)
    run.resume()
    run.edit(WORD)
    run.resume()
    run.end_train()
    assert run.choose() == edit_effects.PipelineChoice()
    assert run.plan()["train"].reason == "completed"


def test_an_edited_secret_waits_with_the_old_value(run: Run) -> None:
    run.edit(("hush-1", "hush-2"))
    run.resume()
    secrets = shell_environment.read(Path(submitted.run_of(run.id).directory)).secrets
    assert secrets.reveal(run.stages()["train"].definition).command == "train --lr 1 --key hush-1"
    run.end_train()
    assert "train" in run.resume()
    secrets = shell_environment.read(Path(submitted.run_of(run.id).directory)).secrets
    assert secrets.reveal(run.stages()["train"].definition).command == "train --lr 1 --key hush-2"


def test_a_removed_running_stage_stays_until_it_ends(run: Run) -> None:
    text = "\n".join(line for line in TEXT.splitlines() if "train" not in line)
    run.file.write_text(text + "\n")
    assert run.plan()["train"].reason == (
        "is running already; its edit is pending (no longer in the file)"
    )
    run.resume()
    assert {name: one.removed for name, one in run.stages().items()} == {
        "test": False,
        "train": False,
        "select": True,
    }
    run.end_train()
    run.resume()
    assert run.stages()["train"].removed


def test_an_edit_in_place_waits_too_and_survives_the_file(run: Run) -> None:
    record = submitted.run_of(run.id)
    text = edits.text_of(record)
    edit = edits.with_text(record, text, text.replace(*FASTER).replace(*WORD))
    choice = edit_effects.choose_pipeline(record, edit=edit)
    control.resume(run.id, pipeline=choice.pipeline, edit=choice.edit)
    assert run.stages()["test"].definition.command == "test new"
    run.end_train()
    assert "command changed: --lr 1 -> 2" in run.plan()["train"].reason
    assert "train" in run.resume()
    assert run.stages()["test"].definition.command == "test new"
    assert run.choose() == edit_effects.PipelineChoice()


def test_dependencies_of_a_running_stage_cannot_change(run: Run) -> None:
    run.edit(('${params.api_key}"}', '${params.api_key}", depends_on: [test]}'))
    with pytest.raises(UsageError, match="train is running, and it was edited; cancel it first"):
        run.resume()


SEARCH = """\
name: one
stages:
  - name: train
    search: {space: {x: {low: 0, high: 1}}, metric: loss, goal: minimize, trials: 2}
    run: "train ${search.x}"
"""


@pytest.mark.folders
def test_trials_of_a_running_search_share_their_number(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(SEARCH)
    run_id = control.submit(loader.load(str(file), {}))
    with run.store.write() as connection:
        first = views.stage(connection, run_id, "train[trial=0]")
        assert first is not None
        granted = attempts.grant(connection, first, [], host="h")
        assert granted is not None
        assert attempts.claim(connection, run_id, first.name, granted.celery_task_id or "")
    edited = loader.load_text(SEARCH.replace("train $", "retrain $").replace("s: 2", "s: 3"))
    control.resume(run_id, pipeline=edited)
    with run.store.read() as connection:
        found = [one.definition for one in views.stages(connection, run_id)]
    assert [one.search and one.search.trials for one in found] == [3, 3, 3]
    assert [str(one.command).partition(" ")[0] for one in found] == ["train", "retrain", "retrain"]
    fewer = loader.load_text(SEARCH.replace("trials: 2", "trials: 1").replace("low: 0", "low: 0.5"))
    with run.store.write() as connection:
        last = views.stage(connection, run_id, "train[trial=2]")
        assert last is not None
        granted = attempts.grant(connection, last, [], host="h")
        assert granted is not None
        assert attempts.claim(connection, run_id, last.name, granted.celery_task_id or "")
    with pytest.raises(UsageError, match="the file no longer has it"):
        control.plan_resume(run_id, pipeline=fewer)
