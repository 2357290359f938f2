"""Measures the delay from a stage's end to the start of its dependant, with a real worker.

`python -m benchmarks.handover [STAGES]`. Goal: within 0.1 s for 95 of 100, on a quiet machine.
The parts: until the end is on record (its metrics read), until the successor is claimed (planned,
its message sent and taken), and until its process runs.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import figures
from trainui import control
from trainui.execution.daemon import lifecycle
from trainui.model.states import ENDED
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.read import views

SLEEP = "0.5"
"""Seconds that each stage takes: the worker is at rest when it ends."""


def main(count: int) -> int:
    """Run a chain and print how long each part of a handover took."""
    with tempfile.TemporaryDirectory(prefix="trainui-handover-") as folder:
        os.environ["TRAINUI_HOME"] = f"{folder}/home"
        lifecycle.ensure_started(wait=30)
        try:
            parts = _measure(Path(folder), count)
        finally:
            lifecycle.stop()
    for name, values in parts.items():
        values.sort()
        median, late = statistics.median(values), values[int(len(values) * 0.95) - 1]
        print(f"{name:<20} median {median:5.1f} ms   95 of 100 within {late:5.1f} ms")
    figures.without_limit("start after the upstream's end", statistics.median(parts["all"]), "ms")
    late = sorted(parts["all"])[int(count * 0.95) - 2]
    figures.at_most("start after the upstream's end, 95 of 100", late, 100, "ms")
    return figures.exit_code()


def _measure(folder: Path, count: int) -> dict[str, list[float]]:
    names = [f"s{number}" for number in range(count)]
    stages = [
        {"name": name, "run": ["sleep", SLEEP], "depends_on": names[:at][-1:]}
        for at, name in enumerate(names)
    ]
    file = folder / "chain.yaml"
    file.write_text(json.dumps({"name": "chain", "stages": stages}))
    run = control.submit(loader.load(str(file), {}))
    _wait(run)
    with engine.reading() as connection:
        found = {stage.name: stage for stage in views.stages(connection, run)}
        times = {
            (event.stage, event.kind): event.time for _, event in views.events(connection, run)
        }
    parts: dict[str, list[float]] = {"recorded": [], "claimed": [], "started": [], "all": []}
    for before, after in itertools.pairwise(names):
        ended, started = found[before].completed_at or 0, found[after].started_at or 0
        moments = [ended, times[before, "completed"], times[after, "running"], started]
        spans = [b - a for a, b in itertools.pairwise(moments)]
        for name, span in zip(parts, [*spans, started - ended], strict=True):
            parts[name].append(span / 1000)
    return parts


def _wait(run: str) -> None:
    while True:
        with engine.reading() as connection:
            record = views.run(connection, run)
        if record is not None and record.status in ENDED:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
