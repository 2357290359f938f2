"""Runs on a real Slurm under random faults: `python -m tests.executors.slurm_chaos --faults 100`.

Each round is a run of stages on Slurm and here, which save after each unit of work. While it goes,
workers, supervisors, daemons and jobs are killed, stopped, cancelled, requeued, preempted and
warned of their limit. Then it is resumed until it has completed. Nothing may have run twice at the
same time, no attempt may have started twice, no work may be lost, and no job may be left. Prints a
line of counts; exits 1 at the first rule that was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.acceptance.command_line import CommandLine
from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.unit.supervisor.waiting import wait_for
from trainui.supervisor.orphans import processes_of

UNITS = 12
ROUND = 6
"""Faults in a round."""

WORK = """
import fcntl, json, os, sys, time
place, pause = sys.argv[1], float(sys.argv[2])
stage, attempt = os.environ["TRAINUI_STAGE"], os.environ["TRAINUI_ATTEMPT"]
def say(what):
    with open(f"{place}/ledger", "a") as file:
        file.write(f"{what} {stage} {attempt}\\n")
busy = open(f"{place}/busy-{stage}", "a")
try:
    fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    say("twice")
say("start")
done = 0
if "TRAINUI_CHECKPOINT" in os.environ:
    done = int(open(os.environ["TRAINUI_CHECKPOINT"]).read())
for unit in range(done + 1, %d + 1):
    time.sleep(pause)
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"step": unit, "loss": 1 / unit}) + "\\n")
    with open(f"save-{attempt}", "w") as file:
        file.write(str(unit))
    os.rename(f"save-{attempt}", f"ckpt-{unit}.txt")
say("end")
"""

PIPELINE = """
defaults:
  executor: {{slurm: {{options: {options}}}}}
  workdir: ${{stage_dir}}
  checkpoint: "ckpt-*.txt"
  retries: 2
  retry_delay: 0
stages:
  - {{name: a, gpus: 1, matrix: {{n: [1, 2, 3]}}, run: "{work}"}}
  - {{name: b, executor: local, run: "{work}"}}
  - {{name: c, depends_on: [a, b], run: "{work}"}}
