"""The commands `boxes ...`, and `agent`, which the trainui of another machine calls."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trainui.cli import options, printing
from trainui.control import box_runs, boxes

AGENT = "Answer another machine's trainui, over ssh."


def register(parser: typer.Typer) -> None:
    """Add the commands, as a group."""
    app = typer.Typer(
        help="Other machines with a trainui of their own, reached by ssh.", rich_markup_mode=None
    )
    options.register(app, __name__)
    parser.add_typer(app, name="boxes")
    parser.command("agent", short_help=AGENT, epilog=options.epilogue("ssh gpu2 trainui agent"))(
        agent
    )


def agent() -> None:
    """Answer another machine's trainui, which calls this over ssh; see `trainui boxes`."""
    from trainui.tui.boxes.agent import Agent

    Agent().serve()


Name = Annotated[str, typer.Argument(metavar="NAME", help="The box's name here.")]


@options.command(
    "trainui boxes add gpu2 anna@gpu2.lab",
    "trainui boxes add gpu3 gpu3 --home /scratch/trainui",
    short_help="Add a machine.",
)
def add(
    name: Name,
    host: Annotated[str, typer.Argument(metavar="[USER@]HOST", help="As after `ssh`.")],
    home: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="TRAINUI_HOME there (default: its own)."),
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where trainui is there.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a machine that ssh reaches without a question, and that has trainui.

    Nothing is installed or started there, and no port is opened.
    """
    with printing.progress(f"looking for trainui on {host}"):
        box = boxes.add(name, host, home=home, command=command)
    printing.answer(
        as_json,
        _record(box),
        [f"added {name}: {box.line('...')} on {host}; `trainui ls` lists it too"],
    )


@options.command("trainui boxes rm gpu2", short_help="Forget a machine.")
def rm(name: Name, as_json: options.Json = False) -> None:
    """Forget a machine; nothing on it is touched."""
    box = boxes.remove(name)
    printing.answer(as_json, _record(box), [f"forgot {name}; nothing on {box.host} was touched"])


@options.command("trainui boxes ls", "trainui boxes ls --json", short_help="List the machines.")
def ls(as_json: options.Json = False) -> None:
    """List the machines, whether each answers, and how many runs it has."""
    found = box_runs.lists(list(boxes.all_boxes().values()))
    if as_json:
        printing.value({"boxes": [_with_state(one) for one in found]})
        return
    if not found:
        printing.note("no boxes yet; `trainui boxes add NAME [USER@]HOST` adds one")
        return
    rows = [("NAME", "HOST", "STATE", "RUNS")]
    for one in found:
        state = "answers" if not one.problem else one.age_words
        rows.append((one.box.name, one.box.host, state, str(len(one.runs))))
    printing.lines(printing.fitted(rows, right={"RUNS"}, cut={"HOST"}))
    printing.note(*box_runs.problems(found))


def _record(box: boxes.Box) -> dict[str, Any]:
    return {"box": box.name, "host": box.host, "home": box.home, "command": box.command}


def _with_state(found: box_runs.BoxRuns) -> dict[str, Any]:
    return {
        **_record(found.box),
        "answers": not found.problem,
        "runs": len(found.runs),
        "problem": found.problem or None,
    }
