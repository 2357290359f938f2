"""The commands `cancel` and `wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from trainui import control, text
from trainui.cli import lookup, options
from trainui.cli.output import interrupt, printing
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import Status


@options.command("trainui cancel digits train", "trainui cancel digits")
@interrupt.report_on_stop("nothing was cancelled")
def cancel(
    run: options.Run, stage: options.OptionalStage = None, as_json: options.Json = False
) -> None:
    """Cancel a stage, or every unfinished stage of a run.

    Returns once the request is recorded; a stage becomes `cancelled` when all of its processes
    have exited. `trainui resume` can continue it later.
    """
    from trainui.execution.daemon import lifecycle

    found, stages = lookup.find(run, stage)
    names = None if stage is None else [one.name for one in stages]
    with interrupt.report_changes_on_stop([found.id], interrupt.CANCELLED, "cancelling"):
        asked = control.cancel(found.id, names)
        found, stages = lookup.find(found.id, None)
        chosen = [one for one in stages if one.name in asked]
        if any(one.status == Status.RUNNING for one in chosen):
            lifecycle.ensure_started()  # the worker ends the processes
        ended = [one.name for one in chosen if one.status == Status.CANCELLED]
        left = [name for name in asked if name not in ended]
        shown = [
            f"{what}: {', '.join(some)}"
            for what, some in (("cancelled", ended), ("cancelling", left))
            if some
        ]
        if not asked:
            over = [_state(one) for one in stages if names is not None and one.name in names]
            shown = [f"nothing to cancel: {', '.join(over) or _state(found)}"]
        printing.answer(as_json, lookup.in_full(found.id) if as_json else None, shown)


def _state(one: RunRecord | StageRecord) -> str:
    return f"{one.name} is {text.state(one.status)}"


@options.command("trainui wait digits --timeout 600")
def wait(
    run: options.Run,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Give up after this time, with exit code 5."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Wait until a run has ended, and print each change of state on stderr.

    The exit code is 0 if it completed, 1 if it failed or was interrupted, and 130 if it was
    cancelled. ctrl+c stops the waiting, not the run.
    """
    from trainui.cli.runs import waiting

    found = lookup.find_run(run)
    raise typer.Exit(waiting.finish(found.id, as_json=as_json, timeout=timeout))
