"""Builds the inputs of an attempt's process: its checkpoint, definition and environment.

Stages do not inherit the worker's environment; every variable that they get is set here.
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Any

from trainui import paths
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError
from trainui.model.definition import SearchResult, StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import CHECKPOINT, Status
from trainui.pipeline import filling, stage_command
from trainui.pipeline.field_names import CHECKPOINT_VARIABLE
from trainui.pipeline.masking import MASK, mask
from trainui.pipeline.stage_command import STARTUP_VARIABLES, Interpreter
from trainui.plugin import Tracker, registry
from trainui.record import dataclass
from trainui.resume import checkpoints, held_checkpoints, search_results, undeclared
from trainui.resume.checkpoints import CheckpointSearch, Tried
from trainui.resume.held_checkpoints import FoundCheckpoint
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import evaluations, views
from trainui.store.read.run_in_json import shown_command
from trainui.store.runs import attempts, checkpoint_stages, runs, stages
from trainui.store.shell_environment import ShellEnvironment
from trainui.supervisor.protocol import IDENTITY, METRICS_FILE, RUN_TAG


class NotLaunchableError(TrainuiError):
    """The attempt cannot be started; the message says what is missing."""


class CheckpointsExhaustedError(NotLaunchableError):
    """Every complete checkpoint was tried without progress; another try would loop forever."""


@dataclass(frozen=True, slots=True)
class PreparedProcess:
    """The inputs of an attempt's process."""

    definition: StageDefinition
    """With all substitutions done; its `env` is included in `environ`."""
    python: Interpreter
    environ: Mapping[str, str]
    umask: int
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """An attempt with its stage, run and submission."""

    run: RunRecord
    stage: StageRecord
    attempt: AttemptRecord
    submission: Mapping[str, Any] = field(default_factory=dict)
    searches: Mapping[str, SearchResult] = field(default_factory=dict)
    """The results of searches that the stage uses, by the stage's name in the file."""


def context_of(store: Database, attempt_id: int) -> AttemptContext:
    """Return the current record of an attempt, with its stage and run."""
    with store.read() as connection:
        attempt = attempts.get(connection, attempt_id)
        stage = stages.get(connection, attempt.stage_id)
        run = views.run(connection, stage.run_id)
        if run is None:
            raise NotLaunchableError(f"the run {stage.run_id} was deleted")
        submission = views.submission(connection, run.id)
        searches = search_results.needed_by(connection, run.id, stage.definition)
        return AttemptContext(run, stage, attempt, submission, searches)


def definition_of(context: AttemptContext, checkpoint: str | None) -> StageDefinition:
    """Return the definition of an attempt with all substitutions done.

    Raises:
        UsageError: it uses a variable that is not set.
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    shell = shell_environment.read(Path(context.run.directory))
    return _filled(context, shell, checkpoint)[0]


def interpreter_of(context: AttemptContext) -> str:
    """Return the python that an attempt's process has first on its PATH.

    Raises:
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    shell = shell_environment.read(Path(context.run.directory))
    return str(_filled(context, shell, context.attempt.checkpoint)[1].path)


def identity_of(context: AttemptContext) -> dict[str, str]:
    """Return the variables that together identify the processes of this attempt."""
    own = _own_variables(context, None)
    return {name: own[name] for name in IDENTITY}


