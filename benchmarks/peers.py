"""Compares writing and reading back the same points with other tools, each in its own process.

`python -m benchmarks.peers [--rows 20000] [--only NAME ...] [--peers DIR]`. Rows have five metrics.
What is written: here a file of JSON lines, read into the store; there as each tool is meant to be
used. What is read back: one whole metric. LEET is asked for a summary of all. Seconds by the clock,
imports left out where a tool is a library; what cannot be installed is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.scheduling import ROOT, install

DATA = """
import json, os, sys, time, math
def row(n):
    loss, norm = 2.3 / (n + 1), math.sin(n)
    return {"train/loss": loss, "grad_norm": norm, "lr": 1e-3, "acc": n / 7, "speed": 1e5 + n}
rows = [row(n) for n in range(int(sys.argv[1]))]
took, begun = {}, time.perf_counter()
def done(what):
    global begun
    took[what], begun = time.perf_counter() - begun, time.perf_counter()
"""

TELL = "\nprint('TOOK ' + json.dumps(took))\n"

PROGRAMS = {
    "trainui": """
from trainui import open_session, sync_metrics_from_file
from trainui.store.db import engine
from trainui.store.points import read_points
with open_session():
    done("import")
with open("metrics.jsonl", "w") as file:
    for step, row in enumerate(rows):
        file.write(json.dumps({"step": step, **row}) + "\\n")
with open_session() as session:
    sync_metrics_from_file("job", "metrics.jsonl", session)
done("write")
with engine.reading() as connection:
    assert sum(map(len, read_points.blocks(connection, ["job"], "train/loss"))) == len(rows)
done("read")
""",
    "mlflow": """
import mlflow
from mlflow.entities import Metric
client = mlflow.MlflowClient("sqlite:///mlflow.db")
run = client.create_run(client.create_experiment("e")).info.run_id
done("import")
points = [
    Metric(name, value, 0, step) for step, row in enumerate(rows) for name, value in row.items()
]
for at in range(0, len(points), 1000):
    client.log_batch(run, metrics=points[at:at + 1000])
done("write")
assert len(client.get_metric_history(run, "train/loss")) == len(rows)
done("read")
""",
    "trackio": """
import trackio
from trackio.sqlite_storage import SQLiteStorage
trackio.init(project="p", name="r")
done("import")
for row in rows:
    trackio.log(row)
trackio.finish()
done("write")
assert len(SQLiteStorage.get_logs("p", "r")) == len(rows)
done("read")
""",
    "tensorboard": """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
done("import")
writer = EventFileWriter("events")
for step, row in enumerate(rows):
    for name, value in row.items():
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        writer.add_event(Event(step=step, wall_time=1.7e9, summary=summary))
writer.close()
done("write")
found = EventAccumulator("events", size_guidance={"scalars": 0}).Reload()
assert len(found.Scalars("train/loss")) == len(rows)
done("read")
""",
    "wandb": """
import glob, subprocess, wandb
run = wandb.init(mode="offline", project="p", settings=wandb.Settings(console="off", silent=True))
done("import")
for row in rows:
    run.log(row)
run.finish()
done("write")
(directory,) = glob.glob("wandb/offline-run-*")
leet = [os.path.join(os.path.dirname(sys.executable), "wandb"), "leet", "inspect", "--summary"]
subprocess.run([*leet, directory], check=True, capture_output=True)
done("read")
""",
}
"""By tool: a program that says when it is done with what."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", choices=PROGRAMS, help="these peers")
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir(), "trainui-peers"))
    options = parser.parse_args()
    own = run("trainui", Path(sys.executable), options.rows)
    show("trainui", own, own)
    for name in [name for name in options.only or PROGRAMS if name != "trainui"]:
        try:
            python = install(name, options.peers) / "python"
            show(name, run(name, python, options.rows), own)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: skipped: {str(error).strip()[-300:]}")


def show(name: str, took: Mapping[str, float], own: Mapping[str, float]) -> None:
    words = (f"{what} {took[what]:.3f} s, {took[what] / own[what]:.0f} x" for what in own)
    print(f"{name:<12} {'   '.join(words)}", flush=True)


def run(name: str, python: Path, rows: int) -> dict[str, float]:
    """Return the seconds that a tool takes to write and to read."""
    with tempfile.TemporaryDirectory(prefix="trainui-peers-") as directory:
        program = Path(directory, "program.py")
        program.write_text(DATA + PROGRAMS[name] + TELL)
        environ = {
            **os.environ,
            "TRAINUI_HOME": f"{directory}/home",
            "TRACKIO_DIR": f"{directory}/trackio",
            "PYTHONPATH": str(ROOT) if name == "trainui" else "",
        }
        done = subprocess.run(
            [str(python), str(program), str(rows)],
            cwd=directory,
            env=environ,
            capture_output=True,
            text=True,
            timeout=1200,
        )
    told = [line for line in done.stdout.splitlines() if line.startswith("TOOK ")]
    if done.returncode or not told:
        raise RuntimeError(done.stderr or done.stdout or "it said nothing")
    took: dict[str, float] = json.loads(told[-1].removeprefix("TOOK "))
    return {what: took[what] for what in ("write", "read")}


if __name__ == "__main__":
    main()
