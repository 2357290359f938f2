"""Checkpoints of real trainings, evaluated while these run."""

from __future__ import annotations

import itertools
import json
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine, stage_of, states_of
from tests.gpus.stand_in import Machine

TRAIN = """
import json, os, sys, time
import numpy as np
kind, out, seconds, steps = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
resumed = sys.argv[5] if len(sys.argv) > 5 else None
begin = int(np.load(resumed)["step"]) if resumed else 0
for step in range(begin + 10, steps + 1, 10):
    time.sleep(seconds)
    with open(f"{out}/metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": step, "val/loss": 1 / step, "time": time.time()}) + "\\n")
    if kind == "last":
        with open(f"{out}/last.npz", "wb") as file:  # over the one before, in place
            np.savez(file, content=step, weights=np.random.rand(1000, 20))
        while step < steps and not os.path.isdir(f"{out}/../evaluate-step-{step}"):
            time.sleep(0.05)  # until this one is evaluated, however busy the machine is
    elif kind == "dirs":
        os.makedirs(f"{out}/checkpoint-{step}")
        np.savez(f"{out}/checkpoint-{step}/model.npz", content=step)
        open(f"{out}/checkpoint-{step}/done", "w").write("{}")
    else:
        attempt = int(os.environ["TRAINUI_ATTEMPT"]) if kind == "crash" else 0
        np.savez(f"{out}/new.npz", step=step, content=step + 1000 * attempt)
        os.rename(f"{out}/new.npz", f"{out}/step-{step}.npz")
        if step > 20 and kind == "rotating":
            os.remove(f"{out}/step-{step - 20}.npz")
        if kind == "crash" and step == 50 and not resumed:
            time.sleep(2)
            for gone in (30, 40, 50):
                os.remove(f"{out}/step-{gone}.npz")
            open(f"{out}/step-25.npz", "wb").write(b"PK torn")
            sys.exit(1)
"""

EVALUATE = """
import json, os, sys, time
import numpy as np
checkpoint, out, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
time.sleep(seconds)
file = checkpoint if os.path.isfile(checkpoint) else f"{checkpoint}/model.npz"
step = int(np.load(file)["content"])
print(json.dumps({"val/loss": abs(step % 1000 - 30) / 100}), file=open(f"{out}/metrics.jsonl", "w"))
print(json.dumps({"content": step}), file=open(f"{out}/content.json", "w"))
"""

PIPELINE = """
name: NAME
stages:
  - name: train
    MATRIX
    run: [python, train.py, KIND, "${stage_dir}", "SECONDS", "STEPS"]
    checkpoint: GLOB
    RESUME
    metrics: metrics.jsonl
  - name: evaluate
    each_checkpoint: train
    every: EVERY
    metric: val/loss
    goal: minimize
    run: python evaluate.py ${checkpoint} ${stage_dir} TAKES
    metrics: metrics.jsonl
  - name: use
    depends_on: [evaluate]
    run: test -e ${stages.evaluate.best.checkpoint} && echo ${stages.evaluate.best.step}
"""


@pytest.fixture(scope="module")
def scripts(served: CommandLine) -> CommandLine:
    served.write("train.py", TRAIN)
    served.write("evaluate.py", EVALUATE)
    return served


def pipeline(name: str, kind: str, glob: str, **fields: str) -> str:
    values = {"SECONDS": "0.3", "STEPS": "50", "EVERY": "1", "TAKES": "0", "MATRIX": ""}
    values |= {"NAME": name, "KIND": kind, "GLOB": glob, "RESUME": "", **fields}
    text = PIPELINE
    for key, value in values.items():
        text = text.replace(key, value)
    return "\n".join(line for line in text.splitlines() if line.strip())


def contents(shown: Any) -> dict[str, int]:
    """What each evaluation found in the checkpoint that it was given."""
    found = {}
    for stage in shown["stages"]:
        file = Path(stage["dir"]) / "content.json"
        if stage["name"].startswith("evaluate[") and file.exists():
            found[stage["name"]] = json.loads(file.read_text())["content"]
    return found


def curve(cli: CommandLine, run: str, stage: str = "evaluate") -> dict[int, float]:
    lines = cli("export", run, stage, "--format", "jsonl").out.splitlines()
    points = [json.loads(line) for line in lines]
    return {one["step"]: one["value"] for one in points if one["stage"].count("step=") == 0}


