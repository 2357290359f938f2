"""Kills at random moments of a run that evaluates each checkpoint of its training.

`python -m tests.chaos.evaluations --kills 100`: prints how many of which kind, or the first broken
invariant. Each trial is a training that rotates its checkpoints away, odd trials with `newest`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.command_line import CommandLine

STEPS, KEPT, BEST = 24, 18, 17
"""Checkpoints of a training, how many of them it keeps, and the step of the best one."""

END_WITHIN, LIVE_WITHIN = 240.0, 60.0
"""Seconds in which a run ends after the last kill, and a worker starts."""

TRAIN = f"""
import json, os, sys, time
out, resumed = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
begin = json.load(open(resumed))["step"] + 1 if resumed else 1
attempt = int(os.environ["TRAINUI_ATTEMPT"])
for step in range(begin, {STEPS} + 1):
    time.sleep(0.25)
    with open(f"{{out}}/metrics.jsonl", "a") as file:
        file.write(json.dumps({{"step": step, "loss": 1 / step}}) + "\\n")
    with open(f"{{out}}/.new", "w") as file:
        json.dump({{"step": step, "attempt": attempt, "pad": "x" * 20000}}, file)
    written = os.stat(f"{{out}}/.new").st_mtime_ns
    os.rename(f"{{out}}/.new", f"{{out}}/step-{{step}}.json")
    with open(f"{{out}}/saved.log", "a") as file:
        file.write(f"{{step}} {{attempt}} {{written}}\\n")
    if step > {KEPT}:
        try:
            os.unlink(f"{{out}}/step-{{step - {KEPT}}}.json")
        except FileNotFoundError:
            pass
"""

EVALUATE = f"""
import json, sys, time
checkpoint, out = sys.argv[1:]
time.sleep(0.2)
read = json.load(open(checkpoint))
with open(f"{{out}}/metrics.jsonl", "w") as file:
    value = abs(read["step"] - {BEST}) + read["attempt"] / 1000
    file.write(json.dumps({{"step": 1, "val/loss": value}}) + "\\n")
"""

PIPELINE = """
name: each
stages:
  - name: train
    run: [python, train.py, "${stage_dir}"]
    checkpoint: step-*.json
    resume_args: ["${checkpoint}"]
    metrics: metrics.jsonl
    retries: 1000
  - name: evaluate
    each_checkpoint: train
    every: EVERY
    run: [python, evaluate.py, "${checkpoint}", "${stage_dir}"]
    metrics: metrics.jsonl
    retries: 1000
  - name: use
    depends_on: [evaluate]
    run: cat ${stages.evaluate.best.checkpoint}
    retries: 1000
