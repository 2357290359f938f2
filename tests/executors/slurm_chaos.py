"""Runs on a real Slurm under random faults: `python -m tests.executors.slurm_chaos --faults 100`.

Each round is a run of stages on Slurm and here, which work until the faults are over and save
after each unit. Meanwhile workers, supervisors, daemons and jobs are killed, stopped, cancelled,
held, requeued, preempted and warned of their limit; a fault that meets nothing is not counted. Then
the run is resumed until it has completed. Nothing may have run twice at the same time, no attempt
may have started twice, no work may be lost, and no job may be left. Prints a line of counts; exits
1 at the first rule that was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

from tests.acceptance.command_line import CommandLine
from tests.executors import slurm_cluster
from tests.executors.slurm_cluster import SlurmCluster
from tests.unit.supervisor.waiting import wait_for
from trainui.supervisor.process import processes_of

UNITS = 4
"""Units of work of a stage, at least."""

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
unit = done
while unit < %d or not os.path.exists(f"{place}/enough"):
    unit += 1
    time.sleep(pause)
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"step": unit, "loss": 1 / unit}) + "\\n")
    with open(f"save-{attempt}", "w") as file:
        file.write(str(unit))
    os.rename(f"save-{attempt}", f"ckpt-{unit}.txt")
say(f"end {unit}")
"""

PIPELINE = """
defaults:
  executor: {{slurm: {{options: [--requeue]}}}}
  workdir: ${{stage_dir}}
  checkpoint: "ckpt-*.txt"
  retries: 2
  retry_delay: 0
stages:
  - {{name: a, gpus: 1, matrix: {{n: [1, 2, 3]}}, run: "{work}"}}
  - {{name: b, executor: local, run: "{work}"}}
  - {{name: c, executor: slurm, depends_on: [a, b], run: "{work}"}}
"""

KINDS = (
    *("worker", "sbatch", "supervisor", "controller", "hung controller", "slurmd", "node down"),
    *("drain", "hold", "suspend", "scancel", "requeue", "limit", "preemption", "cancel"),
)


class BrokenRuleError(Exception):
    """Something ran twice, was lost or was left behind."""


