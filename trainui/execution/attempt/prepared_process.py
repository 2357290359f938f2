"""Builds the inputs of an attempt's process: the fully substituted definition and environment.

Stages do not inherit the worker's environment; every variable that they get is set here.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainui import paths
from trainui.errors import TrainuiError
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.search import SearchResult
from trainui.pipeline.fields import process
from trainui.pipeline.fields.process import STARTUP_VARIABLES, Interpreter
from trainui.pipeline.substitution import phases, search
from trainui.plugin import Tracker, registry
from trainui.store import shell_environment
from trainui.store.shell_environment import ShellEnvironment
from trainui.supervisor.protocol import IDENTITY, METRICS_FILE, RUN_TAG


class NotLaunchableError(TrainuiError):
    """The attempt cannot be started; the message says what is missing."""


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


def definition_of(context: AttemptContext, checkpoint: str | None) -> StageDefinition:
    """Return the definition of an attempt with all substitutions done.

    Raises:
        UsageError: it uses a variable that is not set.
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    shell = shell_environment.read(Path(context.run.directory))
    return _filled(context, shell, checkpoint)[0]


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
    environ = process.with_interpreter(environ, python)
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
    definition = search.with_results(definition, context.searches)
    environ = shell.environ

    def fill(python: str) -> StageDefinition:
        return phases.start(
            definition, python=python, attempt=number, environ=environ, checkpoint=checkpoint
        )

    named = definition.python and fill("python3").python
    python = process.find_interpreter(named, environ)
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