"""


class BrokenInvariantError(AssertionError):
    """What must be true whatever is killed, and was not."""


@dataclass
class Trial:
    """A run under kills."""

    cli: CommandLine
    run: str
    newest: bool
    random: random.Random

    @classmethod
    def begin(cls, root: Path, seed: int, *, newest: bool) -> Trial:
        """Submit the run."""
        cli = CommandLine(root, {"TRAINUI_CPUS": "2"})
        cli.write("train.py", TRAIN)
        cli.write("evaluate.py", EVALUATE)
        cli.write("p.yaml", PIPELINE.replace("EVERY", "newest" if newest else "1"))
        return cls(cli, cli.json("run", "p.yaml", "--detach")["run"], newest, random.Random(seed))

    def kill(self) -> str | None:
        """Kill something; return what, None if there was nothing of that kind."""
        kinds = {
            "machine": 4,
            "worker": 3,
            "evaluation": 5,
            "training": 2,
        }
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        found = self._processes()
        if kind == "machine":
            _kill_at_once(found)
            self.await_worker()
            return kind if found else None
        chosen = [one for one in found if _is(one, kind)]
        if not chosen:
            return None
        if kind == "worker":  # nobody looks, so the training must not go on and rotate
            with _stopped([one for one in found if _is(one, "training")]):
                _kill_at_once(chosen)
                time.sleep(0.1)
                self.await_worker()
        else:
            _kill_at_once(chosen)
        return kind

    def await_worker(self) -> None:
        """Start a worker, if the guard does not, and wait until it runs."""
        until = time.monotonic() + LIVE_WITHIN
        while time.monotonic() < until:
            self.cli("worker", "start")
            if any(_is(one, "worker") for one in self._processes()):
                return
            time.sleep(0.2)
        raise BrokenInvariantError("no worker starts")

    def is_over(self) -> bool:
        """Return True if the run has ended."""
        return self.cli.status(self.run) in ("completed", "failed", "interrupted")

    def await_end(self) -> None:
        """Wait until the run has completed."""
        until = time.monotonic() + END_WITHIN
        while self.cli.status(self.run) != "completed":
            if time.monotonic() > until:
                raise BrokenInvariantError(f"not completed: {self.cli('show', self.run).out}")
            time.sleep(0.5)

    def _processes(self) -> list[psutil.Process]:
        home = str(self.cli.home)
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if one.environ().get("TRAINUI_HOME") == home and one.pid != os.getpid():
                    found.append(one)
        return found

    # What must be true at the end.

    def check(self) -> None:
        """Raise BrokenInvariantError if a checkpoint was lost, or evaluated twice, or left."""
        shown = self.cli.json("show", self.run)
        train = next(one for one in shown["stages"] if one["name"] == "train")
        lines = (Path(train["dir"]) / "saved.log").read_text().splitlines()
        saved = [tuple(map(int, line.split())) for line in lines]
        rows = self._rows()
        by_time = Counter(row["written_at"] for row in rows)
        for step, attempt, written in saved:
            if by_time[written] != 1:
                raise BrokenInvariantError(
                    f"step {step} of attempt {attempt} was found {by_time[written]} times"
                )
        if self.newest:
            self._check_left_out(rows)
        else:
            counting = {row["step"] for row in rows if row["state"] == "current"}
            if counting != set(range(1, STEPS + 1)):
                raise BrokenInvariantError(f"steps that count: {sorted(counting)}")
        self._check_members(shown, rows)
        self._check_curve(rows, {written: attempt for _step, attempt, written in saved})
        self._check_best(shown, rows)

    def _rows(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.cli.home / "trainui.db")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM checkpoints")]

    def _check_left_out(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["state"] != "current" and not row["reason"]:
                raise BrokenInvariantError(f"left out without a reason: {row}")
        last = max(rows, key=lambda row: row["written_at"])
        if last["state"] != "current":
            raise BrokenInvariantError(f"the last checkpoint was left out: {last}")

    def _check_members(self, shown: Any, rows: list[dict[str, Any]]) -> None:
        given = Counter(row["stage_id"] for row in rows)
        for stage in shown["stages"]:
            if not stage["name"].startswith("evaluate["):
                continue
            ends = Counter(one["status"] for one in stage["attempts"])
            if ends["completed"] > given[stage["id"]]:
                raise BrokenInvariantError(f"evaluated twice: {stage['name']}")
            if stage["status"] not in ("completed", "skipped"):
                raise BrokenInvariantError(f"{stage['name']} is {stage['status']}")

    def _check_curve(self, rows: list[dict[str, Any]], attempts: dict[int, int]) -> None:
        wanted = {
            row["step"]: abs(row["step"] - BEST)
            + attempts.get(row["written_at"], row["attempt"]) / 1000
            for row in rows
            if row["state"] == "current"
        }
        until = time.monotonic() + LIVE_WITHIN  # a reader that was replaced reads late
        while not self._is_curve(points := self._curve(), wanted):
            if time.monotonic() > until:
                raise BrokenInvariantError(f"the curve is {points}, not {wanted}")
            time.sleep(0.5)

    def _curve(self) -> list[dict[str, Any]]:
        lines = self.cli("export", self.run, "evaluate", "--format", "jsonl").out.splitlines()
        return [json.loads(line) for line in lines]

    @staticmethod
    def _is_curve(points: list[dict[str, Any]], wanted: dict[int, float]) -> bool:
        found = {one["step"]: one["value"] for one in points if one["name"] == "val/loss"}
        return found == wanted and len(points) == len(wanted)

    def _check_best(self, shown: Any, rows: list[dict[str, Any]]) -> None:
        counting = [row for row in rows if row["state"] == "current"]
        best = min(counting, key=lambda row: (row["value"], row["step"]))
        use = next(one for one in shown["stages"] if one["name"] == "use")
        used = json.loads(Path(use["attempts"][-1]["stdout"]).read_text())
        if used["step"] != best["step"]:
            raise BrokenInvariantError(f"used {used['step']}, the best is {best}")
        place = Path(shown["dir"] if "dir" in shown else Path(use["dir"]).parent)
        left = {one.name for one in (place / ".trainui" / "held").iterdir()}
        if left != {best["held"]}:
            raise BrokenInvariantError(f"held copies are left: {left}, the best's: {best['held']}")


def _is(process: psutil.Process, kind: str) -> bool:
    marks = {
        "worker": "trainui.execution.worker",
        "evaluation": "evaluate.py",
        "training": "train.py",
    }
    try:
        return marks[kind] in process.cmdline() or any(
            one.endswith(marks[kind]) for one in process.cmdline()
        )
    except psutil.Error:
        return False


def _kill_at_once(processes: list[psutil.Process]) -> None:
    for sent in (signal.SIGSTOP, signal.SIGKILL):  # none sees another die
        for one in processes:
            with contextlib.suppress(psutil.Error):
                one.send_signal(sent)


@contextlib.contextmanager
def _stopped(processes: list[psutil.Process]) -> Iterator[None]:
    for one in processes:
        with contextlib.suppress(psutil.Error):
            one.suspend()
    try:
        yield
    finally:
        for one in processes:
            with contextlib.suppress(psutil.Error):
                one.resume()


def run_trial(root: Path, seed: int, *, kills: int, newest: bool) -> Counter[str]:
    """Kill so many times at random moments, then check the end; return how often of which kind."""
    trial = Trial.begin(root, seed, newest=newest)
    counts: Counter[str] = Counter()
    try:
        while counts.total() < kills and not trial.is_over():
            time.sleep(trial.random.uniform(0.1, 1.5))
            if (kind := trial.kill()) is not None:
                counts[kind] += 1
        trial.await_end()
        trial.check()
    finally:
        trial.cli.close()
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.evaluations", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    trials = 0
    while counts.total() < arguments.kills:
        root = Path(tempfile.mkdtemp(prefix="evaluations-"))
        seed = arguments.seed + trials
        left = min(8, arguments.kills - counts.total())
        try:
            counts += run_trial(root, seed, kills=left, newest=bool(trials % 2))
        except BrokenInvariantError as error:
            print(f"seed {seed}: {error}; kept: {root}", file=sys.stderr)
            return 1
        shutil.rmtree(root)
        trials += 1
        print(f"trial {trials}: {dict(counts)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
