"""The commands for pipeline files: `init` (write or convert one), `validate`, `schema`, `graph`.

Below are the JSON Schemas of each command's `--json` output. Later versions may add fields, but
keep these; a test compares every schema with the command's real output.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from trainui import control, text
from trainui.cli import options, printing
from trainui.errors import PipelineFileError, Problem, UnfitEnvironmentError, UsageError
from trainui.model.definition import Pipeline
from trainui.model.states import NOTIFIED_KINDS, Status
from trainui.model.states import Status as S
from trainui.plugin import Command, Imported, Importer, registry
from trainui.plugin.records import fits

MOST_LINES = 40
"""Lines of a drawing of the graph up to which edges have lines of their own."""

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
        if command is not None and commands:
            raise UsageError(f"{command!r} and --commands exclude each other; give one of them")
        own = {one.name: one.answer for one in registry.records(Command) if one.answer is not None}
        known = (*SCHEMAS, *own)
        if command is None:
            found = {name: schema_of(name, own.get(name)) for name in known}
        elif command in known:
            found = schema_of(command, own.get(command))
        else:
            raise UsageError(f"no schema for {command!r}; known: {', '.join(known)}")
    printing.exact(*json.dumps(found, indent=2).split("\n"))


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
        _run, found = options.find(what, None)
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


Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
ANY: Schema = {}
VALUE: Schema = {"oneOf": [NUMBER, {"enum": ["nan", "inf", "-inf"]}]}
"""A number, or text for NaN and infinities."""


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_ANY_OBJECT: Schema = {"type": "object"}
_COMMAND: Schema = {"oneOf": [TEXT, _list(TEXT), {"type": "null"}]}
_RUN_STATES = (S.QUEUED, S.RUNNING, S.FAILED, S.INTERRUPTED, S.CANCELLED, S.ENDED, S.COMPLETED)

_NAMES: tuple[tuple[Schema, str], ...] = (
    (TEXT, "by code dir directory file host id kind log markdown message metric name over path"),
    (TEXT, "home run source stage stderr stdout text unit url why workdir"),
    (_or_null(TEXT), "advice celery_task_id checkpoint copy_of diff difference error from"),
    (_or_null(TEXT), "box note original reason removed rule started_by task"),
    (_list(TEXT), "depends_on drift environment files outputs paths"),
    (WHOLE, "attempt bytes count free_bytes index kept left_out members nonfinite number points"),
    (WHOLE, "superseded trial"),
    (_or_null(WHOLE), "column exit_code guard_pid line of pid signal supervisor_pid"),
    (_list(WHOLE), "gpus"),
    (_or_null(NUMBER), "deviation first_step gpu_seconds_saved last_step limit mean seconds step"),
    (_or_null(NUMBER), "seconds_worked"),
    (VALUE, "value"),
    (_or_null(VALUE), "last max min"),
    (
        FLAG,
        "by_index dry_run in_epochs low lower new paused reachable running stalled valid writable",
    ),
    (TIME, "at created_at time"),
    (_or_null(TIME), "completed_at lost_at started_at"),
    (_ANY_OBJECT, "params summary"),
    (_or_null(_ANY_OBJECT), "matrix packages search"),
    (_list(_ANY_OBJECT), "hosts"),
    (_one_of(*Status), "status"),
    (_or_null(_one_of("keep", "discard")), "verdict"),
    (_COMMAND, "command"),
    (ANY, "result"),
)
_TYPES = {name: schema for schema, names in _NAMES for name in names.split()}
"""The type of each field, by its name, in all objects that give no other one."""


def _object(names: str, **others: Schema) -> Schema:
    """Return the schema of an object with these fields; `others` have types of their own.

    A name with a question mark is that of an optional field.
    """
    types = {**_TYPES, **others}
    properties = {name: types[name] for name in names.replace("?", "").split()}
    required = [name for name in names.split() if not name.endswith("?")]
    return {"type": "object", "properties": properties, "required": required}


_RUN_TYPES = {
    "status": _one_of(*_RUN_STATES),
    "external": _or_null(_object("kind path pid")),
}
_RUN_LINE = (
    "run name status created_at started_at completed_at external started_by seconds_worked lost_at "
    "box"
)

_PRUNING = _object(
    "by metric step value lower best by_index rule limit of in_epochs?", step=WHOLE, best=FLAG
)

_CAUSE = _object(
    "id text evidence file line fix edit",
    file=_or_null(TEXT),
    fix=TEXT,
    evidence=TEXT,
    edit=_or_null(_object("params checkpoint? note?", note=TEXT, checkpoint=TEXT)),
)

_ATTEMPT = _object(
    "number status host celery_task_id started_at completed_at exit_code signal error cause pid "
    "supervisor_pid checkpoint stdout stderr metrics_complete pruning?",
    cause=_or_null(_CAUSE),
    pruning=_PRUNING,
    metrics_complete=FLAG,
)

_ALERT = _object("kind attempt time text", kind=_one_of(*NOTIFIED_KINDS), attempt=_or_null(WHOLE))

_STAGE = _object(
    "id name task command params matrix workdir depends_on status reason stalled lost_at "
    "alerts celery_task_id started_at completed_at seconds_worked result error exit_code gpus dir "
    "outputs attempts "
    "trial? search? summary?",
    alerts=_list(_ALERT),
    attempts=_list(_ATTEMPT),
)

RUN = _object(
    f"{_RUN_LINE} from original notes stages",
    **_RUN_TYPES,
    notes=_list(_object("text verdict at")),
    stages=_list(_STAGE),
)
"""A run in full."""

_PLANNED = _object(
    "name action reason checkpoint step seconds gpu_seconds_saved",
    action=_one_of("skip", "run", "continue"),
)
_PLAN = {"stages": _list(_PLANNED)}

_EVENT = _object(
    "id time run name stage attempt kind text",
    id=WHOLE,
    stage=_or_null(TEXT),
    attempt=_or_null(WHOLE),
)

_LINE = {"stream": _one_of("out", "err"), "time": _or_null(TIME)}

_WORKER = _object(
    "home copy_of running pid guard_pid host slots log broker queue hosts problems disks",
    slots=_list(_object("kind index", kind=_one_of("cpu", "gpu"))),
    broker=_object("url kind pid reachable", kind=_one_of("valkey", "redis")),
    queue=_object("waiting discarded refused", waiting=WHOLE, discarded=WHOLE, refused=TEXT),
    problems=_list(TEXT),
    disks=_list(_object("path free_bytes low")),
)

_FREED = _object("run name status completed_at bytes", status=TEXT)

_PLUGIN = _object(
    "name kind package version loaded problem",
    package=TEXT,
    version=TEXT,
    loaded=FLAG,
    problem=_or_null(TEXT),
)

_ADDED = _object("run name kind path stages new", run=_or_null(TEXT), stages=_list(TEXT))

_DESCENDANT = _object(
    "run name from difference best verdict status note started_by",
    best=_or_null(_object("metric value", value=NUMBER)),
)

_TRIAL = _object(
    "trial status value step search command", value=_or_null(NUMBER), search=_ANY_OBJECT
)

_SAMPLE = _object(
    "run stage n mean sd others",
    n=WHOLE,
    sd=_or_null(NUMBER),
    others=_list(_object("stage why")),
)

_STEP = _object("text command box?", command=TEXT)

_TROUBLE = _object(
    "run name stage kind cause evidence since suggestion box?",
    run=_or_null(TEXT),
    stage=_or_null(TEXT),
    kind=_one_of("failed", "interrupted", *NOTIFIED_KINDS, "disk"),
    cause=_or_null(_CAUSE),
    evidence=TEXT,
    since=TIME,
    suggestion=_STEP,
)

_DIGEST = _object(
    "since until ended trouble running best gpu_seconds waiting next",
    since=TIME,
    until=TIME,
    ended=_list(_object("run name status stages box?", stages=_ANY_OBJECT)),
    trouble=_list(_TROUBLE),
    running=_list(_object("run name stages until box?", stages=_list(TEXT), until=_or_null(TIME))),
    best=_list(
        _object(
            "pipeline metric goal before now step run stage command box?",
            command=TEXT,
            pipeline=TEXT,
            goal=_one_of("minimize", "maximize"),
            before=_or_null(NUMBER),
            now=NUMBER,
            step=_or_null(NUMBER),
        )
    ),
    gpu_seconds=_object("used idle lost", used=NUMBER, idle=NUMBER, lost=NUMBER),
    waiting=_list(_object("run stage reason box?")),
    next=_list(_STEP),
)

_THREAD = _object(
    "name kernel frames",
    kernel=_or_null(TEXT),
    frames=_list(_object("function file line", function=TEXT, line=WHOLE)),
)

_PROCESS = _object(
    "pid rank command state cpu gpus threads",
    pid=WHOLE,
    rank=_or_null(WHOLE),
    command=TEXT,
    state=TEXT,
    cpu=NUMBER,
    threads=_list(_THREAD),
)

_BOX_FIELDS = "box host home command"
_BOX_TYPES = {"box": TEXT, "host": TEXT, "home": _or_null(TEXT), "command": TEXT}
_BOX = _object(_BOX_FIELDS, **_BOX_TYPES)
_BOX_STATE = {**_BOX_TYPES, "answers": FLAG, "runs": WHOLE, "problem": _or_null(TEXT)}

_SERIES = "stage name count superseded first_step last_step last min max nonfinite"

SCHEMAS: dict[str, Schema] = {
    "error": _object("error", error=_object("code message hint", hint=_or_null(TEXT))),
    "ls": _object("runs", runs=_list(_object(_RUN_LINE, **_RUN_TYPES))),
    "show": RUN,
    "wait": RUN,
    "run --wait": RUN,
    "run --detach": _object("run name stages", stages=_list(TEXT)),
    "run --dry-run": _object(
        "name stages", stages=_list(_object("name depends_on task command params workdir"))
    ),
    "demo": RUN,
    "resume": RUN,
    "resume --dry-run": _object("stages diff", **_PLAN),
    "resume --interrupted": _object("runs", runs=_list(RUN)),
    "resume --interrupted --dry-run": _object(
        "runs", runs=_list(_object("run name stages diff", **_PLAN))
    ),
    "rerun": RUN,
    "cancel": RUN,
    "note": RUN,
    "digest": _DIGEST,
    "stacks": _object(
        "stacks left_out summary notes at file",
        stacks=_list(_PROCESS),
        summary=_or_null(TEXT),
        notes=_list(TEXT),
        file=_or_null(TEXT),
    ),
    "compare": _object(
        "metric goal a b difference low high p verdict seeds_needed seconds_needed",
        goal=_one_of("minimize", "maximize"),
        a=_SAMPLE,
        b=_SAMPLE,
        verdict=_one_of("better", "worse", "not distinguishable", "too few"),
        seeds_needed=_or_null(WHOLE),
        **dict.fromkeys(("difference", "low", "high", "p", "seconds_needed"), _or_null(NUMBER)),
    ),
    "diff": _object(
        "code command params environment packages",
        code=_object("commit files diff drift", diff=TEXT, commit=_or_null(_list(_or_null(TEXT)))),
        command=_ANY_OBJECT,
    ),
    "tree": _object("runs", runs=_list(_DESCENDANT)),
    "best": _object(
        "trials importance metric checkpoints",
        trials=_list(_TRIAL),
        metric=_or_null(TEXT),
        checkpoints=_list(_object("stage step value checkpoint")),
        importance={"type": "object", "additionalProperties": NUMBER},
    ),
    "add": _object("runs left_out", runs=_list(_ADDED), left_out=_list(_object("path why"))),
    "add --pid": _object(
        "candidates",
        candidates=_list(_object("pid name command directory why", pid=WHOLE, command=_list(TEXT))),
    ),
    "path": _object("paths"),
    "logs": _object(
        "stage attempt lines",
        attempt=_or_null(WHOLE),
        lines=_list(_object("stream time text", **_LINE)),
    ),
    "logs --follow": _object("stage attempt stream time text", **_LINE),
    "events": _object("events", events=_list(_EVENT)),
    "events --follow": _EVENT,
    "metrics": _object(
        "series problems folded?",
        series=_list(_object(_SERIES)),
        problems=_list(_object("stage source message")),
        folded=_list(
            _object("stage over name of mean deviation count members", of=_one_of("best", "last"))
        ),
    ),
    "metrics --points": _object(
        "stage name attempt step value time", step=VALUE, time=_or_null(TIME)
    ),
    "export": _object("file format points", format=_one_of("csv", "jsonl", "parquet")),
    "report": _object("run markdown"),
    "graph": _object("stages", stages=_list(_object("name depends_on"))),
    "init": _object("file notes", notes=_list(TEXT)),
    "validate": _object("valid problems", problems=_list(_object("file line column code message"))),
    "worker start": _WORKER,
    "worker stop": _WORKER,
    "worker status": _WORKER,
    "worker pause": _object("paused"),
    "worker unpause": _object("paused"),
    "worker install": _object("path"),
    "worker install --print": _object("unit"),
    "worker uninstall": _object("path", path=_or_null(TEXT)),
    "doctor": _object(
        "findings",
        findings=_list(_object("name level message advice", level=_one_of("good", "note", "bad"))),
    ),
    "plugins": _object("plugins", plugins=_list(_PLUGIN)),
    "rm": _object("removed bytes"),
    "prune": _object("dry_run runs bytes kept", runs=_list(_FREED)),
    "backup": _object("file bytes files left_out", files=WHOLE),
    "uninstall": _object("dry_run paths bytes"),
    "boxes add": _BOX,
    "boxes rm": _BOX,
    "boxes ls": _object(
        "boxes", boxes=_list(_object(f"{_BOX_FIELDS} answers runs problem", **_BOX_STATE))
    ),
}
"""By command; of one that follows or prints points, for each line. `error` is for any failure."""


def schema_of(command: str, answer: Mapping[str, Any] | None = None) -> Schema:
    """Return the JSON Schema of a command's `--json` output; `answer` is that of a plugin's."""
    found = SCHEMAS[command] if answer is None else answer
    return {"$schema": DIALECT, "title": f"trainui {command} --json", **found}
