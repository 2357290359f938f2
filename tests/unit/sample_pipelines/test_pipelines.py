"""Each pipeline file's commands, run as they are written."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample_pipelines.samples import FOLDER, Runner, call, read_pipeline, run, script


def pipeline(name: str, **params: int) -> dict[str, Any]:
    loaded = read_pipeline(FOLDER / f"{name}.yaml")
    return {**loaded, "params": {**loaded["params"], **params}}


def outputs_that_lack(runner: Runner) -> list[Path]:
    return [
        member.directory / output
        for members in runner.members.values()
        for member in members
        for output in member.stage["outputs"]
        if not (member.directory / output).is_file()
    ]


@pytest.mark.long
def test_digits_runs_from_data_to_report(tmp_path: Path) -> None:
    runner = Runner(pipeline("digits", epochs=1), tmp_path)

    done = runner.run()

    assert [p.stderr for p in done.values() if p.returncode] == []
    assert outputs_that_lack(runner) == []
    result = json.loads(done[tmp_path / "evaluate"].stdout.splitlines()[-1])
    assert result == json.loads((tmp_path / "evaluate/evaluation.json").read_text())
    assert [model["hidden"] for model in result["models"]] == [32, 128]
    assert all(model["accuracy"] > 0.9 for model in result["models"])
    assert all(sum(map(sum, model["confusion"])) == 300 for model in result["models"])
    assert "| 128 |" in (tmp_path / "report/report.md").read_text()


def test_evaluation_needs_nothing_but_the_models(trained: Path) -> None:
    done = run(call("evaluate.run_evaluation", {"models": [str(trained), str(trained)]}))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["best"] == str(trained)


def test_sweep_passes_over_what_diverged(tmp_path: Path) -> None:
    runner = Runner(pipeline("sweep", epochs=1), tmp_path)

    done = runner.run()

    failed = {path.name for path, process in done.items() if process.returncode}
    assert failed == {"train-2-1", "train-2-2"}
    assert "2 of 6 trainings left no model" in done[tmp_path / "select"].stdout
    best = json.loads((tmp_path / "select/best.json").read_text())
    assert (tmp_path / "select/best.npz").read_bytes() == (
        Path(best["model"]) / "model.npz"
    ).read_bytes()


def test_select_fails_when_nothing_finished(tmp_path: Path) -> None:
    done = run(script("select_best.py", tmp_path, "--out", tmp_path))

    assert done.returncode == 1
    assert "not one of the trainings finished" in done.stderr


@pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed")
def test_torch_continues_exactly(tmp_path: Path) -> None:
    runner = Runner(pipeline("torch", steps=400), tmp_path)
    done = runner.run()
    assert [p.stderr for p in done.values() if p.returncode] == []
    (train,) = runner.members["train"]
    whole = (train.directory / "model.pt").read_bytes()

    for later in ("model.pt", "ckpt-000400.pt"):
        (train.directory / later).unlink()
    last = train.directory / "ckpt-000200.pt"
    resumed = run([*runner.command(train), "--resume", str(last)])

    assert resumed.returncode == 0, resumed.stderr
    assert "200 done" in resumed.stdout
    assert (train.directory / "model.pt").read_bytes() == whole
    lines = [json.loads(x) for x in (train.directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["val/accuracy"] for line in lines if "val/accuracy" in line][-1] > 0.9