def prepare(context: AttemptContext, checkpoint: str | None) -> PreparedProcess:
    """Prepare the process of an attempt, which continues from a checkpoint or starts from scratch.

    Raises:
        UsageError: the definition uses a variable that is not set.
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    directory = Path(context.run.directory)
    shell_environment.masker(directory)  # from now on, this process's log masks the run's secrets
    shell = shell_environment.read(directory)
    definition, python = _filled(context, shell, checkpoint)
    # the home of the submitting shell, unless that was moved or copied since
    own_home = {"TRAINUI_HOME": str(paths.home().root)}
    environ = {**shell_environment.inheritable(shell.environ), **own_home, **definition.env}
    environ = stage_command.with_interpreter(environ, python)
    if isinstance(definition.command, str):
        for name in STARTUP_VARIABLES:
            environ.pop(name, None)
    environ["PYTHONUNBUFFERED"] = definition.env.get("PYTHONUNBUFFERED", "1")
    environ.setdefault("MASTER_PORT", str(_free_port()))
    environ.setdefault("PET_MASTER_PORT", environ["MASTER_PORT"])  # torchrun reads only this one
    for one in registry.records(Tracker):
        wanted = registry.ask(one, one.environment, context.attempt.directory, RUN_TAG) or {}
        environ = {**wanted, **environ}
    environ.pop("TRAINUI_CHECKPOINT", None)
    environ |= _own_variables(context, checkpoint)
    return PreparedProcess(definition, python, environ, shell.umask, shell.limits)


def _filled(
    context: AttemptContext, shell: ShellEnvironment, checkpoint: str | None
) -> tuple[StageDefinition, Interpreter]:
    definition, number = shell.secrets.reveal(context.stage.definition), context.attempt.number
    if definition.each_checkpoint is not None:  # a revealed secret is as the file has it
        definition = filling.with_directory(definition, context.stage.directory)
    definition = filling.with_results(definition, context.searches)
    environ = shell.environ

    def fill(python: str) -> StageDefinition:
        return filling.start(
            definition, python=python, attempt=number, environ=environ, checkpoint=checkpoint
        )

    named = definition.python and fill("python3").python
    python = stage_command.find_interpreter(named, environ)
    if named is None and (submitted := context.submission.get("python")):
        python = replace(python, path=submitted)
    return fill(python.path), python


def _own_variables(context: AttemptContext, checkpoint: str | None) -> dict[str, str]:
    run, stage, attempt = context.run, context.stage, context.attempt
    variables = {
        "TRAINUI_RUN_ID": run.id,
        "TRAINUI_STAGE": stage.name,
        "TRAINUI_ATTEMPT": str(attempt.number),
        "TRAINUI_RUN_DIR": run.directory,
        "TRAINUI_STAGE_DIR": stage.directory,
        "TRAINUI_METRICS_FILE": str(Path(attempt.directory) / METRICS_FILE),
    }
    if stage.definition.is_local:  # elsewhere its executor says which GPUs it has
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, attempt.gpus))
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    return variables | ({"TRAINUI_CHECKPOINT": checkpoint} if checkpoint else {})


def _free_port() -> int:
    """Return a currently free TCP port, so that trainings on one machine use different ports."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def choose_checkpoint(
    store: Database, context: AttemptContext, earlier: Sequence[AttemptRecord]
) -> str | None:
    """Choose the checkpoint of an attempt; record it, and why others are not used.

    Raises:
        TrainuiError: it cannot continue; the message names the checkpoint and says what to do.
        OSError: a file cannot be read or written.
    """
    if context.stage.definition.each_checkpoint is not None:
        return _evaluated_checkpoint(store, context)
    if context.stage.definition.checkpoint is None:
        if earlier and earlier[-1].status != Status.COMPLETED:
            _keep_undeclared(store, context, earlier)
        return None
    started = definition_of(context, None)
    definition = replace(  # keep the original command: `requested` searches it for a checkpoint
        context.stage.definition,
        checkpoint=started.checkpoint,
        workdir=started.workdir,
        env=started.env,
    )
    own = [one.directory for one in earlier]
    rivals = partial(checkpoints.find_rivals, store, context.stage)
    where = checkpoints.search(definition, context.stage.directory, own, rivals)
    chosen = checkpoints.find(
        where, tried := _tried_checkpoints(store, context), asked=_is_asked(context)
    )
    if chosen is None and checkpoints.exhausted(where, tried):
        raise CheckpointsExhaustedError(_exhausted(context))
    remark = checkpoints.reason_unused(where)
    if chosen is None and (found := checkpoints.requested(definition)) is not None:
        chosen, remark = _requested_checkpoint(context, where, found, tried), None
    if not (earlier or where.found):
        remark = None  # a first attempt without checkpoints is normal
    checkpoints.note_before(where.outside(), Path(context.attempt.directory))
    _record_checkpoint(store, context, chosen, remark)
    return chosen


