"""The command `shell`: a shell in a stage's workdir and environment, for debugging."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import paths
from trainui.cli import lookup, options, printing
from trainui.errors import UnfitEnvironmentError
from trainui.model.records import AttemptRecord, StageRecord
from trainui.model.states import Status
from trainui.search import results as search_results
from trainui.store.db import home_identity
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.execution.attempt.prepared_process import PreparedProcess


@options.command("trainui shell digits evaluate", "echo nvidia-smi | trainui shell digits evaluate")
def shell(run: options.Run, stage: options.OneStage) -> None:
    """Open a shell in a stage's workdir, with the environment of its process.

    It is not part of the stage: it takes no slot, is not cancelled with it, and what it writes to
    $TRAINUI_METRICS_FILE is discarded.
    """
    prepared = _prepare(run, stage)
    program = prepared.environ.get("SHELL") or os.environ.get("SHELL") or "/bin/sh"
    printing.note(f"in {prepared.definition.workdir}; `exit` leaves")
    try:
        os.chdir(prepared.definition.workdir)
        os.umask(prepared.umask)
        os.execvpe(program, [program], environment(prepared.environ))
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot open {program} in {prepared.definition.workdir}: {error.strerror}"
        ) from error


def environment(prepared: Mapping[str, str]) -> dict[str, str]:
    """Return the stage's variables, changed so that the shell is not taken for the stage."""
    # an attempt's processes are recognised by this variable; the added slash makes it differ
    own = {"TRAINUI_RUN_DIR": prepared["TRAINUI_RUN_DIR"].rstrip("/") + "/"}
    return {**prepared, **own, "TRAINUI_METRICS_FILE": os.devnull}


def _prepare(reference: str, stage: str) -> PreparedProcess:
    from trainui.execution.attempt.prepared_process import AttemptContext, prepare

    home_identity.check()  # a shell in a stage's directory could change the original's
    run, found = lookup.find_one(reference, stage)
    home_identity.check_run(run)
    with lookup.view() as connection:
        attempts = views.attempts_of_stage(connection, found.id)
        submission = views.submission(connection, run.id)
        results = search_results.needed_by(connection, run.id, found.definition)
    attempt = attempts[-1] if attempts else _not_started(found)
    context = AttemptContext(run, found, attempt, submission, results)
    prepared = prepare(context, attempt.checkpoint)
    printing.note(f"{found.name}, as attempt {attempt.number}")
    return prepared


def _not_started(stage: StageRecord) -> AttemptRecord:
    """Return a placeholder for the first attempt of a stage that has not started."""
    return AttemptRecord(
        id=0,
        stage_id=stage.id,
        number=1,
        status=Status.QUEUED,
        celery_task_id=None,
        directory=str(paths.attempt_directory(Path(stage.directory), 1)),
        slots=(),
        granted_at=0,
    )
