"""Cancels stages, and deletes runs that have ended."""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from trainui import paths, system, wakeup
from trainui.control import requests, submission
from trainui.errors import StoreError, TrainuiError, UnfitEnvironmentError, UsageError
from trainui.execution.attempt import executors
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import ENDED, UNFINISHED, Status
from trainui.resume import code_snapshot, plan
from trainui.resume.submitted import check_names
from trainui.store.db import home_identity
from trainui.store.db.engine import Database, open_store
from trainui.store.points import write_points
from trainui.store.read import views
from trainui.store.runs import external_runs, runs, stage_requests
from trainui.supervisor import process

LEAST_TO_FORGET = 1 << 20
"""Free bytes below which the database may have had no room for a run's deletion."""


def cancel(run_id: str, names: Collection[str] | None = None) -> list[str]:
    """Request the cancellation of stages; each is cancelled once all of its processes have exited.

    One that waits for its rerun is completed again if its last result still stands. `names` are
    full names; None: every unfinished stage. Returns those that are to be cancelled; empty if all
    had ended.
    """
    store = open_store()
    results: Mapping[str, tuple[int, Status]] = {}
    with suppress(TrainuiError):  # what prevents a comparison must not prevent the cancellation
        results = plan.standing_results(store, run_id)
    with store.write() as connection:
        _check_can_cancel(requests.run_to_change(connection, run_id, "cancel"))
        chosen = _chosen(views.stages(connection, run_id), names)
        asked = stage_requests.cancel(connection, run_id, chosen, results)
        if asked:
            requests.record_deed(connection, run_id, "cancelled", asked)
    wakeup.wake()
    return asked


def forget(run_id: str, names: Collection[str] | None = None) -> dict[str, str]:
    """Record running stages as cancelled that cannot be seen, although they may still run.

    Returns why they cannot be seen, by the stage's name. Others are left alone.

    Raises:
        UsageError: one of `names` can be seen, so that `cancel` ends it; nothing was changed.
    """
    store = open_store()
    with store.read() as connection:
        _check_can_cancel(requests.run_to_change(connection, run_id, "give up stages of"))
        chosen = _chosen(views.stages(connection, run_id), names)
    running = [stage for stage in chosen if stage.status == Status.RUNNING]
    reasons = {stage.name: executors.why_unseen(store, stage) for stage in running}
    if names is not None and (seen := [name for name, why in reasons.items() if not why]):
        raise UsageError(
            f"{', '.join(seen)} can be seen: `trainui cancel` without --forget ends the processes, "
            "and records that once none of them is left"
        )
    for stage in running:
        if why := reasons[stage.name]:
            executors.give_up(store, stage, why)
    return {name: why for name, why in reasons.items() if why}


def check(run_id: str) -> None:
    """Raise UsageError if a run cannot be cancelled: an external one that was not adopted."""
    with open_store().read() as connection:
        _check_can_cancel(views.existing_run(connection, run_id))


def _check_can_cancel(run: RunRecord) -> None:
    if run.external is not None and run.external["pid"] is None and run.status not in ENDED:
        raise UsageError(
            f"{run.name} is an external run, and trainui does not know its processes; only one "
            "that was adopted with `trainui add --pid` can be cancelled"
        )


def _chosen(known: list[StageRecord], names: Collection[str] | None) -> list[StageRecord]:
    if names is None:
        return [stage for stage in known if stage.status in UNFINISHED]
    check_names([stage.name for stage in known], names)
    return [stage for stage in known if stage.name in names]


def remove(run_id: str) -> None:
    """Delete a run that has ended: its rows, its points and its directory.

    Raises:
        UsageError: it has not ended.
        UnfitEnvironmentError: a process of it still runs, and nothing was deleted.
        CopiedHomeError: it belongs to the home that this one was copied from.
        UnfitEnvironmentError: the rows were deleted, but the directory could not be; or a file
            system is mounted in it, and nothing was deleted.
    """
    requests.check_delete()
    store = open_store()
    submission.sweep_staging()
    with store.read() as connection:
        run = requests.run_to_change(connection, run_id, "delete")
    home_identity.check_run(run)
    directory = Path(run.directory)
    run_variables = {"TRAINUI_RUN_ID": run_id, "TRAINUI_RUN_DIR": str(directory)}
    if pids := process.processes_of(run_variables):
        shown = " ".join(map(str, pids))
        raise UnfitEnvironmentError(
            f"process {shown.replace(' ', ', ')} of the run still runs: end it with "
            f"`kill {shown}`, then delete the run; nothing was deleted"
        )
    for mountpoint in system.mountpoints_in(directory):
        raise UnfitEnvironmentError(
            f"a file system is mounted in the run's directory, at {mountpoint}: unmount it first; "
            "nothing was deleted"
        )
    with submission.noted(run_id) as note:
        _write_note(note, directory)
        try:
            _forget(store, run_id)
        except StoreError:
            if not _may_make_room(directory):
                raise
            _delete_directory(directory)
            _forget(store, run_id)
        _delete_directory(directory)


def _forget(store: Database, run_id: str) -> None:
    with store.write() as connection:
        if views.existing_run(connection, run_id).external is not None:
            external_runs.let_end(connection, run_id)
        owners = [stage.id for stage in views.stages(connection, run_id)]
        runs.remove(connection, run_id)
        write_points.forget(connection, owners)


def _may_make_room(directory: Path) -> bool:
    """Return True if the home's disk is full, and a run's directory is on it."""
    home = paths.home().root
    is_full = system.free_bytes(home) < LEAST_TO_FORGET
    return is_full and system.nearest_existing(directory).stat().st_dev == home.stat().st_dev


def _write_note(note: submission.StagingNote, directory: Path) -> None:
    """Note what is being deleted; on a full disk, the run's own files make room for that first."""
    try:
        note.write(directory)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        places = {system.nearest_existing(one).stat().st_dev for one in (directory, note.path)}
        if not is_full or len(places) > 1:
            raise
        _delete_directory(directory)  # a kill now leaves a run without files, deleted as any other
        note.write(directory)


def _delete_directory(directory: Path) -> None:
    try:
        with suppress(FileNotFoundError):  # a tree is being removed by hand
            code_snapshot.release_trees(directory)
        paths.remove_tree(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnfitEnvironmentError(
            f"the run was deleted, but its directory {directory} only in part: {error}; "
            "delete the rest yourself"
        ) from error