class Round:
    """One run, and the faults in it."""

    def __init__(
        self, cli: CommandLine, slurm: SlurmCluster, chance: random.Random, pause: float
    ) -> None:
        self.cli, self.slurm, self.chance, self.pause = cli, slurm, chance, pause
        self.place = Path(tempfile.mkdtemp(dir=cli.directory))
        (self.place / "work.py").write_text(WORK % UNITS)
        work = f"{sys.executable} {self.place}/work.py {self.place} {chance.uniform(0.05, 0.2):.2f}"
        file = self.place / "p.yaml"
        file.write_text(PIPELINE.format(work=work))
        self.faults: dict[str, Callable[[], object]] = {
            "worker": self.kill_worker,
            "sbatch": self.kill_at_sbatch,
            "supervisor": self.kill_supervisor,
            "controller": self.restart_controller,
            "hung controller": self.hang_controller,
            "slurmd": self.restart_slurmd,
            "node down": lambda: self.lose_node("down"),
            "drain": lambda: self.lose_node("drain"),
            "hold": lambda: self.to_a_job("scontrol", "hold", state="PENDING"),
            "suspend": lambda: self.to_a_job("scontrol", "suspend", state="RUNNING"),
            "scancel": lambda: self.to_a_job("scancel"),
            "requeue": self.requeue_job,
            "limit": lambda: self.to_a_job("scancel", "--signal=USR2", "--batch", state="RUNNING"),
            "preemption": self.preempt,
            "cancel": self.cancel_stage,
        }
        done = cli("run", "--detach", str(file))
        if done.code != 0:
            raise BrokenRuleError(f"not submitted: {done.err}")
        self.run = done.out.split()[0]
        self.log = [self.run]

    def play(self, kinds: Iterator[str], count: int) -> Counter[str]:
        """Cause so many faults that meet something, then complete the run and look at all of it."""
        counts: Counter[str] = Counter()
        try:
            while counts.total() < count:
                self.keep_going()
                time.sleep(self.chance.uniform(0, self.pause))
                name = next(kinds)
                self.log.append(name)
                give_up_at = time.monotonic() + 3.0
                while not (has_met := self.faults[name]()) and time.monotonic() < give_up_at:
                    time.sleep(0.1)
                counts[name] += bool(has_met)
            self.complete()
            self.check()
        except (BrokenRuleError, AssertionError) as error:
            raise BrokenRuleError(f"{error}\n{self.log}\n{self.ledger()}") from error
        return counts

    def keep_going(self) -> None:
        """Resume what has ended, once little is left to meet."""
        stages = self.cli.json("show", self.run)["stages"]
        if sum(one["status"] in ("queued", "running") for one in stages) < 3:
            self.log.append("resume")
            self.cli("resume", self.run, "--detach")

    def complete(self) -> None:
        """Resume the run until it has completed.

        A controller that was killed forgets its last moments; a node that registers corrects it.
        A node whose daemon was killed as a job ended may show that job as running for ever: it
        cannot be cancelled, and ends as an administrator takes the node down.
        """
        (self.place / "enough").touch()
        self.restart_slurmd()
        for place in range(10):
            if place > 1 and self.live_jobs():
                self.log.append("node down")
                self.lose_node("down")
            self.cli("worker", "start")
            self.slurm.restore()
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
        units = {line.split()[2]: int(line.split()[1]) for line in lines if line.startswith("end")}
        for one in self.cli.json("metrics", self.run)["series"]:
            if one["count"] != one["last_step"] or one["count"] < units[one["stage"]]:
                raise BrokenRuleError(f"points are lost: {one}, of {units}")
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

    def to_a_job(self, *command: str, state: str = "") -> str:
        """Do something to one of our jobs; return its id, if there is one."""
        ids = [one.partition("|")[0] for one in self.live_jobs() if f"|{state}" in one]
        if not ids:
            return ""
        chosen = self.chance.choice(ids)
        with suppress(subprocess.CalledProcessError):  # it has ended meanwhile, say
            self.slurm(*command, chosen)
            return chosen
        return ""

    def requeue_job(self) -> str:
        """Requeue a job; one that has not begun is to start now, and not in two minutes."""
        if id_ := self.to_a_job("scontrol", "requeue", state="RUNNING"):
            time.sleep(self.chance.uniform(0, 1))
            self.slurm("scontrol", "update", f"jobid={id_}", "StartTime=now", check=False)
        return id_

    def preempt(self) -> bool:
        if not any("|RUNNING" in one for one in self.live_jobs()):
            return False
        self.slurm(
            "sbatch", "-p", "urgent", "--exclusive", "-o/dev/null", "--wrap=sleep 0.3", check=False
        )
        return True

    def kill_worker(self) -> bool:
        found = self.cli.json("worker", "status")
        for name in ("guard_pid", "pid"):
            if found[name]:
                kill(found[name])
        Thread(target=self.cli, args=("worker", "start")).start()  # the faults do not wait for it
        return True

    def kill_at_sbatch(self) -> bool:
        """Have the worker killed after the next submission, before it knows the job's id."""
        (self.cli.directory / "kill-at-sbatch").touch()
        return True

    def kill_supervisor(self) -> bool:
        stages = self.cli.json("show", self.run)["stages"]
        running = [one["attempts"][-1] for one in stages if one["status"] == "running"]
        pids = [one["supervisor_pid"] for one in running if one["supervisor_pid"]]
        if pids:
            kill(self.chance.choice(pids))
        return bool(pids)

    def restart_controller(self) -> bool:
        self.slurm.kill("slurmctld", self.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(self.chance.uniform(0, self.pause))
        self.slurm.start_controller()
        return True

    def hang_controller(self) -> bool:
        with self.slurm.hung_controller():
            time.sleep(self.chance.uniform(0, 2.5))
        return True

    def restart_slurmd(self) -> bool:
        self.slurm.kill("slurmd", signal.SIGKILL)
        time.sleep(self.chance.uniform(0, self.pause))
        self.slurm.start_node()
        return True

    def lose_node(self, state: str) -> bool:
        node = f"nodename={self.slurm.node}"
        self.slurm("scontrol", "update", node, f"state={state}", "reason=chaos", check=False)
        time.sleep(self.chance.uniform(0, self.pause))
        self.slurm("scontrol", "update", node, "state=resume", check=False)
        self.slurm.wait_for_node()
        return True

    def cancel_stage(self) -> bool:
        names = [one["name"] for one in self.cli.json("show", self.run)["stages"]]
        self.cli("cancel", self.run, self.chance.choice(names))
        return True


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


def play(faults: int, seed: int, rounds: int, pause: float) -> Counter[str]:
    """Cause so many faults, and return how many there were of each kind."""
    place = Path(tempfile.mkdtemp(prefix="slurm-chaos-"))
    counts: Counter[str] = Counter()
    kinds = shuffled(random.Random(seed))
    with slurm_cluster.running(place / "slurm") as slurm:
        cli = CommandLine(place, slurm_cluster.quick())
        cli.environ["SLURM_CONF"] = str(slurm.configuration)
        cli.environ["PATH"] = f"{killing_sbatch(place, slurm)}:{cli.environ['PATH']}"
        try:
            for left in range(rounds, 0, -1):
                chance = random.Random(f"{seed} {left}")
                count = -(-(faults - counts.total()) // left)
                counts += Round(cli, slurm, chance, pause).play(kinds, count)
        finally:
            cli.close()
    shutil.rmtree(place)
    return counts


def shuffled(chance: random.Random) -> Iterator[str]:
    """Yield the kinds of faults without an end, each as often as the others."""
    while True:
        yield from chance.sample(KINDS, len(KINDS))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=0, help="one for ten faults by default")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds before a fault, at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    try:
        counts = play(given.faults, given.seed, given.rounds or -(-given.faults // 10), given.pause)
    except BrokenRuleError as error:
        print(error, file=sys.stderr)
        return 1
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{counts.total()} faults in {time.monotonic() - began:.0f} s: {shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
