"""One trial of edits: edits, resumes, cancels and kills a run, then compares its results.

After any of that, a resume must end with the results that a computation from scratch has, run what
its plan said and nothing else, and have started each attempt at most once.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.chaos import digest, faults, invariants, sabotages
from tests.chaos.commands import start, trainui
from tests.chaos.edited_pipeline import EditedPipeline
from tests.chaos.invariants import BrokenInvariantError
from tests.chaos.scene import Scene
from trainui import control, paths
from trainui.control import submission
from trainui.errors import NotFoundError, PipelineFileError, UsageError
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import DONE, Status
from trainui.resume import edits
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.read import views

STEPS = (4, 14)
"""Least and most actions of a trial."""

FAULTS = (
    *("worker", "guard", "guard and worker", "fork_server", "broker", "broker with its data"),
    *("supervisor", "training", "machine", "stopped worker", "stopped supervisor"),
)
"""The faults of `tests.chaos.faults` among the actions."""

RESUMES = 8
"""Resumes within which a run must complete and a further one has nothing to do."""

PATIENCE = "90"
"""Seconds within which a run of a few seconds must be over."""

SOON_OVER = "5"
"""Seconds within which it mostly is, unless the queue is paused or the worker stopped."""


class EditTrial:
    """A run and what is done to it."""

    def __init__(self, random_: random.Random, directory: Path) -> None:
        """Write the pipeline into a directory, which is made."""
        self._random = random_
        self._pipeline = EditedPipeline(random_, directory)
        self._scene = Scene("", random_, directory, None)
        self._counts: Counter[str] = Counter()
        self._unsure: set[tuple[str, int]] = set()
        """Attempts that ran while the result of an upstream stage was deleted."""
        self._backup: Path | None = None
        self._restored_at: list[int] = []
        """Numbers of starts before each time that the database was restored."""

    @property
    def history(self) -> str:
        """What was done to the run, in order."""
        return f"run {self._scene.run_id}: " + ", ".join(self._scene.faults)

    def run(self) -> Counter[str]:
        """Run the trial; BrokenInvariantError where an invariant is broken."""
        submitted = self._call("run", str(self._pipeline.file), "--detach", "--json")
        self._scene.run_id = json.loads(submitted)["run"]
        for _ in range(self._random.randint(*STEPS)):
            often = {name: often for name, (often, _) in ACTIONS.items()} | sabotages.weights()
            (name,) = self._random.choices(list(often), list(often.values()))
            self._scene.faults.append(name)
            self._counts[name] += 1
            ACTIONS[name][1](self)
            self._scene.undo()
        self._scene.undo(all_of_it=True)
        self._pipeline.let_succeed()
        self._scene.faults.append("end")
        self._call("worker", "unpause")
        self._settle()
        self._check()
        self._remove()
        return self._counts

    def _remove(self) -> None:
        """Delete the run, perhaps while it is resumed, or with a first try that is killed."""
        run_id = self._scene.run_id
        kind = self._random.choice(["alone", "beside a resume", "killed before"])
        self._scene.faults.append(f"deletion {kind}")
        if kind == "beside a resume":
            self._pipeline.edit()
            removing = start("rm", run_id, "--yes")
            self.resume()
            error = removing.communicate(timeout=120)[1]
            _expect("Traceback" not in error, error)
            self._call("cancel", run_id, codes=(0, 3))
            self._call("wait", run_id, "--timeout", PATIENCE, codes=(0, 1, 3, 130))
        elif kind == "killed before":
            self._kill(start("rm", run_id, "--yes"), 1.0)
        with suppress(NotFoundError):
            control.remove(run_id)
        submission.sweep_staging()
        invariants.check_deleted(run_id)

    def _settle(self) -> None:
        """Resume until a resume has nothing to do."""
        run_id = self._scene.run_id
        self._call("worker", "start")
        for _ in range(RESUMES):
            self._call("wait", run_id, "--timeout", PATIENCE, codes=(0, 1, 130))
            invariants.check_nothing_left(run_id)
            planned = json.loads(self._resume("--dry-run", "--json"))["stages"]
            skipped = {one["name"] for one in planned if one["action"] == "skip"}
            before = self._pipeline.started()
            self._resume("--detach")
            self._call("wait", run_id, "--timeout", PATIENCE, codes=(0, 1, 130))
            if len(skipped) == len(planned) and self._run().status == Status.COMPLETED:
                _expect(self._pipeline.started() == before, "the plan skips all, and some ran")
                return
            ran = {name for name, _ in self._pipeline.started()[len(before) :]}
            _expect(not ran & skipped, f"the plan skipped what ran: {ran & skipped}")
        raise BrokenInvariantError(f"it does not complete: {self._call('show', run_id)}")

    def _check(self) -> None:
        started = self._pipeline.started()
        for first, last in pairwise([0, *self._restored_at, len(started)]):
            twice = [key for key, times in Counter(started[first:last]).items() if times > 1]
            _expect(not twice, f"attempts were started twice: {twice}")
        stages = {one.name: one for one in self._stages() if not one.removed}
        expected = self._pipeline.expected()
        _expect(
            stages.keys() == expected.keys(), f"it has {sorted(stages)}, not {sorted(expected)}"
        )
        unsure: set[str] = set()
        for name, text in expected.items():
            stage = stages[name]
            if (name, stage.attempt) in self._unsure or not unsure.isdisjoint(stage.depends_on):
                unsure.add(name)
            else:
                _check_result(stage, text)

    def _call(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command; return what it printed."""
        done = trainui(*arguments)
        words = f"{arguments} exits with {done.returncode}: {done.stderr}"
        is_bug = "Traceback" in done.stderr or "bug in trainui" in done.stderr
        _expect(done.returncode in codes and not is_bug, words)
        return done.stdout

    def _ask(self, *arguments: str) -> None:
        """Run a command on the run, which may be refused."""
        command, *options = arguments
        self._call(command, self._scene.run_id, *options, codes=(0, 1, 2, 3, 130))

    def _resume(self, *options: str) -> str:
        return self._call(
            "resume", self._scene.run_id, "--file", str(self._pipeline.file), *options
        )

    def _stages(self) -> list[StageRecord]:
        with engine.reading() as connection:
            return views.stages(connection, self._scene.run_id)

    def _run(self) -> RunRecord:
        with engine.reading() as connection:
            run = views.run(connection, self._scene.run_id)
        assert run is not None
        return run

    def _any(self) -> str:
        return self._random.choice(self._stages()).name

    def _some(self) -> str:
        """Return a stage of the file."""
        return self._random.choice(list(self._pipeline.stages))

    def edit(self) -> None:
        """Edit the file, which changes nothing in the run."""
        self._scene.faults[-1] = self._pipeline.edit()

    def edit_before_checkpoints(self) -> None:
        """Edit what a stage with checkpoints depends on, once that may have ended; resume."""
        self._call("wait", self._scene.run_id, "--timeout", SOON_OVER, codes=(0, 1, 5, 130))
        self._scene.faults[-1] = self._pipeline.edit_before_checkpoints()
        self.resume()

    def pause(self) -> None:
        """Let the run continue for a moment."""
        time.sleep(self._random.choice([0.2, 1.0, 2.0]))

    def resume(self, *options: str) -> None:
        """Resume with the file as it is now."""
        self._ask("resume", "--file", str(self._pipeline.file), "--detach", *options)

    def resume_twice(self) -> None:
        """Resume from two terminals at once."""
        options = ("--file", str(self._pipeline.file), "--detach")
        at_once = [start("resume", self._scene.run_id, *options) for _ in range(2)]
        for one in at_once:
            error = one.communicate(timeout=120)[1]
            _expect("Traceback" not in error, error)

    def cancel_and_resume(self) -> None:
        """Cancel the run while it is resumed."""
        cancelling = start("cancel", self._scene.run_id)
        self.resume()
        error = cancelling.communicate(timeout=120)[1]
        _expect("Traceback" not in error, error)

    def toggle_fixed(self) -> None:
        """Let flaky stages succeed from now on, or fail again."""
        if self._pipeline.fixed.exists():
            self._pipeline.fixed.unlink()
        else:
            self._pipeline.fixed.touch()

    def lose_results(self) -> None:
        """Delete the result or the directory of a stage that has completed."""
        done = [one for one in self._stages() if one.status in DONE and one.definition.outputs]
        if not done:
            return
        lost = self._random.choice(done)
        self._note_readers(lost.name)
        directory = Path(lost.directory)
        if self._random.random() < 0.5:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            (directory / digest.RESULT).unlink(missing_ok=True)
        self._note_readers(lost.name)

    def _note_readers(self, name: str) -> None:
        """Note the attempts that read a stage's result now, and may or may not see it."""
        self._unsure |= {
            (one.name, one.attempt)
            for one in self._stages()
            if name in one.depends_on and one.status == Status.RUNNING
        }

    def cause(self, name: str) -> None:
        """Cause a fault of `tests.chaos.faults`."""
        faults.FAULTS[name](self._scene)

    def stop_during_resume(self, name: str) -> None:
        """Stop a process, resume, and let the process continue."""
        self.cause(name)
        resuming = start(
            "resume", self._scene.run_id, "--file", str(self._pipeline.file), "--detach"
        )
        time.sleep(self._random.uniform(0.2, 2.0))
        self._scene.undo(all_of_it=True)
        error = resuming.communicate(timeout=120)[1]
        _expect("Traceback" not in error, error)

    def kill_command(self) -> None:
        """Kill a resume at a random moment."""
        options = ("--file", str(self._pipeline.file), "--detach")
        self._kill(start("resume", self._scene.run_id, *options), 0.6)

    def _kill(self, command: subprocess.Popen[str], within: float) -> None:
        time.sleep(self._random.uniform(0, within))
        with suppress(ProcessLookupError):
            os.kill(command.pid, signal.SIGKILL)
        command.communicate()

    def pause_queue(self) -> None:
        """Let nothing start for a while."""
        self._call("worker", self._random.choice(["pause", "unpause"]))

    def note(self) -> None:
        """Write a note, perhaps with a verdict."""
        self._ask("note", "a remark", *self._random.choice([(), ("--verdict", "keep")]))

    def edit_inline(self) -> None:
        """Edit a value of the run's own pipeline, as the screen's `e` does, and resume."""
        run = self._run()
        stage = self._random.choice(self._stages()).definition
        try:
            values = edits.values_of(run, (text := edits.text_of(run)), stage)
            if not values:
                return
            value = self._random.choice(values)
            edit = edits.with_values(run, text, {value: str(self._random.randrange(5))})
            pipeline, _member = edits.pipeline_of(run, edit)
            control.resume(run.id, pipeline=pipeline, edit=edit)
        except (UsageError, PipelineFileError):
            return  # e.g. it changes what a running stage depends on

    def back_up(self) -> None:
        """Back the home up while all of it runs."""
        self._backup = self._pipeline.state / f"backup-{len(self._scene.faults)}.tgz"
        self._call("backup", str(self._backup))

    def restore(self) -> None:
        """Put the database of a backup into the place of the present one."""
        if self._backup is None:
            return
        self._call("worker", "stop")
        open_store().close()
        home = paths.home()
        for suffix in ("", "-wal", "-shm"):
            home.database.with_name(f"{home.database.name}{suffix}").unlink(missing_ok=True)
        with tarfile.open(self._backup) as archive:
            archive.extract(home.database.name, home.root, filter="data")
        self._restored_at.append(len(self._pipeline.started()))


