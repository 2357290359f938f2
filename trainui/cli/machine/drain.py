"""Cancels everything that is running, before the worker is stopped."""

from __future__ import annotations

import time

from trainui import control, formatting, paths
from trainui.cli import lookup
from trainui.cli.output import printing, progress
from trainui.errors import SchemaRefusedError, StoreError, UnfitEnvironmentError
from trainui.execution.attempt import running_attempts
from trainui.execution.daemon import lifecycle
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import Status
from trainui.store.db import home_identity
from trainui.store.read import views

MARGIN = 60.0
"""Seconds allowed beyond a stage's grace period, e.g. until the GPU's memory is free."""

NAMES_SHOWN = 8


def cancel_everything() -> None:
    """Cancel every unfinished stage and wait until all of their processes have exited.

    If the database cannot be used or does not know a stage, the attempts' own records are used.

    Raises:
        CopiedHomeError: the home is a copy: what it knows as running is its original's.
        UnfitEnvironmentError: some processes are still running.
    """
    home_identity.check()
    try:
        _cancel_known()
    except (StoreError, SchemaRefusedError) as error:
        printing.note(*str(error).split("\n"))
        lifecycle.stop()  # it cannot record outcomes, and might still start queued stages
    running = running_attempts.of_home(paths.home())
    if not running:
        return
    names = ", ".join(one.name for one in running)
    printing.note(f"ending without the database: {names}")
    with progress.display("waiting"):
        left = running_attempts.end_all(running)
    if left:
        pids = sorted({pid for one in left for pid in one.pids()})
        shown = ", ".join(str(one.directory) for one in left)
        raise UnfitEnvironmentError(
            f"still running: {shown}: process {', '.join(map(str, pids))} survives SIGKILL; end it "
            "or restart the machine, then `trainui worker stop --with-stages` again"
        )


def _cancel_known() -> None:
    if not views.is_there():
        return
    with lookup.view() as connection:
        alive = [run for run in views.runs(connection) if _is_alive(run)]
    for run in alive:
        asked = control.cancel(run.id)
        if asked:
            printing.note(f"cancelled in {run.name}: {', '.join(asked)}")
    running = _running()
    if not running:
        return
    lifecycle.ensure_started()
    printing.note(f"waiting for the end of {', '.join(stage.name for stage in running)}")
    patience = MARGIN + max(stage.definition.grace for stage in running)
    deadline = time.monotonic() + patience
    with progress.display("waiting"):
        while running := _running():
            if time.monotonic() > deadline:
                names = ", ".join(_described(stage) for stage in running)
                raise UnfitEnvironmentError(
                    f"still running after {patience:.0f} s: {names}; the worker keeps trying to "
                    "end them; see `trainui ls`"
                )
            time.sleep(0.2)


def _described(stage: StageRecord) -> str:
    return f"{stage.name} ({stage.reason})" if stage.reason else stage.name


def report_running() -> None:
    """Print which stages keep running after the worker has stopped."""
    try:
        running = _running() if views.is_there() else []
    except (StoreError, SchemaRefusedError) as error:
        printing.note(f"cannot tell whether stages are still running: {error}")
        return
    if not running:
        return
    names = [stage.name for stage in running[:NAMES_SHOWN]]
    if len(running) > NAMES_SHOWN:
        names.append(f"{len(running) - NAMES_SHOWN} more")
    they = "it" if len(running) == 1 else "them"
    printing.note(
        f"{formatting.quantity(len(running), 'stage')} still running: {', '.join(names)}; the next "
        f"`trainui worker start` monitors {they} again; `--with-stages` would have cancelled {they}"
    )


def _is_alive(run: RunRecord) -> bool:
    """Return True for a run of ours that has not ended; external runs are left alone."""
    return run.completed_at is None and run.external is None


def _running() -> list[StageRecord]:
    with lookup.view() as connection:
        return [
            stage
            for run in views.runs(connection)
            if _is_alive(run)
            for stage in views.stages(connection, run.id)
            if stage.status == Status.RUNNING
        ]
