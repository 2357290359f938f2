"""The commands for pipeline files: `init` (write or convert one), `validate`, `schema`, `graph`."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trainui import control, text
from trainui.cli import lookup, options, printing
from trainui.errors import PipelineFileError, Problem, UnfitEnvironmentError, UsageError
from trainui.model.definition import Pipeline
from trainui.model.states import Status
from trainui.plugin import Command, Imported, Importer, registry
from trainui.plugin.records import fits

TEMPLATE = Path(__file__).with_name("first_pipeline.yaml")
STDOUT = "-"


@options.command(
    "trainui init",
    "trainui init experiments/sweep.yaml",
)
def init(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The file to write; `-` for stdout.")
    ] = "pipeline.yaml",
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Convert this file of another program."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a commented pipeline file that runs as it is; an existing file is never changed.

    With --from: convert a file of another program, e.g. a dvc.yaml, including the values of
    params.yaml and vars, foreach and matrix. What has no equivalent is printed on stderr, and left
    as a comment in the file. Plugins convert; `trainui plugins` lists them.
    """
    notes: tuple[str, ...] = ()
    if source is None:
        text = TEMPLATE.read_text(encoding="utf-8")
    else:
        made = _converted(source, Path() if file == STDOUT else Path(file).parent)
        text, notes = made.text, made.notes
    if file == STDOUT and not as_json:
        printing.exact(*text.rstrip("\n").split("\n"))
    else:
        _write(Path(file), text)
    for note in notes:
        printing.note(f"{source}: {note}")
    if file != STDOUT or as_json:
        shown = [f"wrote {file}; next: trainui run {file}"]
        printing.answer(as_json, {"file": file, "notes": list(notes)}, shown)


def _converted(source: str, target: Path) -> Imported:
    """Convert a file by the importer that knows its name, else by the only one."""
    from trainui.pipeline.yaml_tree import read_text

    importers = registry.records(Importer)
    known = [one for one in importers if fits(Path(source).name, one.files)] or importers
    if len(known) != 1:
        names = ", ".join(one.name for one in known) or "none"
        raise UsageError(
            f"{source} has no name that one importer knows ({names}); see `trainui plugins`"
        )
    found = read_text(source)
    places = Path(found.directory).resolve(), target.expanduser().resolve()
    made: Imported = registry.run(known[0], known[0].convert, found.text, source, *places)
    return made


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        if isinstance(error, FileExistsError) and file.exists():
            raise UsageError(f"{file} already exists; name another file") from error
        raise UnfitEnvironmentError(f"{file} cannot be written: {error.strerror}") from error


@options.command(
    "trainui validate pipeline.yaml",
    "trainui validate pipeline.yaml --json",
    "trainui validate experiments/*.yaml",
)
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Pipeline files; `-` for stdin.")
    ],
    param: options.Parameters = None,
    as_json: options.Json = False,
) -> None:
    """Report every problem of pipeline files; nothing is created or changed.

    Things missing only on this machine, e.g. a GPU or an input, are warnings. Parameters are given
    to each file.
    """
    from trainui.pipeline import template

    if files.count("-") > 1:
        raise UsageError("stdin can be read only once; give `-` once")
    given = template.parameters_from_words(param) if param else None
    problems: list[Problem] = []
    for file in files:
        found = _problems(file, given, warning=f"{file}: " if len(files) > 1 else "")
        if not found and not as_json:
            printing.line(f"{file}: OK")
        problems += found
    if as_json:
        printing.value({"valid": not problems, "problems": [asdict(one) for one in problems]})
    raise typer.Exit(2 if problems else 0)


def _problems(file: str, given: Mapping[str, str] | None, *, warning: str) -> Sequence[Problem]:
    """Return a file's problems, and print them; warnings begin with `warning`."""
    from trainui.pipeline import loader
    from trainui.pipeline.yaml_tree import MAX_BYTES

    # keep the text: a file with problems is parsed twice
    stdin = (
        io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read(MAX_BYTES + 1))) if file == "-" else None
    )
    try:
        with printing.progress(f"checking {file}"):
            pipeline = loader.load(file, given, stdin=stdin)
    except PipelineFileError:
        # parse again to collect the problems; parameters that `-p` would give may be missing
        if stdin is not None:
            stdin.seek(0)
        with printing.progress(f"collecting problems of {file}"):
            problems = loader.validate(file, given, stdin=stdin)
        for problem in problems:
            printing.note(str(problem))
        return problems
    _warn(pipeline, warning)
    return ()


def _warn(pipeline: Pipeline, begin: str) -> None:
    """Warn of what prevents a valid pipeline from running on this machine."""
    from trainui.control import submission

    inputs = submission.invalid_inputs(pipeline, os.environ)
    here = [stage for stage in pipeline.stages if stage.is_local]
    slots = (
        submission.missing_gpus(here, os.environ),
        submission.missing_cpus(here),
    )
    for problem in (*slots, *inputs):
        if problem is not None:
            printing.note(f"warning: {begin}{problem}")
    filled = control.filled_in(pipeline)
    remarks = submission.checkpoint_remarks(filled)
    for remark in (*remarks, *submission.shared_path_remarks(filled)):
        printing.note(f"warning: {begin}{remark}")