def _evaluated_checkpoint(store: Database, context: AttemptContext) -> str:
    """Return the held copy of the checkpoint that a stage evaluates; make one if there is none.

    Raises:
        NotLaunchableError: the checkpoint is gone, or was changed.
    """
    place = evaluations.held_directory(context.run.directory)
    with store.read() as connection:
        row = evaluations.of_member(connection, context.stage.id)
    if row is None:
        raise NotLaunchableError(f"no checkpoint is on record for {context.stage.name}")
    if row.held is not None:
        problem = held_checkpoints.problem(place, row.held, row.path)
        if problem is None:
            return str(evaluations.held_copy(place, row.held, row.path))
        if not checkpoints.is_state_of(row.identity, Path(row.path)):
            raise NotLaunchableError(
                f"the held copy of {row.path}, in {place / row.held}, {problem}; "
                "`trainui rerun` evaluates it once that is as it was"
            )
    if not checkpoints.is_state_of(row.identity, Path(row.path)):
        raise NotLaunchableError(
            f"{row.path} no longer exists as it was evaluated, and there is no held copy of it"
        )
    found = FoundCheckpoint(row.path, row.written_at, row.attempt, row.identity)
    each = context.stage.definition.each_checkpoint
    assert each is not None
    assert each.member_of is not None
    key = held_checkpoints.hold(place, each.member_of, found, complete=None, row=row.id)
    with store.write() as connection:
        checkpoint_stages.set_held(connection, row.id, key)
    return str(evaluations.held_copy(place, key, row.path))


def _keep_undeclared(
    store: Database, context: AttemptContext, earlier: Sequence[AttemptRecord]
) -> None:
    if (found := undeclared.find(store, context.stage, earlier)) is not None:
        _record_checkpoint(
            store, context, None, f"{found.words}; {undeclared.keep(found)}", start=""
        )


def _tried_checkpoints(store: Database, context: AttemptContext) -> Tried:
    with store.read() as connection:
        return attempts.tried_checkpoints(connection, context.stage.id)


def _is_asked(context: AttemptContext) -> bool:
    return context.stage.retries_used == 0


def _requested_checkpoint(
    context: AttemptContext, where: CheckpointSearch, found: Path, tried: Tried
) -> str:
    """Return the checkpoint that the stage's `env` names.

    Raises:
        NotLaunchableError: it is missing, incomplete, or was tried without progress.
    """
    if (problem := where.problem(found)) is not None:
        raise NotLaunchableError(
            f"the checkpoint {found}, which env.{CHECKPOINT_VARIABLE} names, {problem}; correct "
            "the path, or remove the variable"
        )
    if checkpoints.is_tried(str(found), tried) and not _is_asked(context):
        raise CheckpointsExhaustedError(_exhausted(context))
    return str(found)


def _exhausted(context: AttemptContext) -> str:
    stage = context.stage
    return (
        "no checkpoint worked: each attempt that continued from one ended before it wrote a "
        f"metric or a checkpoint; `trainui resume {stage.run_id} --fresh "
        f"{shlex.quote(stage.name)}` starts from the beginning, in a new directory; without "
        "--fresh it retries the newest checkpoint"
    )


def _record_checkpoint(
    store: Database,
    context: AttemptContext,
    chosen: str | None,
    remark: str | None,
    start: str = "starts without a checkpoint: ",
) -> None:
    if chosen is None and remark is None:
        return
    stage, attempt = context.stage, context.attempt
    with store.write() as connection:
        if chosen is not None:
            attempts.set_checkpoint(connection, attempt.id, chosen)
        if remark is not None:
            text, number = f"{stage.name}: {'' if chosen else start}{remark}", attempt.number
            runs.record_stage_event(connection, stage, CHECKPOINT, text, attempt=number)


# A stage's command as it can be pasted into a shell.


def command_of_stage(run_id: str, stage_name: str) -> str | None:
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
    stage = stage.as_ran(attempts[-1] if attempts else None)
    stage = stage.as_ran(attempts[-1] if attempts else None)
    command: str | Sequence[str] | None = shown_command(run.params, stage.definition)
    workdir, env = stage.definition.workdir, stage.definition.env
    if command is None:
        return None
    if attempts and MASK not in "".join(command):
        with suppress(UsageError, UnfitEnvironmentError):
            submission = views.submission(connection, run.id)
            searches = search_results.needed_by(connection, run.id, stage.definition)
            context = AttemptContext(run, stage, attempts[-1], submission, searches)
            executed = definition_of(context, attempts[-1].checkpoint)
            # of secret variables, `${env.NAME}` gives it the values
            masker = shell_environment.masker(Path(run.directory))
            command, workdir = masker.command(executed.command) or "", executed.workdir
            env = {name: masker.text(value) for name, value in executed.env.items()}
    text = command if isinstance(command, str) else shlex.join(command)
    variables = (f"export {name}={shlex.quote(str(value))}" for name, value in mask(env).items())
    return "\n".join((f"cd {shlex.quote(workdir)}", *variables, text.rstrip(), ""))
