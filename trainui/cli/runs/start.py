"""Submits a pipeline, then detaches, waits or opens the screen."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainui import control, formatting, settings
from trainui.cli import lookup
from trainui.cli.output import printing, progress
from trainui.cli.output.disk_space import DiskWatch
from trainui.cli.runs import open_or_wait
from trainui.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from trainui.domain.definition import Pipeline

NOTHING_SUBMITTED = "nothing was submitted"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a command that submits a run."""

    name: str | None = None
    detach: bool = False
    wait: bool = False
    as_json: bool = False
    priority: int = 0
    note: str | None = None
    origin: str | None = None
    """The run that it came from, as the user named it."""

    def check(self) -> None:
        """Raise UsageError for options that exclude each other, or an invalid note."""
        if self.detach and self.wait:
            raise UsageError("--detach and --wait exclude each other; give one of them")
        if self.note is not None:
            from trainui.control import notes

            notes.check(self.note)


def start(
    pipeline: Pipeline,
    run_options: RunOptions,
    *,
    python: str | None = None,
    given: Mapping[str, str] | None = None,
) -> int:
    """Submit a pipeline, then detach, wait or open the screen; return the exit code."""
    run_options.check()
    run_id = str(uuid.uuid4())
    try:
        _submit(run_id, pipeline, run_options, python, given)
        return _follow(run_id, pipeline, run_options)
    except KeyboardInterrupt as error:
        raise StoppedError(_stopped_message(run_id)) from error


def _submit(
    run_id: str,
    pipeline: Pipeline,
    run_options: RunOptions,
    python: str | None,
    given: Mapping[str, str] | None,
) -> None:
    from trainui.control import self_wait_check, submission_checks
    from trainui.execution.daemon import lifecycle

    if not run_options.detach:
        self_wait_check.check_may_wait()
    submission_checks.check_search(pipeline.stages)  # before a worker is started for nothing
    lifecycle.ensure_started()  # first, so that nothing is stored if nothing can run
    if run_options.detach:  # waiting and the screen both check the disks themselves
        DiskWatch().check()
    with progress.display(f"submitting {len(pipeline.stages):,} stages"):
        control.submit(
            pipeline,
            name=run_options.name,
            run_id=run_id,
            environ=os.environ,
            python=python,
            priority=run_options.priority,
            given=given,
            origin=run_options.origin and lookup.find_run(run_options.origin).id,
        )
    if run_options.note is not None:
        from trainui.control import notes

        notes.add(run_id, run_options.note)


def _follow(run_id: str, pipeline: Pipeline, run_options: RunOptions) -> int:
    copies = pipeline.snapshot or settings.load().snapshot == "always"
    if not run_options.as_json:
        _report_code(run_id, pipeline, copies)
    if run_options.detach:
        name = run_options.name or pipeline.name
        data = {"run": run_id, "name": name, "stages": [stage.name for stage in pipeline.stages]}
        printing.answer(run_options.as_json, data, [run_id])
        if not run_options.as_json:
            background = f"`trainui wait {formatting.short_id(run_id)}`, or `trainui`"
            printing.note(f"{name} runs in the background: {background}")
        return 0
    printing.note(f"run {run_id}")
    return open_or_wait.follow(
        run_id, wait=run_options.wait, as_json=run_options.as_json, is_new=True
    )


def _report_code(run_id: str, pipeline: Pipeline, copies: bool) -> None:
    """Print where the code is that will run: a copy, or the files as they are when it starts."""
    from trainui.control import queue

    if copies:
        printing.note(f"snapshot: {control.snapshot_words(run_id)}")
    elif ahead := queue.count_ahead(run_id, pipeline.stages):
        printing.note(
            f"queued behind {formatting.quantity(ahead, 'stage')} of other runs; it will run the "
            "code as it is when it starts, with `--snapshot` as it is now"
        )


def _stopped_message(run_id: str) -> str:
    """Return a message on whether a run was stored before its submission was stopped."""
    from trainui.store.read import views

    if views.is_there():
        with views.reading() as connection:
            if views.run(connection, run_id) is not None:
                return f"stopped, but submitted: the run continues; see `trainui show {run_id}`"
    return f"stopped; {NOTHING_SUBMITTED}"
