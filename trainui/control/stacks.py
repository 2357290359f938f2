"""The stacks of a running stage: taken now, kept beside its logs, and summed in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution import stacks
from trainui.execution.planner import host
from trainui.execution.stacks import Stacks
from trainui.model.records import LOCAL, AttemptRecord
from trainui.model.states import Status
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.read import views


@dataclass(frozen=True, slots=True)
class KeptStacks:
    """Stacks and the file that they were written to."""

    found: Stacks
    file: Path | None
    """None: it could not be written."""

    @property
    def lines(self) -> list[str]:
        """The stacks as text, with the file."""
        kept = [f"kept as {self.file}"] if self.file is not None else []
        return [*self.found.lines(), "", *kept]


def of_stage(run_id: str, stage_name: str) -> KeptStacks:
    """Take the stacks of a stage's running attempt, and keep them as `stacks-N.txt`.

    Raises:
        UsageError: it does not run.
        UnfitEnvironmentError: it runs on another machine.
    """
    with engine.reading() as connection:
        run = views.find_run(connection, run_id)
        stage = views.find_stages(connection, run_id, stage_name)[0]
        tries = views.attempts_of_stage(connection, stage.id)
    if stage.status != Status.RUNNING or not tries or tries[-1].pid is None:
        raise UsageError(_not_running(stage.name, stage.status, tries))
    attempt = tries[-1]
    if attempt.host not in ("", host()):
        raise UnfitEnvironmentError(
            f"{stage.name} runs on {attempt.host}; call `trainui stacks` on that machine"
        )
    if attempt.executor != LOCAL and not attempt.is_external:
        raise UnfitEnvironmentError(
            f"{stage.name} runs by {attempt.executor}, on another machine; "
            f"`py-spy dump --pid {attempt.pid}` there shows its stacks"
        )
    directory = Path(attempt.directory)
    found = stacks.take(
        partial(stacks.members, directory, attempt.pid, is_external=attempt.is_external),
        shell_environment.masker(Path(run.directory)),
    )
    return KeptStacks(found, stacks.keep(directory, found))


def _not_running(name: str, status: Status, tries: list[AttemptRecord]) -> str:
    """Return why there are no stacks now, and where earlier ones are."""
    if status == Status.RUNNING and tries and tries[-1].is_external:
        return (
            f"the process of {name} is not known, as only its files are read; `py-spy dump --pid "
            "PID` shows its stacks, and `trainui add --pid PID` adopts it"
        )
    if status == Status.RUNNING:
        return f"{name} is being started, and has no process yet; try again in a moment"
    kept = sorted(Path(tries[-1].directory).glob("stacks-*.txt")) if tries else []
    earlier = f"; stacks of its last attempt are in {kept[-1]}" if kept else ""
    return f"{name} is {status}, so it has no processes{earlier}"
