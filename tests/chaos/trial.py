"""One trial: a random run, faults until it is over, a resume where one is due, the invariants."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.chaos import faults, invariants
from tests.chaos.faults import FAULTS
from tests.chaos.pipelines import write_pipeline
from tests.chaos.screen import Screen
from trainui.domain.states import ENDED, Status
from trainui.store import views

PATIENCE = 120.0
"""Seconds within which a run of a few seconds must be over, whatever is killed."""

WATCHED = 0.4
"""The share of the trials in which somebody has the screen open on the run."""

BETWEEN = 1.0
"""Seconds at most from one fault to the next: most of them hit the recovery from another."""

RESUMES = 20
"""Faults end after the first few, so that each run can complete."""


def trainui(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of trainui as a person would."""
    command = [sys.executable, "-m", "trainui", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
    )


def stop_everything() -> None:
    """Stop worker, guard, broker and stages, and check that nothing is left."""
    stopped = trainui("worker", "stop", "--with-stages")
    assert stopped.returncode == 0, stopped.stderr
    invariants.check_home_is_quiet()


class Trial:
    """A run and what is done to it."""

    def __init__(self, random_: random.Random, directory: Path) -> None:
        directory.mkdir()
        self._random = random_
        self._file, self._ledger = write_pipeline(random_, directory)
        self._counts: Counter[str] = Counter()
        self._faults_left = random_.randint(1, 4)
        self._faults: list[str] = []
        self._watched = random_.random() < WATCHED
        self._screen: Screen | None = None

    @property
    def history(self) -> str:
        """What was done to the run, in order."""
        return "faults: " + ", ".join(self._faults)

    def run(self) -> Counter[str]:
        """Run the trial; AssertionError where an invariant is broken."""
        submitted = trainui("run", str(self._file), "--detach", "--json")
        assert submitted.returncode == 0, submitted.stderr + submitted.stdout
        run_id = json.loads(submitted.stdout)["run"]
        if self._watched:
            self._screen = Screen(run_id, self._random)
        try:
            self._until_completed(run_id)
        finally:
            self._kill_screen()
        invariants.check_run(run_id, self._ledger)
        invariants.check_nothing_left(run_id)
        return self._counts

    def _until_completed(self, run_id: str) -> None:
        for _ in range(RESUMES):
            status = self._until_over(run_id)
            if status == Status.COMPLETED:
                break
            self._counts["resumes"] += 1
            resumed = trainui("resume", run_id, "--detach")
            assert resumed.returncode == 0, resumed.stderr
        else:
            raise AssertionError(f"{run_id} does not complete")

    def _kill_screen(self) -> None:
        if self._screen is not None:
            self._screen.kill()
            self._screen = None
            self._counts["screen"] += 1
            self._faults.append("screen")

    def _until_over(self, run_id: str) -> Status:
        deadline = time.monotonic() + PATIENCE
        next_fault = time.monotonic() + self._random.uniform(0, BETWEEN)
        while time.monotonic() < deadline:
            with views.reading() as connection:
                run = views.run(connection, run_id)
            assert run is not None
            if run.status in ENDED:
                return run.status
            if self._screen is not None and not self._screen.live():
                self._kill_screen()
            due = self._faults_left and time.monotonic() > next_fault
            if due and self._cause_a_fault():
                next_fault = time.monotonic() + self._random.uniform(0, BETWEEN)
            elif faults.nobody_lives():
                # any one process of ours brings back the rest; where none is left, a person does
                self._counts["starts by a person"] += 1
                trainui("worker", "start")
            time.sleep(0.05)
        shown = trainui("show", run_id)
        raise AssertionError(f"{run_id} is not over after {PATIENCE:.0f} s:\n{shown.stdout}")

    def _cause_a_fault(self) -> bool:
        """Cause one; return whether there was anything to kill."""
        name = self._random.choice(list(FAULTS))
        if not FAULTS[name]():
            return False
        self._counts[name] += 1
        self._faults.append(name)
        self._faults_left -= 1
        return True
