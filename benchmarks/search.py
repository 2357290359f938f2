"""Measures what a trial of a search costs, beside a stage and beside Optuna's own loop.

`python -m benchmarks.search [--trials N] [--stages N] [--repeat N]`. Every trial and stage is a
shell command that writes one point. Two run at once; Optuna's loop runs the same command in its
objective, one after the other, with the same sampler and the same kind of storage. A trial in
stages has no limit: most of it is the time of Optuna's storage, which does not shrink as a stage
does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from benchmarks import figures
from benchmarks.scheduling import ROOT, run

POINT = 'echo "{\\"step\\": 0, \\"loss\\": VALUE}" >> "$TRAINUI_METRICS_FILE"'
"""The command of a stage, of a trial and of Optuna's objective."""

LIMIT = 2.5
"""Times Optuna's loop, which starts no supervisor and keeps no record, log or curve of a trial."""

SPACE = {"x": {"low": 0.0, "high": 1.0}, "n": {"low": 1, "high": 9}, "act": ["a", "b"]}


def ours(folder: Path, stage: dict[str, Any]) -> float:
    """Return the seconds that a pipeline of one stage of the file takes, the worker running."""
    folder.mkdir()
    (folder / "pipeline.yaml").write_text(json.dumps({"stages": [stage]}))
    environ = {"TRAINUI_HOME": str(folder / "home"), "TRAINUI_CPUS": "2", "PYTHONPATH": str(ROOT)}
    trainui = [sys.executable, "-m", "trainui"]
    run([*trainui, "worker", "start"], folder, **environ)
    try:
        return run([*trainui, "run", "pipeline.yaml", "--wait"], folder, **environ)
    finally:
        run([*trainui, "worker", "stop"], folder, **environ)


def costs(folder: Path, make: Callable[[int], dict[str, Any]], count: int) -> tuple[float, float]:
    """Return the seconds of one more stage, and those of a run apart from its stages.

    Of a search, the latter include the import of Optuna and the creation of the study's file.
    """
    folder.mkdir()
    few = count // 4
    first, last = ours(folder / "few", make(few)), ours(folder / "many", make(count))
    one = (last - first) / (count - few)
    return one, first - few * one


def matrix(count: int) -> dict[str, Any]:
    values = [str(at) for at in range(count)]
    return {
        "name": "train",
        "matrix": {"x": values},
        "run": POINT.replace("VALUE", "${matrix.x}"),
        "metrics": [],
    }


def search(count: int, sampler: str) -> dict[str, Any]:
    chosen = {"space": SPACE, "metric": "loss", "goal": "minimize", "trials": count, "seed": 0}
    command = POINT.replace("VALUE", "${search.x}") + "; : ${search.n} ${search.act}"
    fields = {"name": "train", "run": command, "metrics": []}
    return {**fields, "search": {**chosen, "sampler": sampler}}


def optunas(folder: Path, count: int) -> float:
    """Return the seconds that Optuna's loop takes for as many trials of the same command."""
    folder.mkdir()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    environ = {**os.environ, "TRAINUI_METRICS_FILE": str(folder / "points")}

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_int("n", 1, 9)
        trial.suggest_categorical("act", ["a", "b"])
        subprocess.run(["sh", "-c", POINT.replace("VALUE", repr(x))], env=environ, check=True)
        return x

    start = time.perf_counter()
    study = optuna.create_study(
        storage=f"sqlite:///{folder}/study.db", sampler=optuna.samplers.TPESampler(seed=0)
    )
    study.optimize(objective, n_trials=count)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of the comparison with Optuna")
    parser.add_argument("--stages", type=int, default=100, help="of that with stages")
    parser.add_argument("--repeat", type=int, default=3, help="pairs of the latter")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-search-") as directory:
        folder, ratios, starts = Path(directory), [], []
        for at in range(arguments.repeat):
            stage, _ = costs(folder / f"stages-{at}", matrix, arguments.stages)
            trial, start = costs(
                folder / f"trials-{at}", lambda count: search(count, "random"), arguments.stages
            )
            print(f"a stage {stage * 1e3:.0f} ms, a trial {trial * 1e3:.0f} ms", flush=True)
            ratios.append(trial / stage)
            starts.append(start)
        figures.without_limit("a trial, in stages", statistics.median(ratios), "times")
        figures.without_limit("start of a search", statistics.median(starts), "s")
        loop = optunas(folder / "optuna", arguments.trials)
        mine = ours(folder / "ours", search(arguments.trials, "tpe"))
        print(f"{arguments.trials} trials: {mine:.1f} s, Optuna's loop {loop:.1f} s")
        name = f"one of {arguments.trials} TPE trials"
        figures.at_most(f"{name}, to one in Optuna's loop", mine / loop, LIMIT, "times")
        figures.without_limit(name, mine / arguments.trials * 1e3, "ms")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
