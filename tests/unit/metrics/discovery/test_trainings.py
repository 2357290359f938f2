"""Trainings in directories: found by what trackers and frameworks leave."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.unit.metrics.corpus import corpus_root, expected_files, needs_corpus
from tests.unit.metrics.test_wandb import field, frames, item, row
from tests.unit.metrics.trackers.test_databases import MLFLOW
from trainui.metrics import trackers
from trainui.metrics.discovery import file_writers, trainings
from trainui.metrics.tail import UnreadableFileError

CORPUS = corpus_root() or Path()

NOBODY = 65534

KINDS = {
    "accelerate/digits": "tfevents",
    "dvclive/plain": "dvclive",
    "fastai": "csv",
    "hf/run_nan": "hf",
    "keras/csv_tb": "keras",
    "lightning/csv/version_0": "lightning",
    "metriclogger": "jsonl",
    "rotating": "log",
    "sb3/ppo": "sb3",
    "ultralytics/v8.4_detect": "ultralytics",
}


@needs_corpus
@pytest.mark.parametrize(("folder", "kind"), KINDS.items())
def test_a_training_is_named_by_its_framework(folder: str, kind: str) -> None:
    found = {one.path: one for one in trainings.below(CORPUS / "produced" / folder)}
    assert found[CORPUS / "produced" / folder].kind == kind


def test_a_lightning_version_without_hyperparameters_is_named_by_directory(
    tmp_path: Path,
) -> None:
    version = tmp_path / "lightning_logs" / "version_0"
    version.mkdir(parents=True)
    (version / "metrics.csv").write_text("epoch,step,loss\n0,1,2.5\n")
    assert [one.kind for one in trainings.below(tmp_path)] == ["lightning"]


@needs_corpus
def test_wandb_logs_are_a_training_each() -> None:
    found = trainings.below(CORPUS / "trackers" / "wandb")
    assert {one.kind for one in found} == {"wandb"}
    assert len(found) == len(list((CORPUS / "trackers" / "wandb").rglob("*.wandb")))
    assert all(one.jobs[0].sources for one in found)


@needs_corpus
def test_mlflow_runs_have_parameters_state_and_times() -> None:
    found = {one.name: one for one in trainings.below(CORPUS / "trackers" / "mlflow_files")}
    job = found["outer"].jobs[0]
    assert (job.params["lr"], job.status) == ("0.1", "completed")
    assert job.started is not None
    assert job.ended is not None
    assert job.started < job.ended
    assert found["killed"].jobs[0].status == "running"  # as MLflow says


@needs_corpus
def test_a_multirun_is_one_training_with_a_job_each() -> None:
    found = trainings.below(CORPUS / "trackers" / "hydra")
    (multirun,) = (one for one in found if "multirun" in str(one.path))
    assert {job.name for job in multirun.jobs} == {"make_hydra"}
    assert [job.matrix["job"] for job in multirun.jobs] == ["0", "1", "2", "3", "4", "5"]
    assert multirun.jobs[5].matrix == {"job": "5", "lr": "0.3", "seed": "2"}
    assert multirun.jobs[0].params == {"lr": "0.1", "seed": "1"}
    assert len({tuple(job.params.items()) for job in multirun.jobs}) == 6
    (single,) = (one for one in found if "outputs" in str(one.path))
    assert single.jobs[0].params["lr"] == "0.3"
    assert single.jobs[0].log is not None


def test_links_are_not_followed_and_directories_without_trainings_give_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    (tmp_path / "again").symlink_to(tmp_path)
    assert trainings.below(tmp_path) == []
    (tmp_path / "x" / "hparams.yaml").parent.mkdir()
    (tmp_path / "x" / "hparams.yaml").write_text("a: !!python/object:x.Y {}\nopt: {lr: 0.1}\n")
    (found,) = trainings.below(tmp_path)
    assert found.jobs[0].params == {"a": None, "opt.lr": 0.1}
    (tmp_path / "x" / "hparams.yaml").write_bytes(b"\xff: [")
    (found,) = trainings.below(tmp_path)
    assert found.jobs[0].params == {}
    with pytest.raises(OSError, match="No such file"):
        trainings.below(tmp_path / "none")


def test_files_that_are_open_for_writing_are_seen(tmp_path: Path) -> None:
    (tmp_path / "read").write_text("x")
    with (tmp_path / "written").open("a"), (tmp_path / "read").open():
        found = file_writers.written()
        assert str(tmp_path / "written") in found
        assert str(tmp_path / "read") not in found
        assert file_writers.is_any_below(tmp_path, found)
    assert not file_writers.is_any_below(tmp_path, file_writers.written())


def test_a_wandb_run_whose_id_was_chosen_is_described(tmp_path: Path) -> None:
    place = tmp_path / "wandb" / "offline-run-20261126_233914-my-run.1"
    place.mkdir(parents=True)
    run = field(1, 1) + field(17, field(1, b"my-run.1") + field(8, b"baseline"))
    ended = field(1, 2) + field(18, field(1, 0))
    (place / "run-my-run.1.wandb").write_bytes(frames(run, row(1, item("loss", 1)), ended))
    (found,) = trainings.below(tmp_path)
    assert (found.kind, found.name, found.jobs[0].status) == ("wandb", "baseline", "completed")


@pytest.mark.parametrize(("starting_step", "step"), [(0, 0), (7, 7), (0, 7)])
def test_a_resumed_wandb_run_is_one_training_if_steps_continue(
    tmp_path: Path, starting_step: int, step: int
) -> None:
    places = [
        tmp_path / "wandb" / name
        for name in ("run-20260101_000000-a1", "run-20260102_000000-a1", "run-20260103_000000-b2")
    ]
    for place in places:
        begun = starting_step if place is places[1] else 0
        record = field(17, field(1, place.name[-2:].encode()) + field(14, begun))
        place.mkdir(parents=True)
        log = place / f"run-{place.name[-2:]}.wandb"
        at = step if place is places[1] else 0  # W&B offline does not know the other log
        log.write_bytes(frames(field(1, 1) + record, row(at, item("loss", 1))))
    found = {one.path: one.jobs[0].sources for one in trainings.below(tmp_path)}
    first, last, other = (((next(one.glob("*.wandb")), "wandb"),) for one in places)
    joined = {places[1]: first + last} if step else {places[0]: first, places[1]: last}
    assert found == {**joined, places[2]: other}


def test_a_deleted_run_of_mlflows_files_is_left_out(tmp_path: Path) -> None:
    for run, stage in (("a", "active"), ("b", "deleted")):
        (tmp_path / run / "metrics").mkdir(parents=True)
        (tmp_path / run / "meta.yaml").write_text(f"run_id: {run}\nlifecycle_stage: {stage}\n")
        (tmp_path / run / "metrics" / "loss").write_text("1700000000000 1 1\n")
    assert [one.path.name for one in trainings.below(tmp_path)] == ["a"]


@needs_corpus
@pytest.mark.parametrize("kind", ["wandb", "mlflow", "trackio", "optuna"])
def test_runs_of_trackers_have_their_names_states_and_parameters(kind: str) -> None:
    checked = 0
    for one in expected_files():
        if f"trackers/{kind}/" not in one.name:
            continue
        if kind == "wandb" and not (CORPUS / one.name).exists():
            continue
        place = one.path.parent if kind == "wandb" else one.path
        found = {training.run: training for training in trainings.below(place)}
        if (training := found.get(one.run)) is None:
            assert "deleted" in str(one.about)
            continue
        assert training.kind == kind
        checked += 1
        if kind == "optuna":
            trials = {job.name: (job.status, job.params) for job in training.jobs}
            states = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed"}
            assert trials == {
                f"trial {number}": (states.get(trial["state"], "running"), trial["params"])
                for number, trial in one.about["trials"].items()
            }
            continue
        assert training.name == one.about["run"]["name"] or one.about["run"]["id"]
        assert training.jobs[0].params == one.about.get("params", {})
    assert checked > 2


@needs_corpus
def test_a_wandb_log_says_how_its_run_ended() -> None:
    found = trainings.below(CORPUS / "trackers" / "wandb")
    states = sorted(str(one.jobs[0].status) for one in found if one.name in ("abc12345", "killed"))
    assert states == ["None", "completed", "failed"]


def test_a_databases_run_runs_while_its_file_is_open(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.executescript(MLFLOW)
        row = ("r", "mine", "RUNNING", 1000, None, "active")
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.commit()
        (found,) = trainings.below(tmp_path)
        assert trainings.state(found.jobs[0], file_writers.written()) == "running"
    assert trainings.state(found.jobs[0], file_writers.written()) == "ended"


@pytest.mark.parametrize(
    ("hours_ahead", "state"), [(0.0, "running"), (0.5, "running"), (9.0, "ended"), (-1.0, "ended")]
)
def test_files_from_the_far_future_are_not_recent(
    tmp_path: Path, hours_ahead: float, state: str
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1, "loss": 2.5}\n')
    written = time.time() + hours_ahead * 3600
    os.utime(file, (written, written))
    (found,) = trainings.below(tmp_path)
    assert trainings.state(found.jobs[0], frozenset()) == state


@needs_corpus
def test_optunas_journal_is_a_training(tmp_path: Path) -> None:
    journal = CORPUS / "trackers" / "optuna" / "journal.log"
    (tmp_path / "study.log").write_bytes(journal.read_bytes())
    (found,) = trainings.below(tmp_path)
    (again,) = trainings.below(tmp_path / "study.log")
    assert found == again
    assert (found.kind, found.run) == ("optuna", "digits")
    assert [job.name for job in found.jobs] == [
        f"trial {number}" for number in range(len(found.jobs))
    ]


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(trackers.MAGIC + bytes(5000) + b"latest_metrics")
    with pytest.raises(UnreadableFileError, match=r"mlflow\.db cannot be read as a database"):
        trainings.below(tmp_path / "mlflow.db")
    left_out: trainings.LeftOut = {}
    assert trainings.below(tmp_path, left_out) == []
    assert [*left_out] == [tmp_path / "mlflow.db"]


def test_names_that_are_not_utf8_are_left_out_and_named(tmp_path: Path) -> None:
    bad = [tmp_path / os.fsdecode(name) for name in (b"bad\xff", b"good/train_\xff.jsonl")]
    for directory in (tmp_path / "good", bad[0] / "below"):
        directory.mkdir(parents=True)
        (directory / "metrics.csv").write_text("step,loss\n1,0.5\n")
    bad[1].write_text('{"step": 1, "loss": 0.5}\n')
    left_out: trainings.LeftOut = {}
    (found,) = trainings.below(tmp_path, left_out)
    assert found.jobs[0].sources == ((tmp_path / "good" / "metrics.csv", None),)
    assert sorted(left_out) == bad
    left_out.clear()
    assert trainings.below(bad[1], left_out) == []
    assert [*left_out] == [bad[1]]


def test_files_too_deep_or_too_many_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "MAX_DEPTH", 1)
    (tmp_path / "a" / "b").mkdir(parents=True)
    left_out: trainings.LeftOut = {}
    assert trainings.below(tmp_path, left_out) == []
    assert [*left_out] == [tmp_path / "a" / "b"]
    monkeypatch.setattr(trainings, "MOST_ENTRIES", 0)
    left_out.clear()
    assert trainings.below(tmp_path, left_out) == []
    assert [*left_out] == [tmp_path]


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a while, if the tests run as root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


@pytest.mark.parametrize("marker", ["plots/metrics", ".hydra", "checkpoint-1"])
def test_an_unreadable_directory_does_not_hide_the_others(marker: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        closed = root / "a" / marker.partition("/")[0]
        (root / "a" / marker).mkdir(parents=True)
        (root / "b").mkdir()
        for one in ("a", "b"):
            (root / one / "metrics.csv").write_text("step,loss\n1,0.5\n")
        closed.chmod(0)
        with without_privileges():
            left_out: trainings.LeftOut = {}
            found = [one.path for one in trainings.below(root, left_out)]
        closed.chmod(0o700)
        assert found == [root / "a", root / "b"]
        assert [*left_out] == [closed]


def test_a_multirun_whose_sweeper_leaves_no_file_is_one_training(tmp_path: Path) -> None:
    multirun = tmp_path / "multirun" / "2026-12-01" / "02-16-48"
    for number in range(3):
        job = multirun / str(number) / ".hydra"
        job.mkdir(parents=True)
        (job / "overrides.yaml").write_text(f"- lr=0.{number}\n")
        (job / "hydra.yaml").write_text(f"hydra:\n  mode: MULTIRUN\n  job:\n    num: {number}\n")
        (multirun / str(number) / "train.log").write_text("step 1 loss 0.5\n")
    (found,) = trainings.below(tmp_path)
    assert (found.kind, found.path) == ("hydra", multirun)
    assert [one.params for one in found.jobs] == [{"lr": f"0.{number}"} for number in range(3)]
