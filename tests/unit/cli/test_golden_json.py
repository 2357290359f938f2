"""Plans, and what commands print with `--json`, are those of the golden master.

The home is the same each time: its ids, times and machine are fixed.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.golden import values
from tests.unit.tui.filled import Filler
from trainui import clock, control, settings
from trainui.cli.main import main
from trainui.execution import processes
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.store.db.engine import open_store

NOW = 1_750_000_000 * clock.SECOND

FILE = """\
name: digits
params: {epochs: "3"}
stages:
  - {name: prepare, run: python prepare.py, inputs: [raw.csv], outputs: [data.npz]}
  - name: train
    matrix: {lr: [0.1, 0.2]}
    run: python train.py --lr ${matrix.lr} --epochs ${params.epochs}
    depends_on: [prepare]
    checkpoint: "ckpt-*.npz"
    gpus: 0
  - {name: evaluate, run: python evaluate.py, depends_on: [train]}
  - {name: report, run: python report.py, depends_on: [evaluate]}
"""

COMPLETED, FAILED = "train[lr=0.1]", "train[lr=0.2]"

NOTHING = b"PK\5\6" + bytes(18)
"""An archive with no entry: a whole checkpoint."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A run with a stage that completed, one that failed, and what waits for them."""
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: True)
    monkeypatch.setattr(processes, "_begin_early_worker", lambda: None)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    numbers = count(1)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    (project / "raw.csv").write_text("1,2\n")
    (project / "digits.yaml").write_text(FILE)
    run_id = control.submit(loader.load("digits.yaml", {}))
    store = open_store()
    filler = Filler(store, tmp_path / "home" / "runs")
    prepared = filler.start(run_id, "prepare", ago=60)
    (Path(filler.stage(run_id, "prepare").directory) / "data.npz").write_bytes(b"data")
    filler.end(prepared, ago=50)
    done = filler.start(run_id, COMPLETED, ago=50)
    filler.log(done, "epoch 3 loss 0.25\n")
    filler.feed(run_id, COMPLETED, {"loss": [(1, 1.0), (2, 0.5), (3, 0.25)]})
    filler.end(done, ago=20)
    broken = filler.start(run_id, FAILED, ago=50)
    (Path(filler.stage(run_id, FAILED).directory) / "ckpt-1.npz").write_bytes(NOTHING)
    filler.log(broken, "RuntimeError: loss is NaN at step 2\n", "stderr")
    filler.feed(run_id, FAILED, {"loss": [(1, 1.0), (2, 2.0)]})
    filler.end(broken, Status.FAILED, ago=30, exit_code=1, error="exit code 1: loss is NaN")
    yield run_id
    store.close()


def printed(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """What a command prints, without what differs between machines."""
    capsys.readouterr()
    code = main([*arguments])
    out = capsys.readouterr().out
    for place, name in ((str(tmp_path), "/here"), (settings.host(), "box")):
        out = out.replace(place, name)
    out = re.sub(r'"bytes": \d+', '"bytes": 0', out)  # directories have blocks of any size
    lines = [json.loads(line) for line in out.splitlines()] if out else []
    return {"code": code, "answer": lines[0] if len(lines) == 1 else lines}


COMMANDS = {
    "ls": ("ls",),
    "show": ("show", "digits"),
    "wait": ("wait", "digits"),
    "path": ("path", "digits", "prepare"),
    "graph": ("graph", "digits"),
    "graph-of-a-file": ("graph", "digits.yaml"),
    "validate": ("validate", "digits.yaml"),
    "logs": ("logs", "digits", FAILED),
    "events": ("events", "digits"),
    "metrics": ("metrics", "digits"),
    "export": ("export", "digits", "-o", "points.csv"),
    "compare": ("compare", f"digits/{COMPLETED}", f"digits/{FAILED}"),
    "diff": ("diff", "digits", "digits"),
    "tree": ("tree",),
    "digest": ("digest",),
    "report": ("report", "digits"),
    "note": ("note", "digits", "too fast", "--verdict", "discard"),
    "cancel": ("cancel", "digits"),
    "rm": ("rm", "digits", "--dry-run"),
    "unknown-run": ("show", "nothing"),
    "unknown-option": ("ls", "--nothing"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_the_json_that_it_printed(
    name: str, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values.check(f"json/{name}", printed(capsys, tmp_path, *COMMANDS[name], "--json"))


def edited(old: str, new: str) -> None:
    Path("digits.yaml").write_text(FILE.replace(old, new))


PLANS: dict[str, tuple[str, ...]] = {
    "failed": (),
    "fresh": ("--fresh", FAILED),
    "until": ("--until", "train"),
    "changed-input": (),
    "lost-output": (),
    "edited-command": ("--file", "digits.yaml"),
    "edited-command-kept": ("--file", "digits.yaml", "--keep", COMPLETED),
    "edited-matrix": ("--file", "digits.yaml"),
    "removed-stage": ("--file", "digits.yaml"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_resume_has_the_plan_that_it_had(
    name: str, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "changed-input":
        Path("raw.csv").write_text("3,4\n")
        os.utime("raw.csv", (NOW // clock.SECOND + 60,) * 2)
    elif name == "lost-output":
        next((tmp_path / "home").rglob("data.npz")).unlink()
    elif name.startswith("edited-command"):
        edited("train.py --lr", "train.py --momentum 0.9 --lr")
    elif name == "edited-matrix":
        edited("[0.1, 0.2]", "[0.2, 0.3]")
    elif name == "removed-stage":
        edited("  - {name: report, run: python report.py, depends_on: [evaluate]}\n", "")
    plan = printed(capsys, tmp_path, "resume", "digits", *PLANS[name], "--dry-run", "--json")
    values.check(f"plans/{name}", plan)
