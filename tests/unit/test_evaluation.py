"""An evaluation's turns: a kill at any point loses no checkpoint and evaluates none twice."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.execution.submitted import begin, submit
from tests.unit.store import readings
from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control, evaluation
from trainui.evaluation import NEWER, Evaluator
from trainui.model.definition import Pipeline
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.resume import held_checkpoints, search_results
from trainui.resume.held_checkpoints import FoundCheckpoint, NoSpaceError
from trainui.store.db.engine import Database, open_store
from trainui.store.points import read_points, write_points
from trainui.store.read import evaluations, views
from trainui.store.read.evaluations import OUTDATED, CheckpointRecord
from trainui.store.runs import attempts, checkpoint_stages
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.metrics_progress import mark_metrics_complete
from trainui.supervisor import protocol

TEXT = """
name: each
stages:
  - name: train
    run: python train.py
    checkpoint: step-*.npz
    resume_args: [--resume, "${checkpoint}"]
    retries: 2
  - name: evaluate
    each_checkpoint: train
    EVERY
    metric: loss
    goal: minimize
    run: echo ${checkpoint} ${stage_dir}
  - name: more
    depends_on: [prepare]
    run: echo x
  - name: prepare
    run: echo x
  - name: use
    depends_on: [evaluate]
    run: echo ${stages.evaluate.best.checkpoint} ${stages.evaluate.best.step}
