"""`trainui.log` writes what a stage's curves are made of, and costs a training nothing else."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trainui
from tests.unit.test_imports import HEAVY, loaded


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "metrics.jsonl"
    monkeypatch.setenv("TRAINUI_METRICS_FILE", str(file))
    return file


def test_each_call_is_a_line(file: Path) -> None:
    trainui.log(step=1, loss=0.5)
    trainui.log(step=np.int64(2), loss=np.float32(0.25), **{"val/acc": True})
    trainui.log(loss=float("nan"))
    first, second, third = map(json.loads, file.read_text().splitlines())
    assert first == {"step": 1, "loss": 0.5}
    assert second == {"step": 2, "loss": 0.25, "val/acc": 1.0}
    assert math.isnan(third["loss"])


def test_outside_a_stage_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINUI_METRICS_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    trainui.log(step=1, loss=0.5)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_value_is_a_warning_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_METRICS_FILE", str(tmp_path))
    with pytest.warns(UserWarning, match="Is a directory: metrics are not logged"):
        trainui.log(step=1, loss=0.5)


def test_a_value_that_is_no_number_is_a_warning(file: Path) -> None:
    no_number: Any = None
    with pytest.warns(UserWarning, match="val_loss is not a number .* not logged"):
        trainui.log(step=1, loss=0.5, val_loss=no_number)
    with pytest.warns(UserWarning, match="grads is not a number"):
        trainui.log(step=2, grads=np.zeros(3))
    with pytest.warns(UserWarning, match="step is not a number"):
        trainui.log(step="two", loss=0.5)  # type: ignore[arg-type]
    first, second = map(json.loads, file.read_text().splitlines())
    assert first == {"step": 1, "loss": 0.5}
    assert second == {"step": 2}


def test_it_loads_nothing_but_itself(tmp_path: Path) -> None:
    code = "import trainui\ntrainui.log(step=1, loss=2)"
    third_party = {*HEAVY, "typer", "psutil", "sqlite3", "yaml", "msgspec"}
    assert not loaded(code, tmp_path) & third_party


def test_lines_of_several_processes_do_not_mix(file: Path) -> None:
    code = "import trainui\nfor step in range(300): trainui.log(step=step, loss=1.0 / 3)"
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    steps = [json.loads(line)["step"] for line in file.read_text().splitlines()]
    assert sorted(steps) == sorted([*range(300)] * 3)
