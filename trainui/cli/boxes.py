"""Other machines: the commands `boxes ...`, and how `BOX:RUN` or `run --box` is carried out there.

Also `agent`, which the trainui of another machine calls.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from trainui import clock
from trainui.cli import options, printing
from trainui.control import box_runs, boxes
from trainui.control.boxes import Box
from trainui.errors import StoppedError, TrainuiError, UnfitEnvironmentError, UsageError

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
    from trainui.tui.box_agent import Agent

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


FORWARDED = frozenset(
    {
        *("show", "metrics", "logs", "events", "best", "path", "report", "stacks", "diff"),
        *("compare", "wait", "cancel", "resume", "rerun", "note", "rm", "export", "shell"),
    }
)
"""Commands that take `BOX:RUN`."""

_READING = FORWARDED - {"resume", "rerun", "note", "cancel", "rm"}
"""Those that start nothing there."""

_NAMING = re.compile(rf"(trainui (?:{'|'.join(sorted(FORWARDED))}) )(?=[\w.-]{{4,}})")
"""Matches the commands that a box's message names, before a run."""

_OF_A_MACHINE = re.compile(r"`trainui ((?:doctor|prune|worker|gpus|backup)\b[^`]*)`")
"""Matches those of the machine."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_MOMENTS = ("time", "at", "since", "until")
"""The names, besides those that end in `_at`, of times in a command's answer."""

_FOLLOWING = {"logs", "metrics", "events"}
"""Commands whose --json may print one value a line, as they come."""