"""


class BrokenRuleError(Exception):
    """Something ran twice, was lost or was left behind."""


class Round:
    """One run, and the faults in it."""

    def __init__(self, cli: CommandLine, slurm: SlurmCluster, chance: random.Random) -> None:
        self.cli, self.slurm, self.chance = cli, slurm, chance
        self.place = Path(tempfile.mkdtemp(dir=cli.directory))
        (self.place / "work.py").write_text(WORK % UNITS)
        work = f"{sys.executable} {self.place}/work.py {self.place} {chance.uniform(0.05, 0.3):.2f}"
        options = chance.choice(["[]", "[--requeue]"])
        file = self.place / "p.yaml"
        file.write_text(PIPELINE.format(work=work, options=options))
        self.faults: dict[str, Callable[[], object]] = {
            "worker": self.kill_worker,
            "sbatch": lambda: (cli.directory / "kill-at-sbatch").touch(),
            "supervisor": self.kill_supervisor,
            "controller": self.restart_controller,
            "hung controller": self.hang_controller,
            "slurmd": self.restart_slurmd,
            "node down": self.lose_node,
            "scancel": lambda: self.to_a_job("scancel"),
            "requeue": self.requeue_job,
            "limit": lambda: self.to_a_job("scancel", "--signal=USR2", "--batch"),
            "preemption": lambda: slurm(
                "sbatch", "-p", "urgent", "-c4", "-o/dev/null", "--wrap=sleep 0.3"
            ),
            "cancel": self.cancel_stage,
        }
        done = cli("run", "--detach", str(file))
        if done.code != 0:
            raise BrokenRuleError(f"not submitted: {done.err}")
        self.run = done.out.split()[0]
        self.log = [f"{self.run} {options}"]

    def play(self, count: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for _ in range(count):
            time.sleep(self.chance.uniform(0, 1.5))
            name = self.chance.choice(list(self.faults))
            self.log.append(name)
            self.faults[name]()
            counts[name] += 1
        try:
            self.complete()
            self.check()
        except (BrokenRuleError, AssertionError) as error:
            raise BrokenRuleError(f"{error}\n{self.log}\n{self.ledger()}") from error
        return counts

    def complete(self) -> None:
        """Resume the run until it has completed."""
        for _ in range(10):
            self.cli("worker", "start")
            self.slurm(
                "scontrol", "update", f"nodename={self.slurm.node}", "state=resume", check=False
            )
            code = self.cli("wait", self.run, "--timeout", "40").code
            if code == 0:
                return
            if code != 5:
                self.log.append("resume")
                self.cli("resume", self.run, "--detach")
        raise BrokenRuleError(f"it does not complete: {self.shown()}")

    def check(self) -> None:
        lines = self.ledger()
        if twice := [line for line in lines if line.startswith("twice")]:
            raise BrokenRuleError(f"ran at the same time: {twice}")
        starts = Counter(line for line in lines if line.startswith("start"))
        if again := [line for line, count in starts.items() if count > 1]:
            raise BrokenRuleError(f"an attempt started twice: {again}")
        for one in self.cli.json("metrics", self.run)["series"]:
            if (one["count"], one["last_step"]) != (UNITS, UNITS):
                raise BrokenRuleError(f"points are lost: {one}")
        wait_for(lambda: not self.live_jobs(), "the end of all jobs")
        wait_for(lambda: not processes_of({"TRAINUI_RUN_ID": self.run}), "no process")

    def ledger(self) -> list[str]:
        file = self.place / "ledger"
        return file.read_text().splitlines() if file.exists() else []

    def shown(self) -> str:
        stages = self.cli.json("show", self.run)["stages"]
        return json.dumps([(one["name"], one["status"], one["reason"]) for one in stages])

    def live_jobs(self) -> list[str]:
        found = self.slurm("squeue", "-h", "-O", "JobID:|,Name:|,State:|", check=False)
        return [one for one in found.splitlines() if "|trainui-" in one]

    def to_a_job(self, *command: str) -> str:
        """Do something to one of our jobs; return its id, if there is one."""
        ids = [one.partition("|")[0] for one in self.live_jobs()]
        if not ids:
            return ""
        chosen = self.chance.choice(ids)
        self.slurm(*command, chosen, check=False)
        return chosen

    def requeue_job(self) -> None:
        """Requeue a job; one that has not begun is to start now, and not in two minutes."""
        if id_ := self.to_a_job("scontrol", "requeue"):
            time.sleep(1.0)
            self.slurm("scontrol", "update", f"jobid={id_}", "StartTime=now", check=False)

    def attempts(self) -> list[Any]:
        stages = self.cli.json("show", self.run)["stages"]
        return [one["attempts"][-1] for one in stages if one["status"] == "running"]

    def kill_worker(self) -> None:
        found = self.cli.json("worker", "status")
        for name in ("guard_pid", "pid"):
            if found[name]:
                kill(found[name])
        self.cli("worker", "start")

    def kill_supervisor(self) -> None:
        pids = [one["supervisor_pid"] for one in self.attempts() if one["supervisor_pid"]]
        if pids:
            kill(self.chance.choice(pids))

    def restart_controller(self) -> None:
        self.slurm.kill("slurmctld", self.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(self.chance.uniform(0, 3))
        self.slurm.start_controller()

    def hang_controller(self) -> None:
        with self.slurm.hung_controller():
            time.sleep(self.chance.uniform(0, 4))

    def restart_slurmd(self) -> None:
        self.slurm.kill("slurmd", signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 1))
        self.slurm.start_node()

    def lose_node(self) -> None:
        node = f"nodename={self.slurm.node}"
        self.slurm("scontrol", "update", node, "state=down", "reason=chaos", check=False)
        time.sleep(self.chance.uniform(0, 1))
        self.slurm("scontrol", "update", node, "state=resume", check=False)
        self.slurm.wait_for_node()

    def cancel_stage(self) -> None:
        names = [one["name"] for one in self.cli.json("show", self.run)["stages"]]
        self.cli("cancel", self.run, self.chance.choice(names))


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def killing_sbatch(place: Path, slurm: SlurmCluster) -> Path:
    """Make an `sbatch` that submits a job and then kills its caller, where a file asks for it."""
    real, mark = slurm("which", "sbatch").strip(), place / "work/kill-at-sbatch"
    programs = place / "programs"
    programs.mkdir()
    (programs / "sbatch").write_text(
        f'#!/bin/sh\ncase "$*" in *--test-only*) exec {real} "$@";; esac\n{real} "$@"; code=$?\n'
        f"[ ! -e {mark} ] || {{ rm {mark}; kill -KILL $PPID; sleep 1; }}\nexit $code\n"
    )
    (programs / "sbatch").chmod(0o755)
    return programs


def play(faults: int, seed: int) -> Counter[str]:
    """Cause so many faults, and return how many there were of each kind."""
    place = Path(tempfile.mkdtemp(prefix="slurm-chaos-"))
    counts: Counter[str] = Counter()
    with slurm_cluster.running(place / "slurm") as slurm:
        cli = CommandLine(place, slurm_cluster.quick())
        cli.environ["SLURM_CONF"] = str(slurm.configuration)
        cli.environ["PATH"] = f"{killing_sbatch(place, slurm)}:{cli.environ['PATH']}"
        try:
            while (left := faults - counts.total()) > 0:
                chance = random.Random(f"{seed} {counts.total()}")
                counts += Round(cli, slurm, chance).play(min(left, ROUND))
        finally:
            cli.close()
    shutil.rmtree(place)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        counts = play(arguments.faults, arguments.seed)
    except BrokenRuleError as error:
        print(error, file=sys.stderr)
        return 1
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{counts.total()} faults in {time.monotonic() - began:.0f} s: {shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
