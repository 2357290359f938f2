"""Offers the command of an external run as a new run, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from trainui.cli.output import printing
from trainui.cli.runs import open_or_wait
from trainui.errors import UsageError

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord, StageRecord


def offer(
    run: RunRecord,
    stages: Sequence[StageRecord],
    *,
    env: bool = False,
    dry_run: bool = False,
    detach: bool = False,
    wait: bool = False,
    as_json: bool,
) -> int:
    """Show the new run that an external run's command would be, and start it after a yes.

    `env` uses this shell's environment, also if the run's is on record.

    Raises:
        UsageError: there is no terminal to ask on (as with `--json`), or the command is not on
            record.
    """
    from trainui.control.trainings import external_command

    found = external_command.of(run, stages)
    if env:
        found = replace(found, environment="this shell's", environ=None)
    if as_json or not (dry_run or printing.on_terminal()):
        raise UsageError(
            f"{run.name} is an external run, which trainui only reads; to run it again as a new "
            f"run: {found.typed}"
        )
    about = f"{run.name} is an external run; its command can run again as a new run:"
    printing.note(about, "", *found.lines, "")
    if dry_run:
        printing.note("Preview: nothing has started")
        return 0
    if not typer.confirm("Start this new run?", default=False, err=True):
        printing.note("nothing was started")
        return 1
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()  # first, so that nothing is stored if nothing can run
    run_id = external_command.start(found)
    printing.note(f"run {run_id}")
    if detach:
        return 0
    return open_or_wait.follow(run_id, wait=wait, as_json=False, is_new=True)