def _check_result(stage: StageRecord, expected: str) -> None:
    file = Path(stage.directory, digest.RESULT)
    if not file.exists():  # an output is made again only if a stage needs it
        return
    found = file.read_text()
    _expect(found == expected, f"{stage.name} attempt {stage.attempt}: its result is out of date")


def _expect(is_so: bool, words: str) -> None:
    if not is_so:
        raise BrokenInvariantError(words)


def _fault(name: str) -> Callable[[EditTrial], Any]:
    if name.startswith("stopped"):
        return lambda trial: trial.stop_during_resume(name)
    return lambda trial: trial.cause(name)


ACTIONS: dict[str, tuple[float, Callable[[EditTrial], Any]]] = {
    "edit": (6, EditTrial.edit),
    "edit before checkpoints": (1, EditTrial.edit_before_checkpoints),
    "pause": (2, EditTrial.pause),
    "resume": (4, EditTrial.resume),
    "two resumes": (2, EditTrial.resume_twice),
    "resume as submitted": (1, lambda trial: trial._ask("resume", "--as-submitted", "--detach")),
    "resume of a part": (2, lambda trial: trial.resume("--until", trial._some())),
    "restart": (2, lambda trial: trial.resume("--fresh", trial._any())),
    "rerun": (1, lambda trial: trial._ask("rerun", trial._any())),
    "rerun downstream": (1, lambda trial: trial._ask("rerun", trial._any(), "--downstream")),
    "cancelled stage": (1, lambda trial: trial._ask("cancel", trial._any())),
    "cancelled run": (1, lambda trial: trial._ask("cancel")),
    "cancelled resume": (1, EditTrial.cancel_and_resume),
    "killed resume": (1, EditTrial.kill_command),
    "toggle": (1, EditTrial.toggle_fixed),
    "lost results": (2, EditTrial.lose_results),
    "stopped services": (1, lambda trial: trial._call("worker", "stop")),
    "queue": (1, EditTrial.pause_queue),
    "note": (0.5, EditTrial.note),
    "inline edit": (2, EditTrial.edit_inline),
    "backup": (0.7, EditTrial.back_up),
    "restored backup": (0.7, EditTrial.restore),
    **{name: (0.4, _fault(name)) for name in FAULTS},
}
"""By name: how often, and what."""
