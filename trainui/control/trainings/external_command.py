"""The command of an external run, as its tracker or its process had it, for a new run of ours."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainui.control.trainings.adoption import is_kernel
from trainui.errors import UsageError
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import ENDED
from trainui.pipeline.substitution.masking import Masker
from trainui.plugin import CommandLine, Tracker, registry
from trainui.store import shell_environment
from trainui.store.db.protocol import Connection
from trainui.store.runs import runs
from trainui.system import mounts

PROCESS = "process"
"""The name under which the secrets of an adopted process are stored: its command."""

_THIS_SHELL = "this shell's"


@dataclass(frozen=True, slots=True)
class Offer:
    """A new run of ours with the command of an external run."""

    origin: str
    """The external run's id."""
    name: str
    command: tuple[str, ...]
    directory: str
    environment: str = _THIS_SHELL
    """Where its environment comes from."""
    environ: Mapping[str, str] | None = None
    """The environment of the process; None: this shell's."""
    is_running: bool = False
    """True if the external run has not ended."""
    is_bare: bool = False
    """True if only the script is on record, and not its arguments."""

    @property
    def typed(self) -> str:
        """The command line that starts the run."""
        name = shlex.quote(self.name)
        command = f"trainui run --name {name} -- {self.shown}"
        return f"cd {shlex.quote(self.directory)} && {command}"

    @property
    def shown(self) -> str:
        """The command with secrets of its environment masked."""
        environ = os.environ if self.environ is None else self.environ
        return shlex.join(Masker.of(environ).texts(self.command))

    @property
    def lines(self) -> list[str]:
        """The description shown before it starts."""
        return [
            f"name         {self.name}",
            f"command      {self.shown}",
            f"directory    {self.directory}",
            f"environment  {self.environment}",
            *(["arguments    not on record: only the script is"] * self.is_bare),
            *(["caution      it still runs: both may write the same files"] * self.is_running),
        ]


def of(run: RunRecord, stages: Sequence[StageRecord]) -> Offer:
    """Return the new run that an external run's command would be, of one or all of its stages.

    Raises:
        UsageError: its command is not on record, or its directory no longer exists.
    """
    found = _on_record(run, stages)
    if found is None:
        raise UsageError(
            f"{run.name} is an external run, and its command is not on record; to run it again: "
            f"trainui run --name {shlex.quote(run.name)} -- COMMAND"
        )
    if is_kernel(found.command):
        raise UsageError(
            f"{run.name} is the kernel of a notebook; to run the notebook as a new run: "
            f"trainui run --name {shlex.quote(run.name)} -- jupyter execute NOTEBOOK.ipynb"
        )
    if mounts.is_silent(found.directory) or not Path(found.directory).is_dir():
        raise UsageError(
            f"the directory {found.directory}, in which {run.name} ran, does not exist here; its "
            f"command was: {found.shown}"
        )
    return replace(found, is_running=run.status not in ENDED)


def command_of(run: RunRecord, stage: StageRecord) -> list[str] | None:
    """Return the command of an external run's stage, masked; None: it is not on record."""
    if mounts.is_silent(str((run.external or {}).get("path") or stage.directory)):
        return None
    found = _on_record(run, [stage])
    return None if found is None else shlex.split(found.shown)


def _on_record(run: RunRecord, stages: Sequence[StageRecord]) -> Offer | None:
    external = run.external or {}
    path = Path(str(external.get("path")))
    if external.get("command"):
        return _of_process(run, stages[0])
    job = Path(stages[0].directory) if len(stages) == 1 else path
    run_id = str(external.get("run") or "")
    for tracker in registry.records(Tracker):
        if tracker.name == external.get("kind"):
            return _of_tracker(run, registry.ask(tracker, tracker.command, path, job, run_id))
    return None


def check_is_ours(connection: Connection, run: RunRecord) -> None:
    """Raise UsageError, with the command line for a new run, if a run is an external one."""
    if run.external is not None:
        offer = of(run, runs.stages(connection, run.id))
        raise UsageError(
            f"{run.name} is an external run, which trainui only reads; to run it again as a new "
            f"run: {offer.typed}"
        )


def start(offer: Offer) -> str:
    """Submit the new run; return its id."""
    from trainui.control.submission import submit
    from trainui.execution.gpus import usable_gpus
    from trainui.pipeline.bare_command import from_command

    gpus = 1 if usable_gpus().gpus else 0
    pipeline = from_command(offer.command, directory=offer.directory, gpus=gpus)
    return submit(pipeline, name=offer.name, environ=offer.environ, origin=offer.origin)


def _of_process(run: RunRecord, stage: StageRecord) -> Offer:
    external = run.external or {}
    command: Sequence[str] = shlex.split(str(external["command"]))
    directory = str(external.get("directory", stage.directory))
    file = Path(run.directory, shell_environment.ENVIRONMENT_FILE)
    if not file.exists():
        return Offer(run.id, run.name, tuple(command), directory)
    shell = shell_environment.read(file.parent)
    command = shell.secrets.stages.get(PROCESS, {}).get("command", command)
    words = f"of the process when it was added: {file}"
    return Offer(run.id, run.name, tuple(command), directory, words, shell.environ)


def _of_tracker(run: RunRecord, found: CommandLine | None) -> Offer | None:
    if found is None:
        return None
    known = "; ".join(filter(None, (_THIS_SHELL, found.environment)))
    return Offer(run.id, run.name, found.words, found.directory, known, is_bare=found.is_bare)
