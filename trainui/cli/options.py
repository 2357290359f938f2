"""The table of commands, options shared by several, and the RUN and STAGE that a user typed.

What finds those raises NotFoundError if nothing matches, and AmbiguousError if several do where one
is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from trainui.errors import AmbiguousError
from trainui.store.db import engine, statements

if TYPE_CHECKING:
    from trainui.model.records import Lost, RunRecord, StageRecord
    from trainui.model.states import Status

MODULES: dict[str, dict[str, str]] = {
    "run": {
        "demo": "Run the bundled pipeline.",
        "run": "Run a pipeline file, or one command.",
        "add": "Add trainings that trainui did not start.",
    },
    "resume": {
        "resume": "Continue a run; completed stages are skipped.",
        "rerun": "Rerun a finished stage.",
    },
    "waiting": {
        "cancel": "Cancel a stage, or every unfinished stage of a run.",
        "wait": "Wait until a run has ended.",
    },
    "runs_list": {"ls": "List the runs."},
    "show": {
        "show": "Show one run: its stages and their states.",
        "path": "Print the directory of a run or a stage.",
        "metrics": "Show the metrics of a run or a stage.",
        "shell": "Open a shell in a stage's workdir and environment.",
    },
    "logs": {
        "logs": "Print a stage's output.",
        "events": "List events.",
        "digest": "Show what happened, what is wrong, and what to do next.",
        "stacks": "Show what a stage's processes are doing.",
    },
    "experiments": {
        "best": "Show the best trials of a search.",
        "diff": "Show what differs between two runs.",
        "compare": "Compare two configurations over their seeds.",
        "note": "Add a note to a run.",
        "tree": "Show which run came from which.",
    },
    "export": {
        "export": "Write a run's points as CSV, JSON lines or Parquet.",
        "report": "Print a run as Markdown, with its curves.",
    },
    "pipeline_file": {
        "init": "Write a starter pipeline file.",
        "validate": "Check pipeline files.",
        "graph": "Draw the graph of a pipeline file or of a run.",
        "schema": "Print a JSON Schema: of a pipeline file, or of a command's --json.",
    },
    "doctor": {
        "doctor": "Check this machine.",
        "plugins": "List the installed plugins.",
    },
    "housekeeping": {
        "rm": "Delete a run and its files.",
        "prune": "Delete old runs and their files.",
        "backup": "Copy the database and the runs' small files into one file.",
        "uninstall": "Delete everything that trainui created.",
    },
    "boxes": {
        "boxes": "Other machines, reached by ssh: add, rm, ls.",
        "agent": "Answer another machine's trainui, over ssh.",
    },
    "app": {"completion": "Print a shell completion script."},
    "worker": {"worker": "The worker: start, stop, status, pause, unpause, install, uninstall."},
}
"""Each module's commands with their lines in the list of `--help`, in its order."""

MODULE_OF = {name: module for module, names in MODULES.items() for name in names}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]

_A_RUN = "A run: its id, its name (the latest), or 4 or more characters of an id."

Run = Annotated[str, typer.Argument(metavar="RUN", help=_A_RUN)]

OptionalRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help=_A_RUN)]

OneStage = Annotated[
    str, typer.Argument(metavar="STAGE", help="A stage: its name or a unique part of it.")
]

OptionalStage = Annotated[
    str | None,
    typer.Argument(
        metavar="[STAGE]",
        help="A stage: its name or a unique part of it; a sweep's name means all members.",
    ),
]

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="KEY=VALUE",
        help="A parameter of the file; may be given several times.",
    ),
]

Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; the run continues in the background.")
]

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait for the end; the exit code shows the outcome. ctrl+c stops the waiting only.",
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]


_COMMANDS: dict[str, list[tuple[Callable[..., None], dict[str, Any]]]] = defaultdict(list)
"""By module: its commands, with the keyword arguments for Typer's `command`."""

Command = TypeVar("Command", bound=Callable[..., None])


def command(*examples: str, **settings: Any) -> Callable[[Command], Command]:
    """Make a function a command, with its docstring as its help.

    The `examples`, complete command lines, are shown below its help; `settings` are those of
    Typer's `command`.
    """

    def added(function: Command) -> Command:
        arguments = {**settings, "epilog": epilogue(*examples)}
        _COMMANDS[function.__module__].append((function, arguments))
        return function

    return added


def register(app: typer.Typer, module: str) -> None:
    """Add the commands of a module to a parser."""
    for function, arguments in _COMMANDS[module]:
        app.command(**arguments)(function)


def epilogue(*examples: str) -> str:
    """Format examples for the end of a command's help."""
    return "\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


@contextmanager
def view() -> Iterator[statements.Connection]:
    """Open a short read transaction: one consistent snapshot of the store."""
    with engine.reading() as connection, engine.read_transaction(connection):
        yield connection


def find_run(reference: str) -> RunRecord:
    """Return the run that a reference names."""
    from trainui.store.read import views

    with view() as connection:
        return views.find_run(connection, reference)


def find(reference: str, stage: str | None) -> tuple[RunRecord, list[StageRecord]]:
    """Return a run and its stages that match `stage`; all of them for None."""
    from trainui.store.read import views

    with view() as connection:
        run = views.find_run(connection, reference)
        if stage is None:
            return run, views.stages(connection, run.id)
        return run, views.find_stages(connection, run.id, stage)


def find_one(reference: str, stage: str) -> tuple[RunRecord, StageRecord]:
    """Return a run and its one stage that matches `stage`."""
    run, stages = find(reference, stage)
    if len(stages) > 1:
        from trainui.store.read import views

        names = views.shown_names(found.name for found in stages)
        raise AmbiguousError(f"{stage!r} matches several stages; name one of them: {names}")
    return run, stages[0]


def find_alike(reference: str, stage: str | None) -> list[StageRecord]:
    """Return one stage, or all members of one sweep; `stage` is None if the run has only one."""
    run, stages = find(reference, stage)
    groups = list(dict.fromkeys(one.definition.group or one.name for one in stages))
    if len(groups) > 1:
        names = ", ".join(groups)
        raise AmbiguousError(f"{run.name} has several stages; name one of them: {names}")
    return stages


def in_full(run_id: str) -> dict[str, Any]:
    """Return a run as `show --json` prints it."""
    from trainui.store.read import run_in_json, views

    with view() as connection:
        found = views.find_run(connection, run_id)
        lost = find_lost(connection, [found.status])
        return run_in_json.run_in_full(connection, found, lost)


def find_lost(connection: statements.Connection, states: Collection[Status]) -> Lost:
    """Return what is lost, if a run or a stage is in such a state."""
    from trainui.model.records import Lost
    from trainui.model.states import Status

    if Status.RUNNING not in states:
        return Lost()
    from trainui.execution.attempt import lost_attempts

    return lost_attempts.find(connection)
