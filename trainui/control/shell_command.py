"""A stage's command as it can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution.attempt.prepared_process import AttemptContext, definition_of
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.pipeline.masking import MASK, mask
from trainui.search import results
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.store.read.run_in_json import shown_command


def of_stage(run_id: str, stage_name: str) -> str | None:
    """Return a stage's whole command for a shell, with its directory; None for a task."""
    with engine.reading() as connection:
        run = views.find_run(connection, run_id)
        stage = views.stage(connection, run_id, stage_name)
        if stage is None:
            return None
        attempts = views.attempts_of_stage(connection, stage.id)
        return shell_command(connection, run, stage, attempts)


def shell_command(
    connection: Connection, run: RunRecord, stage: StageRecord, attempts: Sequence[AttemptRecord]
) -> str | None:
    """Return a stage's command for a shell, with its directory and own variables; None for a task.

    Secrets are masked; without any in the definition, it is the command that the last attempt
    executed.
    """
    command: str | Sequence[str] | None = shown_command(run.params, stage.definition)
    workdir, env = stage.definition.workdir, stage.definition.env
    if command is None:
        return None
    if attempts and MASK not in "".join(command):
        with suppress(UsageError, UnfitEnvironmentError):
            submission = views.submission(connection, run.id)
            searches = results.needed_by(connection, run.id, stage.definition)
            context = AttemptContext(run, stage, attempts[-1], submission, searches)
            executed = definition_of(context, attempts[-1].checkpoint)
            # of secret variables, `${env.NAME}` gives it the values
            masker = shell_environment.masker(Path(run.directory))
            command, workdir = masker.command(executed.command) or "", executed.workdir
            env = {name: masker.text(value) for name, value in executed.env.items()}
    text = command if isinstance(command, str) else shlex.join(command)
    variables = (f"export {name}={shlex.quote(str(value))}" for name, value in mask(env).items())
    return "\n".join((f"cd {shlex.quote(workdir)}", *variables, text.rstrip(), ""))
