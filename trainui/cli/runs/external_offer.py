"""Offers the command of an external run as a new run, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from trainui.cli import lookup
from trainui.cli.output import printing
from trainui.cli.runs import open_or_wait
from trainui.errors import UsageError

if TYPE_CHECKING:
    from trainui.control.trainings.external_command import Offer
    from trainui.domain.records import RunRecord, StageRecord


@dataclass(frozen=True, slots=True)
class OfferOptions:
    """Options of the commands that offer a new run."""

    this_shell: bool = False
    """Use this shell's environment, also if the run's is on record."""
    dry_run: bool = False
    """Only show the new run."""
    detach: bool = False
    """Return at once."""
    wait: bool = False
    """Wait for the new run's end instead of opening the screen."""
    as_json: bool = False
    """With `--json` nothing can be asked."""


def resume(run: RunRecord, options: OfferOptions, *, changes: bool) -> int:
    """Offer the whole command of an external run.

    `changes`: an option was given that chooses stages or a pipeline file.

    Raises:
        UsageError: as `offer`, and for `changes`.
    """
    if changes:
        raise UsageError(
            f"{run.name} is an external run, which can only run again as a whole: "
            "--until, --file, --as-submitted, --fresh and --keep do not apply to it"
        )
    return offer(run, lookup.find(run.id, None)[1], options)


def offer(run: RunRecord, stages: Sequence[StageRecord], options: OfferOptions) -> int:
    """Show the new run that an external run's command would be, and start it after a yes.

    Raises:
        UsageError: there is no terminal to ask on, or the command is not on record.
    """
    from trainui.control.trainings import external_command

    found = external_command.of(run, stages)
    if options.this_shell:
        found = replace(found, environment="this shell's", environ=None)
    if options.as_json or not (options.dry_run or printing.on_terminal()):
        raise UsageError(
            f"{run.name} is an external run, which trainui only reads; to run it again as a new "
            f"run: {found.typed}"
        )
    printing.note(f"{run.name} is an external run; its command can run again as a new run:\n")
    printing.note("\n".join([*found.lines, ""]))
    if options.dry_run:
        printing.note("Preview: nothing has started")
        return 0
    if not typer.confirm("Start this new run?", default=False, err=True):
        printing.note("nothing was started")
        return 1
    return _start(found, options)


def _start(found: Offer, options: OfferOptions) -> int:
    from trainui.control.trainings import external_command
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()  # first, so that nothing is stored if nothing can run
    run_id = external_command.start(found)
    printing.note(f"run {run_id}")
    if options.detach:
        return 0
    return open_or_wait.follow(run_id, wait=options.wait, as_json=False, is_new=True)
