"""Files as W&B, MLflow, Trackio and TensorBoard leave them, small and complete."""

from __future__ import annotations

import base64
import json
import sqlite3
import struct
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.unit.metrics.test_event_files import framed, message
from tests.unit.metrics.test_event_files import varint as number
from tests.unit.metrics.test_wandb import field, frames, item, row

TRACKIO = """
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT, timestamp TEXT,
    run_name TEXT, step INTEGER, metrics TEXT);
CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT, run_name TEXT,
    config TEXT, created_at TEXT);
CREATE TABLE system_metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT);
"""

STEPS = range(5)


def wandb(path: Path) -> None:
    """Write a run of W&B that ended: `run-ID.wandb` with `lr`, `val/loss` and an exit code."""
    configured = field(4, field(1, item("lr", 0.1)))
    run = field(1, 1) + field(17, field(1, b"x1") + field(8, b"wandb-run") + configured)
    rows = [row(step, item("val/loss", 1 / (1 + step))) for step in STEPS]
    path.write_bytes(frames(run, *rows, field(1, 7) + field(18, field(1, 0))))


def tensorboard(path: Path) -> None:
    """Write an event file with `val/loss`."""
    events = [
        message(
            (1, 1, struct.pack("<d", 1.8e9 + step)), (2, 0, number(step)), (5, 2, _scalar(step))
        )
        for step in STEPS
    ]
    path.write_bytes(b"".join(map(framed, events)))


TRAINER = """
import base64, pathlib
for name, content in {files!r}.items():
    path = pathlib.Path(name).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(content))
"""


def trainer(write: Callable[[Path], None], name: str) -> str:
    """Return a program that writes what a tracker writes, at a place of its own."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, Path(name).name)
        write(path)
        files = {
            str(Path(name).parent / one.relative_to(directory)): base64.b64encode(one.read_bytes())
            for one in Path(directory).rglob("*")
            if one.is_file()
        }
    return TRAINER.format(files=files)


def _scalar(step: int) -> bytes:
    value = message((1, 2, b"val/loss"), (2, 5, struct.pack("<f", 1 / (1 + step))))
    return message((1, 2, value))


def mlflow(path: Path) -> None:
    """Write a run of MLflow's file store: the directory in which `path` is `meta.yaml`."""
    path.write_text("run_id: m1\nrun_name: mlflow-run\nstatus: 3\nstart_time: 1800000000000\n")
    lines = [f"{1_800_000_000_000 + step} {1 / (1 + step)} {step}\n" for step in STEPS]
    (path.parent / "metrics").mkdir()
    (path.parent / "metrics" / "val_loss").write_text("".join(lines))
    (path.parent / "params").mkdir()
    (path.parent / "params" / "lr").write_text("0.1")


def trackio(path: Path, year: int = 2026) -> None:
    """Write a project's database with one run of a year."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(TRACKIO)
        time = f"{year}-11-01T10:00:0{{}}+00:00"
        config = json.dumps({"lr": 0.1, "_Created": time.format(0)})
        connection.execute(
            "INSERT INTO configs (run_id, run_name, config) VALUES ('t1', 'trackio-run', ?)",
            (config,),
        )
        connection.executemany(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            "VALUES ('t1', ?, 'trackio-run', ?, ?)",
            [(time.format(step), step, json.dumps({"val/loss": 1 / (1 + step)})) for step in STEPS],
        )
