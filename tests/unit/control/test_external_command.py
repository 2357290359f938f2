"""The time and the command of an external run, from what its tracker or its process left."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.metrics.corpus import corpus_root, needs_corpus, unpacked
from trainui.cli.main import main
from trainui.control import external, run_difference
from trainui.control.external import Offer
from trainui.errors import UsageError
from trainui.model.records import RunRecord, StageRecord
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import run_list, views

TRACKERS = (corpus_root() or Path()) / "trackers"


def stored(run_id: str) -> tuple[RunRecord, list[StageRecord]]:
    with closing(engine.connect_to_read()) as connection:
        return views.find_run(connection, run_id), views.stages(connection, run_id)


def offer_of(path: Path, stage: int | None = None) -> Offer:
    (added,) = external.add(external.find(path))
    run, stages = stored(added.run_id)
    return external.offer_of(run, stages if stage is None else stages[stage : stage + 1])


CONFIGURED = """
hydra:
  runtime: {{cwd: {0}, config_sources: [{{path: {0}/configs, schema: file}}]}}
  job: {{name: train}}
  overrides: {{hydra: [hydra.mode=RUN], task: ['{1}', +model/size=tiny]}}
"""


def hydra_job(directory: Path, project: Path, override: str) -> Path:
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra/overrides.yaml").write_text(f"- {override}\n- +model/size=tiny\n")
    (directory / ".hydra/hydra.yaml").write_text(CONFIGURED.format(project, override))
    return directory


def test_a_hydra_job_is_its_script_with_its_overrides(store: Database, tmp_path: Path) -> None:
    job = hydra_job(tmp_path / "outputs/2026-11-26/10-00-00", tmp_path, "lr=0.1")
    with pytest.raises(UsageError, match="its command is not on record"):
        offer_of(job)  # its script is not found
    script = tmp_path / "src/train.py"
    script.parent.mkdir()
    script.touch()
    run, stages = stored("train lr=0.1 model/size=tiny")
    offer = external.offer_of(run, stages)
    assert offer.command == ("python", "src/train.py", "lr=0.1", "+model/size=tiny")
    assert offer.typed == (
        f"cd {tmp_path} && trainui run --name 'train lr=0.1 model/size=tiny' -- "
        "python src/train.py lr=0.1 +model/size=tiny"
    )


def test_a_recorded_jobs_command_is_compared(store: Database, tmp_path: Path) -> None:
    jobs = [hydra_job(tmp_path / f"job-{lr}", tmp_path, f"lr={lr}") for lr in ("0.1", "0.2")]
    found = []
    for job in jobs:
        (added,) = external.add(external.find(job))
        found.append(stored(added.run_id)[0])

    def commands() -> dict[str, list[list[str]]]:
        with closing(engine.connect_to_read()) as connection:
            differences: dict[str, list[list[str]]]
            differences = run_difference.between(connection, *found)["command"]
            return differences

    assert commands() == {}, "neither script is found"
    (tmp_path / "train.py").touch()
    pair = [["python", "train.py", f"lr={lr}", "+model/size=tiny"] for lr in ("0.1", "0.2")]
    assert list(commands().values()) == [pair]


def test_a_multirun_is_its_sweep_and_each_job_a_command(store: Database, tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    multirun = tmp_path / "multirun/2026-11-26/10-00-00"
    for number in range(2):
        hydra_job(multirun / str(number), tmp_path, f"lr=0.{number}")
    (multirun / "multirun.yaml").write_text(CONFIGURED.format(tmp_path, "lr=0.0,0.1"))
    offer = offer_of(multirun)
    assert offer.command == ("python", "train.py", "-m", "lr=0.0,0.1", "+model/size=tiny")
    run, stages = stored(offer.origin)
    one = external.offer_of(run, stages[1:])
    assert one.command == ("python", "train.py", "lr=0.1", "+model/size=tiny")


@needs_corpus
def test_wandb_recorded_the_command_and_the_directory(store: Database) -> None:
    with pytest.raises(UsageError, match="does not exist here") as refused:
        offer_of(TRACKERS / "wandb/nested")
    assert "the directory /tmp/lab/wandb/nested, in which" in str(refused.value)
    assert "/tmp/lab/v/wandb31/bin/python /tmp/lab/make_wandb.py nested" in str(refused.value)


def mlflow_run(directory: Path, script: str, kind: str = "LOCAL") -> Path:
    (directory / "metrics").mkdir(parents=True)
    (directory / "tags").mkdir()
    (directory / "meta.yaml").write_text("run_id: r\nrun_name: calm\nstatus: 3\n")
    (directory / "tags/mlflow.source.name").write_text(script)
    (directory / "tags/mlflow.source.type").write_text(kind)
    return directory


def test_mlflow_recorded_the_script(store: Database, tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    offer = offer_of(mlflow_run(tmp_path / "mlruns/0/r", "train.py"))
    assert (offer.command, offer.directory) == (("python", "train.py"), str(tmp_path))
    assert "arguments    not on record: only the script is" in offer.lines
    for number, (script, kind) in enumerate([("no.py", "LOCAL"), ("train.py", "NOTEBOOK")]):
        with pytest.raises(UsageError, match="its command is not on record"):
            offer_of(mlflow_run(tmp_path / f"mlruns/1/{number}", script, kind))


@needs_corpus
def test_mlflows_database_recorded_the_script(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = unpacked(TRACKERS / "mlflow/mlflow.db")
    added, *_others = external.add(external.find(file))
    monkeypatch.setattr(Path, "is_file", lambda path: path.name == "make_mlflow.py")
    run, stages = stored(added.run_id)
    assert external.offer_of(run, stages).command == ("python", "/tmp/lab/make_mlflow.py")


def test_an_adopted_process_runs_again_in_its_directory_and_environment(
    on_both_databases: None, store: Database, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "print('ready', flush=True); input()"]
    environ = {**os.environ, "FLAVOUR": "mild"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run_id = external.adopt(process.pid, "mine").run_id
        process.kill()
    run, stages = stored(run_id)
    offer = external.offer_of(run, stages)
    assert (offer.command, offer.directory) == (tuple(command), str(tmp_path))
    assert offer.environ is not None
    assert offer.environ["FLAVOUR"] == "mild"
    assert offer.lines[-2].endswith("/env.json")
    assert offer.lines[-1].startswith("caution      it still runs")  # its end is not on record yet
    again, (stage,) = stored(external.start_ours(offer))
    assert (again.name, again.origin, again.external) == ("mine", run_id, None)
    assert stage.definition.workdir == str(tmp_path)
    assert tuple(stage.definition.command or ()) == tuple(command)
    with closing(engine.connect_to_read()) as connection:
        lines = {line.id: line.is_external for line in run_list.run_lines(connection)}
    assert lines == {run_id: True, again.id: False}


def test_a_kernel_does_not_run_again_but_its_notebook_does(
    on_both_databases: None, store: Database, tmp_path: Path
) -> None:
    (tmp_path / "ipykernel_launcher.py").write_text("print('ready', flush=True); input()")
    command, pipe = [sys.executable, "-m", "ipykernel_launcher"], subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run_id = external.adopt(process.pid, "mine").run_id
        process.kill()
    with pytest.raises(UsageError, match=r"-- jupyter execute NOTEBOOK\.ipynb"):
        external.offer_of(*stored(run_id))


def test_secrets_in_a_commands_options_are_masked() -> None:
    offer = Offer("id", "name", ("python", "t.py", "--api-key", "sk-1234567", "--lr", "1"), "/x")
    assert offer.shown == "python t.py --api-key '***' --lr 1"
    assert offer.command[3] == "sk-1234567", "it runs with it"


def test_no_time_is_printed_of_an_external_training_whose_start_is_unknown(
    tmp_path: Path, store: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found/metrics.jsonl"
    file.parent.mkdir()
    file.write_text('{"step": 1, "loss": 2.5}\n')
    os.utime(file, (1.7e9, 1.7e9))
    (added,) = external.add(external.find(file.parent))
    found = added.run_id
    for command in (["ls"], ["show", found], ["report", found]):
        capsys.readouterr()
        assert main(command) == 0
        assert "0.0s" not in capsys.readouterr().out
    for command in (["ls", "--json"], ["show", found, "--json"]):
        assert main(command) == 0
        assert '"seconds_worked": 0' not in (out := capsys.readouterr().out)
        assert '"seconds_worked": null' in out
