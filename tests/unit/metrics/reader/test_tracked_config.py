"""What trackers record of an attempt's configuration becomes parameters of its run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.metrics.attempts import Attempt, start_attempt
from tests.unit.metrics.reading import lines
from tests.unit.metrics.test_wandb import field, frames, item, row
from tests.unit.metrics.trackers.test_databases import MLFLOW
from trainui import wakeup
from trainui.metrics.discovery import trainings
from trainui.metrics.reader.attempt import AttemptReader
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import run_in_json, views
from trainui.store.read.views import dump
from trainui.store.runs import metrics_progress


def config(**values: Any) -> bytes:
    """The record of a run with a configuration."""
    items = b"".join(field(1, item(name, value)) for name, value in values.items())
    return field(1, 300) + field(17, field(4, items))


def finish(store: Database, attempt: Attempt) -> None:
    attempt.end()
    reader = AttemptReader(store, attempt.to_read)
    reader.finish(clean=True)
    reader.close()


def params_of(name: str = "train") -> dict[str, Any]:
    """The parameters of a run, and those that are shown for its stage."""
    with closing(engine.connect_to_read()) as connection:
        run = next(one for one in views.runs(connection) if one.name == f"run-of-{name}")
        (stage,) = run_in_json.run_in_full(connection, run)["stages"]
    assert {key: str(value) for key, value in stage["params"].items()} == dict(run.params)
    return dict(run.params)


def test_the_config_of_wandb_is_known_while_the_attempt_runs(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    log = attempt.workdir / "wandb" / "run-20260101_000000-x1" / "run-x1.wandb"
    log.parent.mkdir(parents=True)
    written = config(lr=0.1, optimizer={"name": "sgd"}, api_key="s3cret", layers=[1, 2])
    log.write_bytes(frames(written, row(0, item("loss", 1))))
    reader = AttemptReader(store, attempt.to_read)
    for _ in range(2):
        reader.scan()
        while reader.advance().more:
            pass
    found = params_of()
    assert (found["lr"], found["optimizer.name"], found["layers"]) == ("0.1", "sgd", "[1, 2]")
    assert "s3cret" not in found.values()
    reader.close()


def test_the_overrides_of_a_hydra_job_that_only_prints(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    job = attempt.workdir / "outputs" / "2026-12-01" / "02-16-48" / ".hydra"
    job.mkdir(parents=True)
    (job / "overrides.yaml").write_text("- lr=0.5\n- +net.depth=3\n")
    (attempt.directory / "stdout.log").write_text("step 0 loss 0.5\nstep 1 loss 0.4\n")
    finish(store, attempt)
    assert params_of() == {"lr": "0.5", "net.depth": "3"}


def test_a_new_file_with_the_same_config_writes_nothing(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.stage_dir / "hparams.yaml").write_text("lr: 1\n")
    reader, woken = AttemptReader(store, attempt.to_read), []
    monkeypatch.setattr(wakeup, "wake", lambda: woken.append(params_of()))
    for name, text in (("metrics.csv", "step,loss\n1,2\n"), ("more.jsonl", lines([1]))):
        (attempt.stage_dir / name).write_text(text)
        for _ in range(2):
            reader.scan()
            while reader.advance().more:
                pass
    assert len(reader.paths()) > 1
    reader.close()
    assert woken == [{"lr": "1"}]


def test_the_summary_of_wandb_is_known_at_the_end(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    log = attempt.workdir / "wandb" / "run-20260101_000000-x1" / "run-x1.wandb"
    log.parent.mkdir(parents=True)
    written = field(1, 300) + field(3, field(1, item("best", 0.5)) + field(1, item("a.b", "x")))
    log.write_bytes(frames(config(lr=0.1), row(0, item("loss", 1)), written))
    finish(store, attempt)
    with closing(engine.connect_to_read()) as connection:
        run = views.find_run(connection, "run-of-train")
        (stage,) = run_in_json.run_in_full(connection, run)["stages"]
    assert stage["summary"] == {"best": 0.5, "a.b": "x"}
    assert params_of() == {"lr": "0.1"}


def test_parameters_of_mlflow_and_overrides_of_hydra(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    job = attempt.workdir / "outputs" / "a"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text("- lr=0.5\n- +model=big\n- ~data\n")
    (job / "metrics.jsonl").write_text(lines([1]))
    with closing(sqlite3.connect(attempt.workdir / "mlflow.db")) as connection:
        connection.executescript(MLFLOW)
        row_ = ("r", "mine", "RUNNING", 10**13, None, "active")
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row_)
        connection.execute("INSERT INTO params VALUES ('r', 'depth', '3')")
        connection.commit()
    finish(store, attempt)
    assert params_of() == {"lr": "0.5", "model": "big", "depth": "3"}


def test_files_next_to_the_metrics(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.stage_dir / "hparams.yaml").write_text("net: !!python/object:a.B {}\nopt: {lr: 1}\n")
    (attempt.stage_dir / "metrics.csv").write_text("step,loss\n1,2\n")
    finish(store, attempt)
    assert params_of() == {"net": "None", "opt.lr": "1"}


def test_pipeline_parameters_come_first_and_differing_stages_have_none(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    with store.write() as connection:
        metrics_progress.record(connection, attempt.stage_id, {"lr": "1", "seed": "0"})
        metrics_progress.record(connection, attempt.stage_id, {"lr": "2"})
    assert params_of() == {"lr": "2"}
    with store.write() as connection:
        submission = views.submission(connection, "run-of-train")
        submission["tracked"]["stages"]["other"] = {"lr": "3", "depth": "1"}
        connection.execute(
            "UPDATE runs SET submission_json = ?, params_json = ? WHERE id = 'run-of-train'",
            (dump(submission), '{"width":"8","lr":"2"}'),
        )
        metrics_progress.record(connection, attempt.stage_id, {"lr": "2", "width": "9"})
    with closing(engine.connect_to_read()) as connection:
        (run,) = views.runs(connection)
    assert run.params == {"width": "8", "depth": "1"}


def test_parameters_of_dvclive(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    table = attempt.workdir / "dvclive/plots/metrics/train/loss.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("step\tloss\n0\t0.5\n")
    (attempt.workdir / "dvclive/params.yaml").write_text("lr: 0.1\nmodel: {size: 3}\n")
    finish(store, attempt)
    assert params_of() == {"lr": "0.1", "model.size": "3"}
    (found,) = trainings.below(attempt.workdir)
    assert found.jobs[0].params == {"lr": 0.1, "model.size": 3}