@options.command(
    "trainui schema > trainui.schema.json",
    "trainui schema show",
    "trainui schema 'events --follow'",
    "trainui schema --commands",
)
def schema(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="Print the schema of this command's --json, e.g. `show` or `worker status`.",
        ),
    ] = None,
    commands: Annotated[
        bool,
        typer.Option("--commands", help="Print those of all commands as one object, by command."),
    ] = False,
) -> None:
    """Print the JSON Schema of a pipeline file, with which editors complete and check it.

    Save it beside the pipeline file, and make this the file's first line:

    # yaml-language-server: $schema=trainui.schema.json

    This works in every editor with yaml-language-server (VS Code with the YAML extension, Neovim,
    Helix, Emacs). The schema covers fields and types; `trainui validate` checks everything.

    With COMMAND: print the schema of that command's --json; if it prints one value per line, of
    each line. With --commands: print those of all commands as one object.
    """
    if command is None and not commands:
        from trainui.pipeline.spec import json_schema

        found = json_schema()
    else:
        from trainui.cli import schemas

        if command is not None and commands:
            raise UsageError(f"{command!r} and --commands exclude each other; give one of them")
        own = {one.name: one.answer for one in registry.records(Command) if one.answer is not None}
        known = (*schemas.SCHEMAS, *own)
        if command is None:
            found = {name: schemas.schema_of(name, own.get(name)) for name in known}
        elif command in known:
            found = schemas.schema_of(command, own.get(command))
        else:
            raise UsageError(f"no schema for {command!r}; known: {', '.join(known)}")
    printing.exact(*json.dumps(found, indent=2).split("\n"))


MOST_LINES = 40
"""Lines of a drawing up to which edges have lines of their own."""

Stages = Sequence[tuple[str, Sequence[str]]]
"""Each stage's name, and the names of the stages it depends on."""


@options.command(
    "trainui graph pipeline.yaml",
    "trainui graph digits",
    "trainui graph digits --mermaid",
)
def graph(
    what: Annotated[
        str, typer.Argument(metavar="FILE|RUN", help="A pipeline file (`-`: stdin), or a run.")
    ],
    param: options.Parameters = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    as_json: options.Json = False,
) -> None:
    """Draw the graph of a pipeline file or of a run.

    In the drawing of a file, the trials of a search are one node.
    """
    searches: Mapping[str, str] = {}
    states: Mapping[str, Status] = {}
    if what == "-" or what.endswith((".yaml", ".yml", ".json")) or Path(what).is_file():
        stages, searches = _graph_of_file(what, param or ())
    else:
        _run, found = lookup.find(what, None)
        stages = [(stage.name, stage.depends_on) for stage in found]
        states = {stage.name: stage.status for stage in found}
    if as_json:
        printing.value(
            {"stages": [{"name": name, "depends_on": list(above)} for name, above in stages]}
        )
    else:
        drawn = _folded(stages, searches)
        printing.lines(_mermaid(drawn) if mermaid else _drawing(drawn, states))


def _graph_of_file(file: str, given: Sequence[str]) -> tuple[Stages, Mapping[str, str]]:
    """Return a file's stages, and for each trial the name of the node of its search."""
    from trainui.pipeline import loader, template

    pipeline = loader.load(file, template.parameters_from_words(given))
    trials = {
        stage.name: f"{stage.group} (search, {stage.search.trials} trials)"
        for stage in pipeline.stages
        if stage.search is not None and stage.trial is not None
    }
    return [(stage.name, stage.depends_on) for stage in pipeline.stages], trials


def _folded(stages: Stages, names: Mapping[str, str]) -> Stages:
    """Return the stages with those of one name as one stage."""
    found: dict[str, Sequence[str]] = {}
    for name, above in stages:
        found.setdefault(names.get(name, name), [*dict.fromkeys(names.get(n, n) for n in above)])
    return list(found.items())


def _drawing(stages: Stages, states: Mapping[str, Status]) -> list[str]:
    from trainui.tui.graph_layout import layout

    drawing = layout(stages, most_lines=MOST_LINES)
    shown = []
    for line in drawing.lines:
        if line.node is None:
            shown.append(line.text())
            continue
        status = states.get(line.node)
        lanes = line.text(text.SYMBOLS[status] if status else "●").ljust(drawing.width)
        word = f"  {status}" if status else ""
        shown.append(f"{lanes} {line.node}{word}")
    return shown


def _mermaid(stages: Stages) -> list[str]:
    ids = {name: f"s{at}" for at, (name, _) in enumerate(stages)}
    shown = ["flowchart TD"]
    shown += [f'    {ids[name]}["{_quoted(name)}"]' for name, _ in stages]
    shown += [f"    {ids[one]} --> {ids[name]}" for name, above in stages for one in above]
    return shown


def _quoted(name: str) -> str:
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
