"""What the process of an attempt is given: its definition with all filled in, and its environment.

The worker's own environment reaches no stage; what does is listed here and nowhere else.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainui.artifacts import environment
from trainui.artifacts.environment import ShellEnvironment
from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.errors import TrainuiError
from trainui.pipeline.fields import interpreter
from trainui.pipeline.fields.command import STARTUP_VARIABLES
from trainui.pipeline.fields.interpreter import Interpreter
from trainui.pipeline.substitution import phases
from trainui.supervisor.protocol import IDENTITY, METRICS_FILE


class NotLaunchableError(TrainuiError):
    """The attempt cannot be started; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class PreparedProcess:
    """All that the process of an attempt is made of."""

    definition: StageDefinition
    """With nothing left to fill in; its `env` is part of `environ`."""
    python: Interpreter
    environ: Mapping[str, str]
    umask: int

    @property
    def identity(self) -> dict[str, str]:
        """The variables by which processes of the attempt are known."""
        return {name: self.environ[name] for name in IDENTITY}


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """Whose process is prepared."""

    run: RunRecord
    stage: StageRecord
    attempt: AttemptRecord
    submission: Mapping[str, Any] = field(default_factory=dict)


def definition_of(subject: AttemptContext, checkpoint: str | None) -> StageDefinition:
    """Return the definition of an attempt with nothing left to fill in.

    Raises:
        UsageError: it names a variable that is not set.
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    shell = environment.read(Path(subject.run.directory))
    return _filled(subject, shell, checkpoint)[0]


def identity_of(subject: AttemptContext) -> dict[str, str]:
    """Return the variables that, together, no process outside this attempt has."""
    own = _own_variables(subject, None)
    return {name: own[name] for name in IDENTITY}


def prepare(subject: AttemptContext, checkpoint: str | None) -> PreparedProcess:
    """Prepare the process of an attempt.

    Args:
        subject: whose.
        checkpoint: absolute path of what it continues from; None: from the beginning.

    Raises:
        UsageError: the definition names a variable that is not set.
        UnfitEnvironmentError: the run's environment or the stage's interpreter is gone.
    """
    shell = environment.read(Path(subject.run.directory))
    definition, python = _filled(subject, shell, checkpoint)
    environ = {**environment.kept(shell.environ), **definition.env}
    environ = interpreter.with_first(environ, python)
    if isinstance(definition.command, str):
        for name in STARTUP_VARIABLES:
            environ.pop(name, None)
    environ["PYTHONUNBUFFERED"] = definition.env.get("PYTHONUNBUFFERED", "1")
    environ.setdefault("MASTER_PORT", str(_free_port()))
    environ.setdefault("PET_MASTER_PORT", environ["MASTER_PORT"])  # torchrun heeds this one alone
    environ.pop("TRAINUI_CHECKPOINT", None)
    environ |= _own_variables(subject, checkpoint)
    return PreparedProcess(definition, python, environ, shell.umask)


def _filled(
    subject: AttemptContext, shell: ShellEnvironment, checkpoint: str | None
) -> tuple[StageDefinition, Interpreter]:
    definition, number = shell.secrets.reveal(subject.stage.definition), subject.attempt.number
    environ = shell.environ

    def fill(python: str) -> StageDefinition:
        return phases.start(
            definition, python=python, attempt=number, environ=environ, checkpoint=checkpoint
        )

    named = definition.python and fill("python3").python
    python = interpreter.find(named, environ)
    if named is None and (submitted := subject.submission.get("python")):
        python = replace(python, path=submitted)
    return fill(python.path), python


def _own_variables(subject: AttemptContext, checkpoint: str | None) -> dict[str, str]:
    run, stage, attempt = subject.run, subject.stage, subject.attempt
    variables = {
        "TRAINUI_RUN_ID": run.id,
        "TRAINUI_STAGE": stage.name,
        "TRAINUI_ATTEMPT": str(attempt.number),
        "TRAINUI_RUN_DIR": run.directory,
        "TRAINUI_STAGE_DIR": stage.directory,
        "TRAINUI_METRICS_FILE": str(Path(attempt.directory) / METRICS_FILE),
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, attempt.gpus)),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    return variables | ({"TRAINUI_CHECKPOINT": checkpoint} if checkpoint else {})


def _free_port() -> int:
    """Return a TCP port that is free now: where several trainings share a machine, each has one."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])