def test_checkpoints_that_rotate_away_are_all_evaluated(scripts: CommandLine) -> None:
    text = pipeline("rotating", "rotating", "step-*.npz", SECONDS="1.5", TAKES="1")
    shown = scripts.run(text, name="rotating.yaml")
    assert contents(shown) == {f"evaluate[step={step}]": step for step in range(10, 51, 10)}
    assert curve(scripts, "rotating") == {10: 0.2, 20: 0.1, 30: 0.0, 40: 0.1, 50: 0.2}
    assert Path(stage_of(shown, "use")["attempts"][0]["stdout"]).read_text() == "30\n"
    best = scripts.json("best", "rotating")
    assert best["checkpoints"][0]["step"] == 30
    assert Path(best["checkpoints"][0]["checkpoint"]).exists()


def test_a_checkpoint_overwritten_in_place_is_evaluated_each_time(scripts: CommandLine) -> None:
    text = pipeline("last", "last", "last.npz", STEPS="40")
    shown = scripts.run(text, name="last.yaml")
    assert contents(shown) == {f"evaluate[step={step}]": step for step in range(10, 41, 10)}


def test_newest_leaves_out_what_evaluation_is_too_slow_for(scripts: CommandLine) -> None:
    text = pipeline("newest", "plain", "step-*.npz", EVERY="newest", TAKES="2", STEPS="100")
    shown = scripts.run(text, name="newest.yaml")
    states = [state for name, state in states_of(shown).items() if name.startswith("evaluate[")]
    assert len(states) == 10
    assert {"completed", "skipped"} == set(states)
    assert stage_of(shown, "evaluate[step=100]")["status"] == "completed"
    left_out = [one for one in shown["stages"] if one["status"] == "skipped"]
    assert all(one["reason"] for one in left_out)


def test_each_training_of_a_sweep_has_its_own_curve(scripts: CommandLine) -> None:
    glob = "{path: checkpoint-*, complete: done}"
    text = pipeline("sweep", "dirs", glob, MATRIX="matrix: {lr: [0.1, 0.5]}", STEPS="30")
    shown = scripts.run(text, name="sweep.yaml")
    names = {name for name in states_of(shown) if name.startswith("evaluate[train=")}
    steps = (10, 20, 30)
    assert names == {
        f"evaluate[train=lr-{lr},step={step}]" for lr in ("0.1", "0.5") for step in steps
    }
    for lr in ("0.1", "0.5"):
        assert curve(scripts, "sweep", f"evaluate[lr={lr}]") == {10: 0.2, 20: 0.1, 30: 0.0}


def test_a_retry_that_goes_back_is_the_lineage_that_counts(scripts: CommandLine) -> None:
    resume = 'resume_args: ["${checkpoint}"]\n    retries: 1'
    shown = scripts.run(pipeline("back", "crash", "step-*.npz", RESUME=resume), name="back.yaml")
    by_attempt = {10: 1010, 20: 1020, 30: 2030, 40: 2040, 50: 2050}
    assert contents(shown) == {f"evaluate[step={key}]": one for key, one in by_attempt.items()}
    assert curve(scripts, "back") == {10: 0.2, 20: 0.1, 30: 0.0, 40: 0.1, 50: 0.2}


GPUS = """
name: gpus
stages:
  - name: train
    matrix: {lr: [0.1, 0.2, 0.3]}
    gpus: 1
    run: [python, train.py, plain, "${stage_dir}", "0.7", "20"]
    checkpoint: step-*.npz
    metrics: metrics.jsonl
  - name: evaluate
    each_checkpoint: train
    gpus: 1
    metric: val/loss
    goal: minimize
    run: python evaluate.py ${checkpoint} ${stage_dir} 0.2
    metrics: metrics.jsonl
"""


def test_an_evaluation_gets_a_gpu_behind_each_training(tmp_path: Path) -> None:
    box = Machine(tmp_path / "nvml", 2)
    cli = CommandLine(tmp_path, {"LD_LIBRARY_PATH": box.library_path})
    try:
        cli.write("train.py", TRAIN)
        cli.write("evaluate.py", EVALUATE)
        shown = cli.run(GPUS, name="gpus.yaml")
    finally:
        cli.close()
        box.reset(0)
    ran = [one for one in shown["stages"] if one["attempts"]]
    assert [one["status"] for one in ran] == ["completed"] * (3 + 6)
    for gpu in (0, 1):
        own = sorted((one for one in ran if one["gpus"] == [gpu]), key=itemgetter("started_at"))
        is_evaluation = [one["name"].startswith("evaluate") for one in own]
        assert is_evaluation == sorted(is_evaluation)  # each training comes first
        for before, after in itertools.pairwise(own):
            assert before["completed_at"] <= after["started_at"]