"""


class KilledError(BaseException):
    """The process dies here."""


class Case:
    """A run without processes: its stages are begun and ended by the test."""

    def __init__(self, store: Database, directory: Path, every: str = "") -> None:
        self.store, self.directory = store, directory
        self.run_id = submit(directory, TEXT.replace("EVERY", every))
        self._evaluator: Evaluator | None = None

    def edited(self, text: str) -> Pipeline:
        return loader.load_text(text, directory=str(self.directory))

    def stage(self, name: str) -> StageRecord:
        with self.store.read() as connection:
            found = views.stage(connection, self.run_id, name)
        assert found is not None
        return found

    def begin(self, name: str) -> None:
        context = begin(self.store, self.run_id, name)
        (Path(context.attempt.directory) / protocol.STARTED_FILE).touch()

    def end(self, name: str, status: Status = Status.COMPLETED, *, is_read: bool = True) -> None:
        with self.store.write() as connection:
            last = views.attempts_of_stage(connection, self.stage(name).id)[-1]
            attempts.end(connection, last.id, Outcome(status, clock.now()))
            if is_read:
                mark_metrics_complete(connection, last.id)

    def evaluate(self, step: int, loss: float, **others: float) -> None:
        """Run the evaluation of a step to its end."""
        name = f"evaluate[step={step}]"
        self.begin(name)
        values = {"loss": loss, **others}
        Feeder(self.store, self.stage(name).id).feed(
            {key: [(0, one)] for key, one in values.items()}
        )
        self.end(name)

    def save(self, step: int, text: str = "") -> Path:
        path = Path(self.stage("train").directory) / f"step-{step}.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("step", f"{step} {text}")
        return path

    def turn(self) -> None:
        """One turn, by a new process if the last one was killed."""
        if self._evaluator is None:
            self._evaluator = Evaluator(self.store, self.stage("evaluate").id)
        try:
            self._evaluator.turn()
        except KilledError:
            self._evaluator = None

    def restart(self) -> None:
        """Let another process take the next turn."""
        self._evaluator = None

    def rows(self) -> list[CheckpointRecord]:
        with self.store.read() as connection:
            return evaluations.of_evaluation(connection, self.stage("evaluate").id)

    def states(self) -> dict[str, str]:
        with self.store.read() as connection:
            found = views.stages(connection, self.run_id)
        return {one.name: str(one.status) for one in found if one.name.startswith("evaluate[")}

    def held(self) -> set[str]:
        directory = Path(self.stage("train").directory).parent
        return {one.name for one in evaluations.held_directory(directory).iterdir()}

    def points(self) -> dict[float, float]:
        with self.store.read() as connection:
            found = read_points.points(connection, {self.stage("evaluate").id: "evaluate"})
            return {one.step: one.value for one in found}


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Database]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    opened = open_store()
    yield opened
    readings.close_all()
    opened.close()


@pytest.fixture
def case(store: Database, tmp_path: Path) -> Case:
    made = Case(store, tmp_path)
    made.begin("train")
    return made


def killed_in(monkeypatch: pytest.MonkeyPatch, module: object, name: str, *, after: bool) -> None:
    """Let the next call of a function be the last thing that the process does."""
    real = getattr(module, name)

    def dying(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(module, name, real)
        if after:
            real(*arguments, **named)
        raise KilledError

    monkeypatch.setattr(module, name, dying)


def test_each_checkpoint_is_evaluated_behind_the_trainings(case: Case) -> None:
    case.save(1)
    case.turn()
    case.save(2)
    case.turn()
    assert case.states() == {"evaluate[step=1]": "queued", "evaluate[step=2]": "queued"}
    with case.store.read() as connection:
        waiting = [one.name for one in attempts.queued(connection)]
    assert waiting == ["prepare", "evaluate[step=1]", "evaluate[step=2]"]


def test_a_copy_held_before_a_kill_is_stored_after_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = case.save(1)
    killed_in(monkeypatch, checkpoint_stages, "add_found", after=False)
    case.turn()
    assert case.rows() == []
    path.unlink()
    case.turn()
    assert case.states() == {"evaluate[step=1]": "queued"}
    assert len(case.rows()) == 1


@pytest.mark.parametrize("name", ["hold", "drop"])
@pytest.mark.parametrize("after", [False, True])
def test_kills_around_the_copies_change_nothing(
    name: str, after: bool, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, held_checkpoints, name, after=after)
    case.save(1)
    for _ in range(2):
        case.turn()
    case.save(2)
    case.turn()
    case.evaluate(1, 0.5)
    case.evaluate(2, 0.4)
    case.end("train")
    for _ in range(3):
        case.turn()
    assert [row.state for row in case.rows()] == ["current", "current"]
    assert case.points() == {1: 0.5, 2: 0.4}
    assert case.held() == {case.rows()[1].held}
    assert case.stage("evaluate").status == Status.COMPLETED


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_while_the_curve_is_drawn_repeats_it(
    after: bool, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.save(1)
    case.turn()
    case.evaluate(1, 0.5)
    killed_in(monkeypatch, checkpoint_stages, "set_drawn", after=after)
    case.turn()
    assert case.points() == {}
    case.turn()
    assert case.points() == {1: 0.5}


def test_metrics_read_after_the_end_are_drawn_then(case: Case) -> None:
    case.save(1)
    case.turn()
    case.begin("evaluate[step=1]")
    case.end("evaluate[step=1]", is_read=False)  # the metrics reader hangs
    case.turn()
    stage = case.stage("evaluate[step=1]")
    Feeder(case.store, stage.id).feed({"loss": [(0, 0.5)]})
    with case.store.write() as connection:
        (attempt,) = views.attempts_of_stage(connection, stage.id)
        mark_metrics_complete(connection, attempt.id)
        assert checkpoint_stages.unfinished(connection, None) == [case.stage("evaluate").id]
    case.turn()
    assert case.points() == {1: 0.5}


def test_an_evaluation_ends_only_with_the_points_of_its_last_member(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.save(1)
    case.end("train")
    case.turn()
    draw = write_points.draw_evaluation

    def draw_too_early(store: Database, evaluation_id: str) -> bool:
        has_changed = draw(store, evaluation_id)
        case.evaluate(1, 0.5)
        return has_changed

    with monkeypatch.context() as patched:
        patched.setattr(write_points, "draw_evaluation", draw_too_early)
        case.turn()
    assert case.stage("evaluate").status == Status.PENDING
    case.turn()
    assert case.stage("evaluate").status == Status.COMPLETED
    assert case.points() == {1: 0.5}


def test_the_best_goes_to_the_stage_that_follows(case: Case) -> None:
    for step, loss in ((1, 0.5), (2, 0.3), (3, 0.4)):
        case.save(step)
        case.turn()
        case.evaluate(step, loss)
        case.save(step).unlink()
        case.turn()
    assert case.stage("use").status == Status.PENDING
    case.end("train")
    case.turn()
    assert case.stage("use").status == Status.QUEUED
    with case.store.read() as connection:
        needed = search_results.needed_by(connection, case.run_id, case.stage("use").definition)
    assert needed["evaluate"].best_step == "2"
    assert Path(needed["evaluate"].best_checkpoint or "").exists()
    assert case.held() == {case.rows()[1].held}


def test_newest_leaves_out_what_a_newer_one_overtakes(store: Database, tmp_path: Path) -> None:
    case = Case(store, tmp_path, "every: newest")
    case.begin("train")
    case.save(1)
    case.turn()
    case.begin("evaluate[step=1]")
    for step in (2, 3):
        case.save(step)
        case.turn()
    assert case.states() == {
        "evaluate[step=1]": "running",
        "evaluate[step=2]": "skipped",
        "evaluate[step=3]": "queued",
    }
    assert case.stage("evaluate[step=2]").reason == NEWER
    assert case.rows()[1].held is None


def test_a_training_that_went_back_supersedes(case: Case) -> None:
    paths = [case.save(step) for step in (1, 2, 3)]
    case.turn()
    for step in (1, 2, 3):
        case.evaluate(step, step / 10)
    case.turn()
    case.end("train", Status.FAILED)  # and is retried
    case.begin("train")
    with case.store.write() as connection:
        last = views.attempts_of_stage(connection, case.stage("train").id)[-1]
        attempts.set_checkpoint(connection, last.id, str(paths[0]))
    case.turn()
    assert case.points() == {1: 0.1, 2: 0.2, 3: 0.3}  # it may end before it gets anywhere
    Feeder(case.store, case.stage("train").id, "m", attempt=2).feed({"loss": [(2, 0.5)]})
    case.turn()
    assert case.points() == {1: 0.1}
    case.save(2, "another")
    case.turn()
    assert case.states()["evaluate[step=2]"] == "queued"
    case.evaluate(2, 0.7)
    case.turn()
    assert case.points()[2] == 0.7
    assert [row.state for row in case.rows()] == ["current", "superseded", "superseded", "current"]


def test_an_attempt_that_got_nowhere_supersedes_nothing(case: Case) -> None:
    paths = [case.save(step) for step in (1, 2)]
    case.turn()
    case.evaluate(1, 0.1)
    case.evaluate(2, 0.2)
    for place in (0, 1):  # the second one continues where the first training ended
        case.end("train", Status.FAILED)
        case.begin("train")
        with case.store.write() as connection:
            last = views.attempts_of_stage(connection, case.stage("train").id)[-1]
            attempts.set_checkpoint(connection, last.id, str(paths[place]))
        case.turn()
    case.save(3)
    case.turn()
    case.evaluate(3, 0.3)
    case.end("train")
    case.turn()
    assert case.points() == {1: 0.1, 2: 0.2, 3: 0.3}


def test_the_best_is_held_also_after_going_back(case: Case) -> None:
    paths = []
    for step, loss in ((1, 0.2), (2, 0.5), (3, 0.1)):
        paths.append(case.save(step))
        case.turn()
        case.evaluate(step, loss)
        case.turn()
    paths[0].unlink()
    assert case.held() == {case.rows()[0].held, case.rows()[2].held}  # 2 may be gone back to
    case.end("train", Status.FAILED)
    case.begin("train")
    with case.store.write() as connection:
        last = views.attempts_of_stage(connection, case.stage("train").id)[-1]
        attempts.set_checkpoint(connection, last.id, str(paths[1]))
    Feeder(case.store, case.stage("train").id, "m", attempt=2).feed({"loss": [(3, 0.5)]})
    case.turn()
    assert best_step(case) == "1"
    case.end("train")
    case.turn()
    assert case.held() == {case.rows()[0].held}


def test_a_link_to_the_last_is_no_checkpoint_of_its_own(case: Case) -> None:
    for step in (1, 2):
        path = case.save(step)
        link = path.with_name("step-last.npz")
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        case.turn()
    assert [Path(row.path).name for row in case.rows()] == ["step-1.npz", "step-2.npz"]


def test_a_second_file_of_a_step_is_not_held(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    held, real = [], held_checkpoints.hold

    def counted(*arguments: Any, **named: Any) -> str:
        held.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(held_checkpoints, "hold", counted)
    place = Path(case.stage("train").directory)
    for name in ("step-5.npz", "step-last.npz"):
        np.savez(place / name, step=5)
        case.turn()
    assert [row.state for row in case.rows()] == ["current", "left_out"]
    assert case.rows()[1].reason == "has the step of step-5.npz"
    assert len(held) == 1


def test_a_directory_waits_for_what_callbacks_add(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(case.stage("train").directory, "step-1.npz")
    place.mkdir()
    np.savez(place / "weights.npz", x=1)
    (place / ".metadata").write_text("{}")
    case.turn()
    (place / "adapter.bin").write_text("x")
    with monkeypatch.context() as during:
        during.setattr(evaluation, "SETTLED_SOON", 0.0)
        case.turn()
        assert case.rows() == []
        case.turn()
    held = evaluations.held_directory(Path(case.stage("train").directory).parent)
    assert (
        evaluations.held_copy(held, case.rows()[0].held or "", str(place)) / "adapter.bin"
    ).exists()


def test_a_torn_checkpoint_is_left_alone(case: Case) -> None:
    path = case.save(1)
    path.write_bytes(path.read_bytes()[:40])
    case.turn()
    assert case.rows() == []
    case.end("train")
    case.turn()
    assert case.stage("evaluate").status == Status.COMPLETED


def test_a_kind_that_cannot_be_checked_has_to_settle(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(case.stage("train").directory, "step-1.npz").mkdir()
    Path(case.stage("train").directory, "step-1.npz", "weights.xyz").write_text("x")
    case.turn()
    assert case.rows() == []
    monkeypatch.setattr(evaluation, "SETTLED_AFTER", 0.0)
    case.turn()
    assert len(case.rows()) == 1


def test_a_full_disk_is_named_and_tried_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_named: object) -> str:
        raise NoSpaceError("no space")

    monkeypatch.setattr(evaluation, "HOLD_AGAIN_AFTER", 0.0)
    with monkeypatch.context() as during:
        during.setattr(held_checkpoints, "hold", full)
        case.save(1)
        case.turn()
    assert "no space" in (case.stage("evaluate").reason or "")
    case.turn()
    assert case.states() == {"evaluate[step=1]": "queued"}
    assert "no space" not in (case.stage("evaluate").reason or "")


def test_a_resume_evaluates_only_what_is_missing(case: Case) -> None:
    case.save(1)
    case.save(2)
    case.turn()
    case.evaluate(1, 0.5)
    case.begin("evaluate[step=2]")
    case.end("evaluate[step=2]", Status.FAILED)
    case.end("train")
    case.turn()
    assert case.stage("evaluate").status == Status.BLOCKED
    revived = control.resume(case.run_id)
    assert "evaluate[step=2]" in revived
    assert "evaluate[step=1]" not in revived
    case.evaluate(2, 0.4)
    case.turn()
    assert case.stage("evaluate").status == Status.COMPLETED


def test_an_edit_runs_the_evaluation_again_best_first(case: Case) -> None:
    for step, loss in ((1, 0.5), (2, 0.3), (3, 0.4)):
        case.save(step)
        case.turn()
        case.evaluate(step, loss)
    case.end("train")
    case.turn()
    Path(case.stage("train").directory, "step-1.npz").unlink()
    edited = TEXT.replace("EVERY", "").replace("echo ${checkpoint}", "echo again ${checkpoint}")
    plan = control.resume(case.run_id, pipeline=case.edited(edited))
    assert set(plan) == {"evaluate", "evaluate[step=2]", "evaluate[step=3]"}
    with case.store.read() as connection:
        waiting = [one.name for one in attempts.queued(connection)]
    assert waiting[-2:] == ["evaluate[step=2]", "evaluate[step=3]"]
    case.turn()
    assert (case.rows()[0].state, case.rows()[0].reason) == ("left_out", OUTDATED)
    assert case.points() == {}
    for step in (2, 3):
        case.evaluate(step, 0.7)
    case.turn()
    assert case.points() == {2: 0.7, 3: 0.7}
    assert case.stage("evaluate").status == Status.COMPLETED
    control.resume(case.run_id, pipeline=case.edited(TEXT.replace("EVERY", "")))
    case.turn()  # the edit was taken back
    assert case.points() == {1: 0.5}
    assert "evaluate[step=1]" in case.stage("evaluate").depends_on


def test_a_copy_made_for_an_attempt_is_no_other_checkpoint(case: Case) -> None:
    case.save(1)
    case.turn()
    (row,) = case.rows()
    assert row.held is not None
    place = evaluations.held_directory(Path(case.stage("train").directory).parent)
    held_checkpoints.drop(place, row.held)  # as after its evaluation
    found = FoundCheckpoint(row.path, row.written_at, row.attempt, row.identity)
    key = held_checkpoints.hold(place, "evaluate", found, complete=None, row=row.id)
    case.restart()  # the process dies before it is stored
    case.turn()
    assert [one.held for one in case.rows()] == [key]


def test_an_edited_goal_makes_another_checkpoint_the_best(case: Case) -> None:
    for step, loss in ((1, 0.5), (2, 0.3)):
        case.save(step)
        case.turn()
        case.evaluate(step, loss)
    case.end("train")
    case.turn()
    assert best_step(case) == "2"
    edited = TEXT.replace("EVERY", "").replace("goal: minimize", "goal: maximize")
    assert control.resume(case.run_id, pipeline=case.edited(edited)) == []
    case.turn()
    assert best_step(case) == "1"


def test_the_best_is_one_that_still_exists(case: Case) -> None:
    for step, loss in ((1, 0.5), (2, 0.3), (3, 0.4)):
        path = case.save(step)
        case.turn()
        case.evaluate(step, loss)
        if step == 1:
            path.unlink()
    case.end("train")
    case.turn()
    edited = TEXT.replace("EVERY", "").replace("goal: minimize", "goal: maximize")
    control.resume(case.run_id, pipeline=case.edited(edited))
    case.turn()
    assert best_step(case) == "3"


def test_an_edited_metric_is_compared_at_once(case: Case) -> None:
    for step, loss in ((1, 0.5), (2, 0.3)):
        case.save(step)
        case.turn()
        case.evaluate(step, loss, accuracy=-loss)
    case.end("train")
    case.turn()
    edited = TEXT.replace("EVERY", "").replace("metric: loss", "metric: accuracy")
    assert control.resume(case.run_id, pipeline=case.edited(edited)) == []
    case.turn()
    assert best_step(case) == "1"
    wrong = edited.replace("metric: accuracy", "metric: acuracy")
    control.resume(case.run_id, pipeline=case.edited(wrong))
    case.turn()
    assert best_step(case) is None  # rather than that of another metric


def best_step(case: Case) -> str | None:
    with case.store.read() as connection:
        return search_results.of_evaluation(connection, case.run_id, "evaluate").best_step


def test_a_checkpoint_waits_for_a_reader_that_is_behind(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step is that of the points of its time, which are in the file and not stored yet."""
    monkeypatch.setattr(evaluation, "STEP_WITHIN", 0)
    file = case.directory / "metrics.jsonl"
    file.write_text("x" * 20)
    train = case.stage("train").id
    feeder = Feeder(case.store, train, str(file))
    feeder.feed({"loss": [(6, 0.5)]}, time=clock.now() - clock.SECOND)
    case.save(1).rename(Path(case.stage("train").directory) / "step-last.npz")
    for _ in range(3):
        case.turn()
    assert "evaluate[step=6]" not in case.states()
    (row,) = case.rows()
    # after the file's time, which is of a coarser clock
    feeder.feed({"loss": [(7, 0.4)]}, time=row.written_at // 1000 + 5000)

    def is_evaluated() -> bool:
        case.turn()
        return set(case.states()) == {"evaluate[step=7]"}

    wait_for(is_evaluated, "the evaluation of step 7")
