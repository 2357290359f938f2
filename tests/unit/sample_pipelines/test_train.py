"""train.py learns, and continues exactly where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.sample_pipelines.conftest import SHORT
from tests.unit.sample_pipelines.samples import ENVIRONMENT, run, run_script, script


def points(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def checkpoints(out: Path) -> list[Path]:
    return sorted(out.glob("ckpt-*.npz"))


def arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path) as file:
        return dict(file)


def same(first: Path, second: Path) -> bool:
    one, two = arrays(first), arrays(second)
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextmanager
def training(*args: object) -> Iterator[subprocess.Popen[bytes]]:
    """A training in the background, killed without a warning at the end."""
    process = subprocess.Popen(
        script("train.py", *args), env=ENVIRONMENT, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_training_learns(trained: Path) -> None:
    losses = [point["train/loss"] for point in points(trained) if "train/loss" in point]
    accuracies = [point["val/accuracy"] for point in points(trained) if "val/accuracy" in point]

    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert len(accuracies) == 4
    assert accuracies[-1] > 0.9


def test_metrics_come_every_few_steps_and_every_epoch(trained: Path) -> None:
    steps = [point["step"] for point in points(trained) if "train/loss" in point]
    validated = [(p["epoch"], p["step"]) for p in points(trained) if "val/loss" in p]

    assert steps == list(range(20, 2001, 20))
    assert validated == [(1, 500), (2, 1000), (3, 1500), (4, 2000)]
    assert set(points(trained)[0]) == {
        *("step", "epoch", "train/loss", "lr", "grad_norm", "images_per_s", "time")
    }


def test_the_last_three_checkpoints_are_kept(trained: Path) -> None:
    assert [path.stem for path in checkpoints(trained)] == [
        "ckpt-001800",
        "ckpt-001900",
        "ckpt-002000",
    ]
    assert not list(trained.glob("*.tmp")) + list(trained.glob(".*"))


def test_the_same_seed_gives_the_same_model(data: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        run_script("train.py", "--data", data, "--out", out, *SHORT, "--epochs=1", "--seed", seed)

    assert same(tmp_path / "a/model.npz", tmp_path / "b/model.npz")
    assert not same(tmp_path / "a/model.npz", tmp_path / "c/model.npz")


def test_a_killed_training_ends_with_the_same_weights(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    args: list[object] = ["--data", data, "--out", tmp_path, *SHORT]
    with training(*args):
        wait_until(lambda: checkpoints(tmp_path))
    with training(*args, "--resume", checkpoints(tmp_path)[-1]):
        wait_until(lambda: len(checkpoints(tmp_path)) == 3)
    killed_at = points(tmp_path)[-1]["step"]
    assert killed_at < 2000

    run_script("train.py", *args, "--resume", checkpoints(tmp_path)[-1])

    assert same(tmp_path / "model.npz", trained / "model.npz")
    assert same(checkpoints(tmp_path)[-1], checkpoints(trained)[-1])


def test_a_resumed_training_appends_the_same_metrics(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    args: list[object] = ["--data", data, "--out", tmp_path, *SHORT]
    with training(*args):
        wait_until(lambda: checkpoints(tmp_path))
    before = (tmp_path / "metrics.jsonl").read_bytes()

    run_script("train.py", *args, "--resume", checkpoints(tmp_path)[-1])

    assert (tmp_path / "metrics.jsonl").read_bytes().startswith(before)
    losses = {p["step"]: p["train/loss"] for p in points(tmp_path) if "train/loss" in p}
    assert losses == {p["step"]: p["train/loss"] for p in points(trained) if "train/loss" in p}


def test_a_training_killed_after_its_last_step_only_saves(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    last = checkpoints(trained)[-1]

    run_script("train.py", "--data", data, "--out", tmp_path, *SHORT, "--resume", last)

    assert same(tmp_path / "model.npz", trained / "model.npz")


def test_a_checkpoint_is_whole_at_every_moment(data: Path, tmp_path: Path) -> None:
    looked = 0
    with training("--data", data, "--out", tmp_path, *SHORT, "--checkpoint-every=1") as process:
        while looked < 200 and process.poll() is None:
            for path in checkpoints(tmp_path):
                try:
                    assert "step" in arrays(path)
                except FileNotFoundError:  # deleted, as all but the last three are
                    continue
                looked += 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert looked
    for path in checkpoints(tmp_path):
        assert int(arrays(path)["step"]) == int(path.stem.removeprefix("ckpt-"))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rate_that_is_too_high_diverges_and_fails(data: Path, tmp_path: Path, seed: int) -> None:
    done = run(
        script("train.py", "--data", data, "--out", tmp_path, *SHORT, "--lr=2", "--seed", seed)
    )

    assert done.returncode == 1
    assert "has diverged" in done.stderr
    assert np.isnan(points(tmp_path)[-1]["train/loss"])
    assert not (tmp_path / "model.npz").exists()
