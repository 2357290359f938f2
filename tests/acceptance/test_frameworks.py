"""Real trainers, killed in the middle: each continues from its checkpoint, with one curve.

They run where `TRAINUI_TEST_FRAMEWORKS` names an environment in which they are installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for
from trainui.pipeline import stage_command
from trainui.resume import integrity

FOLDER = Path(__file__).parents[2] / "sample_pipelines" / "frameworks"


@dataclass(frozen=True)
class Trainer:
    """A pipeline file, and what is to be seen of it."""

    name: str
    library: str
    checkpoint: str
    """Below a stage's directory: there once it may be killed."""
    series: str
    first_step: float
    last_step: float
    stages: tuple[str, ...] = ("train",)
    params: tuple[str, ...] = ()


TRAINERS = [
    Trainer("lightning", "lightning", "checkpoints/*.ckpt", "train/loss", 0, 199),
    Trainer(
        "huggingface",
        "transformers",
        "checkpoint-*/trainer_state.json",
        "loss",
        5,
        100,
        ("train", "launch"),
        ("steps=100",),
    ),
    Trainer(
        "torchrun", "torch", "checkpoint.pth.tar", "Loss", 0, 99, ("train[lr=0.1]",), ("epochs=5",)
    ),
    Trainer(
        "sb3",
        "stable_baselines3",
        "checkpoints/*.zip",
        "rollout/ep_rew_mean",
        256,
        10_240,
        params=("timesteps=10000",),
    ),
    Trainer("lightgbm", "lightgbm", "rounds-*.txt", "valid_0's l2", 1, 200),
    Trainer("nanogpt", "torch", "ckpt.pt", "loss", 0, 200),
    Trainer("ultralytics", "ultralytics", "train/weights/last.pt", "metrics/recall(B)", 1, 5),
]


@pytest.fixture(params=TRAINERS, ids=lambda trainer: trainer.name)
def trainer(request: pytest.FixtureRequest) -> Trainer:
    found: Trainer = request.param
    if (environment := os.environ.get("TRAINUI_TEST_FRAMEWORKS")) is None:
        pytest.skip("TRAINUI_TEST_FRAMEWORKS names no environment with the trainers in it")
    python = stage_command.find_interpreter(environment, os.environ).path
    command = [
        python,
        "-c",
        f"import importlib.util as u; exit(not u.find_spec({found.library!r}))",
    ]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"{found.library} is not installed in {environment}")
    return found


def test_a_trainer_that_was_killed_continues_where_it_was(
    cli: CommandLine, trainer: Trainer
) -> None:
    params = (f"env={os.environ['TRAINUI_TEST_FRAMEWORKS']}", *trainer.params)
    given = [word for param in params for word in ("-p", param)]
    run = cli.json("run", str(FOLDER / f"{trainer.name}.yaml"), "--detach", *given)["run"]
    for name in trainer.stages:
        wait_for(lambda name=name: kill(cli, run, name, trainer), seconds=180)  # type: ignore[misc]
    wait_for(lambda: cli.json("show", run)["status"] not in ("running", "queued"), seconds=400)
    shown = cli.json("show", run)
    assert shown["status"] == "completed"
    for name in trainer.stages:
        stage = stage_of(shown, name)
        first, second = stage["attempts"]
        assert (first["status"], first["signal"]) == ("failed", signal.SIGKILL)
        assert second["checkpoint"].startswith(stage["dir"])
        (series,) = (
            one for one in cli.json("metrics", run, name)["series"] if one["name"] == trainer.series
        )
        assert (series["first_step"], series["last_step"]) == (
            trainer.first_step,
            trainer.last_step,
        )


def stage_of(shown: Any, name: str) -> Any:
    return next(stage for stage in shown["stages"] if stage["name"] == name)


def kill(cli: CommandLine, run: str, name: str, trainer: Trainer) -> bool:
    """Kill a stage's processes once it has a checkpoint; False until then."""
    stage = stage_of(cli.json("show", run), name)
    found = Path(stage["dir"]).glob(trainer.checkpoint)
    if stage["status"] != "running" or not any(integrity.problem(one) is None for one in found):
        return False
    (attempt,) = stage["attempts"]
    os.killpg(attempt["pid"], signal.SIGKILL)
    return True