def forwarded(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the box and the words for its trainui, of a command line with `BOX:RUN`.

    None: the command line is for here.

    Raises:
        UsageError: it names two boxes, or the command takes none.
    """
    if ":" not in "".join(arguments):
        return None
    given = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    found = {at: parts for at, word in enumerate(given) if at and (parts := boxes.split(word))}
    if not found or arguments[0] not in FORWARDED:
        return None
    names = {name for name, _ in found.values()}
    if len(names) > 1 or (arguments[0] in ("compare", "diff") and _names_other_run(given, found)):
        raise UsageError(
            f"{arguments[0]} takes runs of one box, and these are of several; "
            "`trainui export` on each copies their points"
        )
    name = names.pop()
    words = [found[at][1] if at in found else word for at, word in enumerate(arguments)]
    return name, words


def _names_other_run(given: Sequence[str], found: dict[int, tuple[str, str]]) -> bool:
    """Return True if a run of here stands beside one of a box: the first two words are runs."""
    first = [at for at, word in enumerate(given) if at and not word.startswith("-")][:2]
    return (
        len(first) == 2
        and any(at in found for at in first)
        and not all(at in found for at in first)
    )


def run_there(name: str, words: Sequence[str], directory: str | None = None) -> int:
    """Run a command on a box, in a directory there, and print what it prints.

    Returns its exit code.
    """
    box, own = boxes.named(name), _own(words)
    if words[0] == "shell" and "--help" not in own:
        return _shell(box, words)
    if words[0] == "export":
        try:
            return _export(box, words)
        except typer.Exit as ended:
            return ended.exit_code
    is_asked = words[0] == "rm" and not {"--yes", "-y", "--dry-run", "--json", "--help"} & set(own)
    if is_asked and printing.on_terminal():
        return _remove(box, words)
    return _printed(box, words, directory)


def _printed(box: Box, words: Sequence[str], directory: str | None = None) -> int:
    as_json, lines = "--json" in _own(words), list[str]()
    follows = words[0] in _FOLLOWING or not as_json
    is_log = words[0] in ("logs", "metrics")
    try:
        with boxes.connected(box) as connection:
            ahead = connection.clock_difference

            def show(line: str) -> None:
                if not follows:
                    lines.append(line)
                elif as_json:
                    printing.value_line(_here(_loaded(line, box.name), box.name, ahead))
                else:
                    printing.line(line if is_log else _with_box(line, box))

            code = boxes.follow(
                connection,
                words,
                show,
                lambda line: printing.note(_with_box(line, box)),
                directory=directory,
                most=None if follows else boxes.MOST_LINE,
                only_reads=words[0] in _READING,
            )
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; what runs on {box.name} continues") from error
    if not follows and lines:
        printing.value(_here(_loaded("\n".join(lines), box.name), box.name, ahead))
    return code


def _with_box(line: str, box: Box) -> str:
    """Return a line whose commands are as they are typed here."""
    line = _NAMING.sub(rf"\g<1>{box.name}:", line)
    return _OF_A_MACHINE.sub(lambda found: f"`ssh {box.host} {box.line(found[1])}`", line)


def _remove(box: Box, words: Sequence[str]) -> int:
    """Show what would be deleted there, ask, and delete it."""
    if code := _printed(box, [*words, "--dry-run"]):
        return code
    if not typer.confirm(f"Delete it on {box.name}?"):
        return 1
    return _printed(box, [*words, "--yes"])


def _shell(box: Box, words: Sequence[str]) -> int:
    """Open a shell there, in place of this process."""
    if not printing.on_terminal():
        raise UsageError("shell needs a terminal")
    try:
        os.execvp("ssh", ["ssh", "-t", "--", box.host, box.line(shlex.join(words))])
    except OSError as error:
        raise UnfitEnvironmentError("there is no `ssh` here; install OpenSSH's client") from error


def _export(box: Box, words: Sequence[str]) -> int:
    """Write the points of a run there to stdout, or to a file of here."""
    given, file = _without_option(words, "--output", "-o")
    target = None if file in (None, "-") else Path(str(file)).expanduser()
    form = _option(words, "--format") or ("" if target is None else target.suffix[1:].lower())
    if form == "parquet":
        raise UsageError(
            "points of a box are exported as csv or jsonl; for Parquet: "
            f"`ssh {box.host} trainui export RUN -o points.parquet`, and copy it"
        )
    as_json = "--json" in words
    if as_json and target is None:
        raise UsageError("--json needs --output FILE")
    given = [word for word in given if word != "--json"]
    if form in ("csv", "jsonl") and _option(words, "--format") is None:
        given += ["--format", form]
    count = 0
    with boxes.connected(box) as connection, ExitStack() as opened:
        stream = sys.stdout.buffer
        if target is not None:
            stream = opened.enter_context(printing.whole_file(target))
        ahead = connection.clock_difference

        def write(line: str) -> None:
            nonlocal count
            count += 1
            stream.write(f"{_MOMENT.sub(lambda one: _moved(one[0], ahead), line)}\n".encode())

        code = boxes.follow(connection, given, write, printing.note)
        if code:
            raise typer.Exit(code)  # and no file is left
        stream.flush()
    if target is not None:
        points = max(count - (form != "jsonl"), 0)
        data = {"file": str(target.absolute()), "format": form or "csv", "points": points}
        printing.answer(as_json, data, [f"{target}: {points:,} points"])
    return 0


def _option(words: Sequence[str], name: str) -> str | None:
    """Return the value of an option; None: it is not given."""
    for at, word in enumerate(words):
        if word == name:
            return words[at + 1] if at + 1 < len(words) else ""
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _without_option(words: Sequence[str], *names: str) -> tuple[list[str], str | None]:
    """Return the words without an option, and its value; None: it is not given."""
    kept: list[str] = []
    found: str | None = None
    given = iter(words)
    for word in given:
        name, equals, value = word.partition("=")
        if name not in names:
            kept.append(word)
        else:
            found = value if equals else next(given, "")
    return kept, found


def _own(words: Sequence[str]) -> Sequence[str]:
    """Return the words before `--`, each without its `=VALUE`."""
    before = words[: words.index("--")] if "--" in words else words
    return [word.partition("=")[0] for word in before]


def _loaded(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrainuiError(f"{name} answered what is no JSON; update trainui there") from error


def _here(data: Any, name: str, ahead: int) -> Any:
    """Return an answer with its box, and with its times as they are by the clock of here."""
    moved = _with_moments(data, ahead) if ahead else data
    return {**moved, "box": name} if isinstance(moved, dict) and "error" not in moved else moved


def _with_moments(data: Any, ahead: int) -> Any:
    if isinstance(data, list):
        return [_with_moments(one, ahead) for one in data]
    if not isinstance(data, dict):
        return data
    return {
        key: _moved(value, ahead)
        if isinstance(value, str) and (key.endswith("_at") or key in _MOMENTS)
        else value
        if key in ("params", "result")
        else _with_moments(value, ahead)
        for key, value in data.items()
    }


def _moved(text: str, ahead: int) -> str:
    if not _MOMENT.fullmatch(text):
        return text
    return clock.to_iso(clock.from_iso(text) - ahead) or text


def submit_there(name: str, file: str | None, arguments: Sequence[str]) -> int:
    """Copy a pipeline file, or this directory, to a box and run it there; return the exit code.

    `arguments` are those of `run`, with `--box`.
    """
    box = boxes.named(name)
    words = _without_box(arguments)
    if file == "-":
        raise UsageError("--box needs a FILE, which is copied with its directory; `-` has none")
    if {"--snapshot", "--from"} & set(_own(words)):
        raise UsageError("--box copies the code itself; leave out --snapshot and --from")
    source = Path.cwd() if file is None else Path(file).absolute().parent
    with printing.progress(f"copying {source.name} to {name}"):
        place, note = box_runs.copy_code(box, source, None if file is None else Path(file))
    printing.note(*note)
    if file is not None:
        words[words.index(file)] = Path(file).name
    stays = {"--wait", "--detach", "--json", "--dry-run"} & set(_own(words))
    if stays or not printing.can_open_screen():
        return run_there(name, ["run", *words], place)
    lines: list[str] = []
    at = words.index("--") if "--" in words else len(words)
    given = ["run", *words[:at], "--detach", "--json", *words[at:]]
    code = boxes.run(box, given, lines.append, printing.note, directory=place)
    submitted = _loaded(lines[-1], name) if lines else None
    if code == 0 and isinstance(submitted, dict):
        printing.open_screen(f"{name}:{submitted.get('run')}")
    return code


def _without_box(arguments: Sequence[str]) -> list[str]:
    """Return the arguments before `--` without `--box NAME`, and those after it."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    kept: list[str] = []
    given = iter(arguments[:at])
    for word in given:
        if word == "--box":
            next(given, None)
        elif not word.startswith("--box="):
            kept.append(word)
    return [*kept, *arguments[at:]]
