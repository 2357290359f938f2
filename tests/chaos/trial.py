"""One trial: runs a random pipeline under faults, resumes it if needed, checks the invariants."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path

from tests.chaos import faults, invariants, sabotages, searches
from tests.chaos.commands import trainui
from tests.chaos.faults import FAULTS, KILLS, OFTEN
from tests.chaos.invariants import BrokenInvariantError
from tests.chaos.pipelines import Pipeline, write_pipeline
from tests.chaos.scene import Scene
from tests.chaos.screen import Screen
from trainui import control
from trainui.errors import UnfitEnvironmentError
from trainui.model.records import RunRecord
from trainui.model.states import ENDED, Status
from trainui.store.db import engine
from trainui.store.read import views

PATIENCE = 120.0
"""Seconds within which a run of a few seconds must be over, whatever is done to it."""

WATCHED = 0.4
"""The share of the trials in which somebody has the screen open on the run."""

ACCOMPANIED = 0.3
"""The share of the trials in which another run may be deleted meanwhile."""

BETWEEN = 1.0
"""The most seconds between faults: most of them hit the recovery from another."""

MEETS = 0.7
"""The share of the faults that wait until a stage runs; others come at any moment."""

LOOK_EVERY = 0.1
"""Seconds between polls, which must not slow down the run."""

KILLS_A_RUN = (4, 9)
"""Least and most kills of one run, where only kills are wanted."""

RESUMES = 20
"""Faults end after the first few, so that each run can complete."""


check_search = invariants.invariant(searches.check)


def stop_everything() -> None:
    """Stop worker, guard, broker and stages, and check that nothing is left."""
    stopped = trainui("worker", "stop", "--with-stages")
    assert stopped.returncode == 0, stopped.stderr
    invariants.check_home_is_quiet()


class Trial:
    """A run and what is done to it."""

    def __init__(
        self, random_: random.Random, directory: Path, disk: Path | None, *, kills: bool = False
    ) -> None:
        """Write the pipelines.

        Args:
            random_: what decides.
            directory: where they lie; it is made.
            disk: the small disk of the home; None: there is none.
            kills: kill processes and do nothing else, in a search that prunes.
        """
        directory.mkdir()
        self._random = random_
        if kills:
            trials = random_.randint(6, 14)
            self._pipeline = write_pipeline(random_, directory, most=1, trials=trials)
        else:
            self._pipeline = write_pipeline(random_, directory)
        self._other = None
        if not kills and random_.random() < ACCOMPANIED:
            self._other = write_pipeline(random_, directory, name="other", most=2)
        self._counts: Counter[str] = Counter()
        self._faults = KILLS if kills else tuple(FAULTS)
        self._faults_left = random_.randint(*(KILLS_A_RUN if kills else (1, 4)))
        self._waits = False
        self._watched = not kills and random_.random() < WATCHED
        self._screen: Screen | None = None
        self._scene = Scene("", random_, directory, disk)

    @property
    def history(self) -> str:
        """What was done to the run, in order."""
        return f"run {self._scene.run_id}, faults: " + ", ".join(self._scene.faults)

    def run(self) -> Counter[str]:
        """Run the trial; AssertionError where an invariant is broken."""
        scene = self._scene
        scene.run_id = _submit(self._pipeline)
        if self._other is not None:
            scene.bystander = (_submit(self._other), self._other)
        if self._watched:
            self._screen = Screen(scene.run_id, self._random)
        try:
            self._until_completed(scene.run_id, self._pipeline)
            if scene.bystander is not None:
                self._until_completed(*scene.bystander)
        finally:
            scene.undo(all_of_it=True)
            self._kill_screen()
        for run_id, pipeline in self._runs():
            invariants.check_completed(scene, run_id, pipeline)
            if pipeline.trials:
                self._counts += check_search(run_id, pipeline)
                self._counts["searches"] += 1
            control.remove(run_id)
            invariants.check_deleted(run_id)
        return self._counts

    def _runs(self) -> list[tuple[str, Pipeline]]:
        mine = (self._scene.run_id, self._pipeline)
        return [mine, self._scene.bystander] if self._scene.bystander else [mine]

    def _until_completed(self, run_id: str, pipeline: Pipeline) -> None:
        for _ in range(RESUMES):
            status = self._until_over(run_id)
            self._scene.undo(all_of_it=True)
            invariants.check_over(run_id, pipeline)
            if status == Status.COMPLETED:
                self._until_told(run_id)
                break
            if searches.is_done(run_id):
                break
            self._counts["resumes"] += 1
            resumed = trainui("resume", run_id, "--detach")
            assert resumed.returncode == 0, resumed.stderr
        else:
            raise BrokenInvariantError(f"{run_id} does not complete")

    def _until_told(self, run_id: str) -> None:
        """Wait until each trial of a completed run is in its study, which follows the store."""
        deadline = time.monotonic() + invariants.SECONDS
        while not searches.is_told(run_id):
            if faults.nobody_lives(self._scene):
                self._counts["starts by a person"] += 1
                trainui("worker", "start")
            if time.monotonic() > deadline:
                raise BrokenInvariantError(f"{run_id} has completed, and its study has not")
            time.sleep(LOOK_EVERY)

    def _kill_screen(self) -> None:
        if self._screen is not None:
            self._screen.kill()
            self._screen = None
            self._counts["screen"] += 1
            self._scene.faults.append("screen")

    def _until_over(self, run_id: str) -> Status:
        deadline = time.monotonic() + PATIENCE
        next_fault = self._next_fault()
        while time.monotonic() < deadline:
            self._scene.undo()
            run = self._look(run_id)
            if run is not None and run.status in ENDED:
                return run.status
            if self._screen is not None and not self._screen.live():
                self._kill_screen()
            if run is not None and self._is_due(next_fault) and self._cause_a_fault():
                next_fault = self._next_fault()
            elif run is not None and faults.nobody_lives(self._scene):
                # any one process of ours brings back the rest; where none is left, a person does
                self._counts["starts by a person"] += 1
                trainui("worker", "start")
            time.sleep(LOOK_EVERY)
        self._scene.undo(all_of_it=True)
        shown = trainui("show", run_id)
        raise BrokenInvariantError(f"{run_id} is not over after {PATIENCE:.0f} s:\n{shown.stdout}")

    def _next_fault(self) -> float:
        self._waits = self._random.random() < MEETS
        return time.monotonic() + self._random.uniform(0, BETWEEN)

    def _is_due(self, next_fault: float) -> bool:
        if not self._faults_left or time.monotonic() < next_fault:
            return False
        return not self._waits or self._scene.one_running() is not None

    def _look(self, run_id: str) -> RunRecord | None:
        """Return a run as it is on record; None where a full disk hides it for the moment."""
        try:
            with engine.reading() as connection:
                run = views.run(connection, run_id)
                ended = self._scene.just_ended(connection)
        except (sqlite3.OperationalError, UnfitEnvironmentError):
            return None
        for key in ended:
            invariants.check_gone(key)
        assert run is not None
        return run

    def _cause_a_fault(self) -> bool:
        """Cause a random fault; return False if it had no target."""
        often = OFTEN | sabotages.weights()
        weights = [often.get(name, 1) for name in self._faults]
        (name,) = self._random.choices(self._faults, weights)
        if not FAULTS[name](self._scene):
            return False
        self._counts[name] += 1
        self._scene.faults.append(name)
        self._faults_left -= 1
        return True


def _submit(pipeline: Pipeline) -> str:
    submitted = trainui("run", str(pipeline.file), "--detach", "--json")
    assert submitted.returncode == 0, submitted.stderr + submitted.stdout
    return str(json.loads(submitted.stdout)["run"])
