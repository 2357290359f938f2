"""Ending all that runs, before the worker is stopped."""

from __future__ import annotations

import time

from trainui import control, paths, text
from trainui.cli import lookup
from trainui.cli.output import printing, progress
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.errors import StoreError, UnfitEnvironmentError
from trainui.execution.attempt import running_attempts
from trainui.execution.daemon import lifecycle
from trainui.store.read import views

MARGIN = 60.0
"""Seconds for a stage's end beyond its own grace period: the GPU's memory has to come back."""


NAMES_SHOWN = 8


def cancel_everything() -> None:
    """Cancel every unfinished stage and wait until no process of theirs is left.

    Where the database cannot be used, and of stages that it does not know, the attempts' own
    records tell what runs.

    Raises:
        UnfitEnvironmentError: some are still there.
    """
    try:
        _cancel_known()
    except StoreError as error:
        printing.note(str(error))
        lifecycle.stop()  # it can record nothing, and would start what the database still gives out
    _end_unknown()


def _end_unknown() -> None:
    running = running_attempts.of_home(paths.home())
    if not running:
        return
    names = ", ".join(text.harmless(one.name) for one in running)
    printing.note(f"ending what the database does not cancel: {names}")
    with progress.shown("waiting"):
        left = running_attempts.end_all(running)
    if left:
        names = ", ".join(str(one.directory) for one in left)
        raise UnfitEnvironmentError(f"still there: {names}; see the processes with `ps`")


def _cancel_known() -> None:
    if not views.is_there():
        return
    with lookup.view() as connection:
        alive = [run for run in views.runs(connection) if run.completed_at is None]
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
    with progress.shown("waiting"):
        while running := _running():
            if time.monotonic() > deadline:
                names = ", ".join(stage.name for stage in running)
                raise UnfitEnvironmentError(
                    f"still there after {patience:.0f} s: {names}; the worker goes on with ending "
                    "them, see `trainui ls`"
                )
            time.sleep(0.2)


def tell_of_running() -> None:
    """Say which stages go on though the worker has ended."""
    if not views.is_there():
        return
    try:
        running = _running()
    except StoreError as error:
        printing.note(f"whether stages go on is not known: {error}")
        return
    if not running:
        return
    names = [text.harmless(stage.name) for stage in running[:NAMES_SHOWN]]
    if len(running) > NAMES_SHOWN:
        names.append(f"{len(running) - NAMES_SHOWN} more")
    one = len(running) == 1
    printing.note(
        f"{len(running)} stage{'' if one else 's'} {'goes' if one else 'go'} on: "
        f"{', '.join(names)}; the next `trainui worker start` takes "
        f"{'it' if one else 'them'} up, `--with-stages` would have ended {'it' if one else 'them'}"
    )


def _running() -> list[StageRecord]:
    with lookup.view() as connection:
        return [
            stage
            for run in views.runs(connection)
            if run.completed_at is None
            for stage in views.stages(connection, run.id)
            if stage.status == Status.RUNNING
        ]
