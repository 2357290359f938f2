"""Trainings in directories: found by what trackers and frameworks leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics.corpus import corpus_root, needs_corpus
from trainui.metrics.discovery import open_files, trainings

CORPUS = corpus_root() or Path()

KINDS = {
    "accelerate/digits": "tfevents",
    "dvclive/plain": "dvclive",
    "fastai": "keras",
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
    assert [job.name for job in multirun.jobs] == ["0", "1", "2", "3", "4", "5"]
    assert multirun.jobs[0].params == {"lr": "0.1", "seed": "1"}
    assert len({tuple(job.params.items()) for job in multirun.jobs}) == 6
    (single,) = (one for one in found if "outputs" in str(one.path))
    assert single.jobs[0].params["lr"] == "0.3"
    assert single.jobs[0].log is not None


def test_links_are_not_followed_and_directories_without_a_training_give_none(
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
        found = open_files.written()
        assert str(tmp_path / "written") in found
        assert str(tmp_path / "read") not in found
        assert open_files.is_any_below(tmp_path, found)
    assert not open_files.is_any_below(tmp_path, open_files.written())
