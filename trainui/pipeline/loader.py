"""Load a pipeline: from a file, from text, from the Python API's list of stages.

From text to a document, its defaults merged into the stages, checked, and built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import field, replace
from pathlib import Path, PurePath
from typing import Any, TextIO

from trainui import settings
from trainui.errors import PipelineFileError, Problem
from trainui.model.definition import (
    ALERT_CONDITIONS,
    Alert,
    CheckpointRule,
    EachCheckpoint,
    Json,
    MetricSource,
    Pipeline,
    Search,
    StageDefinition,
)
from trainui.pipeline import (
    field_names,
    field_types,
    graph_checks,
    outline,
    stage_checks,
    stage_command,
    template,
    yaml_tree,
)
from trainui.pipeline.matrix import SEED, TRIAL, Pairing, Values, member_name
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.spec import (
    AlertSpec,
    MetricSpec,
    PipelineSpec,
    SearchSpec,
    StageFields,
    StageSpec,
    check_fields,
)
from trainui.pipeline.stage_command import from_command as from_command
from trainui.pipeline.template import Parameters
from trainui.pipeline.yaml_nodes import (
    TOP,
    Mapping,
    MappingEntry,
    Node,
    NotJsonError,
    Position,
    Problems,
    Scalar,
    Sequence,
    did_you_mean,
    in_columns,
    kind_of,
    node_of,
    quoted,
)
from trainui.pipeline.yaml_tree import read_tree
from trainui.record import dataclass

# Load or validate pipelines: files, bare commands and lists of the Python API.
#
# All problems are reported at once; if there are any, no pipeline is returned.


NO_FILE = "pipeline"
"""Default name of a pipeline without a file."""

API_FILE = "stages"
"""File name in problems with the API's list; the line is the number of the entry."""


def load(
    file: str,
    params: AnyMapping[str, str] | None = None,
    *,
    stdin: TextIO | None = None,
) -> Pipeline:
    """Load a pipeline file; `-` is standard input, with the current directory.

    Raises:
        PipelineFileError: the file has problems; the error lists all of them in file order.
    """
    found = yaml_tree.read_text(file, stdin)
    pipeline = load_text(found.text, file=file, directory=found.directory, params=params)
    return replace(pipeline, file=found.file)


def load_text(
    text: str,
    *,
    file: str | None = None,
    directory: str | None = None,
    params: AnyMapping[str, str] | None = None,
) -> Pipeline:
    """Load the text of a pipeline file; the result has no file path.

    The name `file` is used in messages, and as the default of the pipeline's name.

    Raises:
        PipelineFileError: the text has problems; the error lists all of them in file order.
    """
    problems = Problems(file or NO_FILE, text)
    document = _read_document(text, problems)
    origin = Origin(
        text=text,
        directory=str(Path(directory or ".").absolute()),
        name=_default_name(file),
        given=params or {},
    )
    return assemble(document, origin, problems)


def odd_values(pipeline: Pipeline, given: AnyMapping[str, str]) -> list[str]:
    """Return the values given with `-p` that are no numbers where the file has one, in words."""
    problems = Problems(pipeline.file or NO_FILE, pipeline.text)
    params = _read_document(pipeline.text, problems).get("params") if given else None
    found = []
    for name, value in given.items():
        own = params.get(name) if isinstance(params, Mapping) else None
        if isinstance(own, Scalar) and _is_number(own) and not _is_number(Scalar(value, True)):
            found.append(f"-p {name}={value}: not a number, as in the file ({own.text})")
    return found


def _is_number(scalar: Scalar) -> bool:
    try:
        return isinstance(scalar.value, int | float) and not isinstance(scalar.value, bool)
    except ValueError:
        return True


def validate(
    file: str, params: AnyMapping[str, str] | None = None, *, stdin: TextIO | None = None
) -> list[Problem]:
    """Return all problems of a pipeline file, sorted by position.

    If `params` is None, parameters without a value are no problem.
    """
    try:
        found = yaml_tree.read_text(file, stdin)
        problems = Problems(file, found.text)
        document = _read_document(found.text, problems)
    except PipelineFileError as error:
        return list(error.problems)
    complete = params is not None
    examine(document, Origin(found.text, found.directory, file, params or {}, complete), problems)
    return problems.in_order()


def from_api(stages: AnySequence[Any], name: str, *, directory: str | None = None) -> Pipeline:
    """Make a pipeline from a list of the Python API.

    Each stage is a dict with `name`, `task`, and optionally `params` and `depends_on`.

    Raises:
        PipelineFileError: the list has problems; the error lists all of them. A problem's line is
            the number of its entry, counted from 1.
    """
    problems = Problems(API_FILE)
    document = api_document(name, stages, problems)
    origin = Origin(
        text="" if problems else api_text(name, stages),
        directory=str(Path(directory or ".").absolute()),
        name=name,
    )
    return assemble(document, origin, problems)


def _default_name(file: str | None) -> str:
    if file is None or file == yaml_tree.STDIN:
        return NO_FILE
    stem = PurePath(file).stem
    return stem if field_names.pipeline_name_fault(stem) is None else NO_FILE


def _read_document(text: str, problems: Problems) -> Mapping:
    """Return the top-level mapping of a pipeline file; raise PipelineFileError if there is none."""
    root = read_tree(text, problems)
    if isinstance(root, Mapping):
        return root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        if not problems:
            problems.add(TOP, "empty", "the file is empty; it needs a list of `stages`")
    else:
        message = f"a pipeline must be a mapping with stages, not {kind_of(root)}"
        problems.add(root.mark, "wrong-type", message)
    problems.raise_if_any()
    raise AssertionError("without a document there are problems")


# Convert the Python API's list of stages to a document and to the equivalent pipeline file.


KEYS = ("name", "task", "params", "depends_on")
"""Keys that a stage passed to the Python API may have."""


def api_document(name: str, stages: AnySequence[Any], problems: Problems) -> Mapping:
    """Return the document; problems give a stage's position in the list as the line number."""
    items = [_stage(stage, index, problems) for index, stage in enumerate(stages)]
    present = tuple(item for item in items if item is not None)
    return Mapping(
        {
            "name": MappingEntry(Scalar("name", plain=True), Scalar(name, plain=False)),
            "stages": MappingEntry(Scalar("stages", plain=True), Sequence(present)),
        },
        TOP,
    )


def api_text(name: str, stages: AnySequence[Any]) -> str:
    """Return the equivalent pipeline file, as JSON (which is also valid YAML)."""
    without_nulls = ({k: v for k, v in stage.items() if v is not None} for stage in stages)
    entries = [json.dumps(stage, allow_nan=False) for stage in without_nulls]
    listed = ",\n  ".join(entries)
    return f'{{"name": {json.dumps(name)}, "stages": [\n  {listed}\n]}}\n'


def _stage(stage: Any, index: int, problems: Problems) -> Node | None:
    mark = Position(index + 1, 1)
    if not isinstance(stage, dict):
        message = f"stages[{index}] must be a dict, not {type(stage).__name__}"
        problems.add(mark, "wrong-type", message)
        return None
    for key in stage:
        if key not in KEYS:
            near = did_you_mean(str(key), KEYS) or f"; it may have {', '.join(KEYS)}"
            message = f"stages[{index}] has the unknown key {quoted(str(key))}{near}"
            problems.add(mark, "unknown-field", message)
    entries = (_entry(key, stage[key], index, mark, problems) for key in KEYS if key in stage)
    return Mapping({entry.key.text: entry for entry in entries if entry is not None}, mark)


def _entry(
    key: str, value: Any, index: int, mark: Position, problems: Problems
) -> MappingEntry | None:
    where = f"stages[{index}]: {key}"
    if key in ("name", "task") and not isinstance(value, str | None):
        kind = type(value).__name__
        problems.add(mark, "wrong-type", f"{where} must be a str, not {kind}")
        return MappingEntry(
            Scalar(key, plain=True, mark=mark), Scalar("invalid", plain=False, mark=mark)
        )
    try:
        node = node_of(value, mark, where=where)
    except NotJsonError as error:
        problems.add(mark, "wrong-type", str(error))
        node = Mapping({}, mark) if key == "params" else Sequence((), mark)
    return MappingEntry(Scalar(key, plain=True, mark=mark), node)


# Run every check on a document and build the pipeline; all problems are reported at once.


def _usual_executor() -> str:
    return settings.load().executor


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of a document."""

    text: str
    """The file's text, unchanged."""
    directory: str
    """Base directory of relative paths; absolute."""
    name: str
    """The pipeline's name if the document gives none."""
    given: AnyMapping[str, str] = field(default_factory=dict)
    """Values given with `-p`."""
    complete: bool = True
    """True: a parameter without a value is a problem."""
    executor: str = field(default_factory=_usual_executor)
    """That of stages that name none."""


def examine(
    document: Mapping, origin: Origin, problems: Problems
) -> tuple[PipelineSpec | None, Outline]:
    """Run every check on a document.

    The spec is None if a field is invalid or uses a parameter without a value.
    """
    document = apply_defaults(document)
    declared = document.get("params")
    known = template.collect_parameters(
        declared if isinstance(declared, Mapping) else Mapping({}, document.mark),
        origin.given,
        problems,
        complete=origin.complete,
    )
    spec = check_fields(document, known, problems)
    seen = outline.outline_of(document, known)
    stage_checks.check_stages(seen, problems)
    graph_checks.check_matrices(seen, problems)
    graph_checks.check_searches(seen, problems)
    stage_checks.check_variables(seen, problems)
    graph_checks.check_graph(seen, problems)
    if spec is None and not problems:
        check_fields(document, known, problems, last_resort=True)
    if spec is not None and not problems:
        for stage, its in zip(spec.stages, seen.stages, strict=True):
            _check_place(stage, its, origin.executor, problems)
    return spec, seen


def _check_place(
    spec: StageSpec, seen: StageOutline, usual_executor: str, problems: Problems
) -> None:
    """Report why a stage's executor would refuse it, as far as that can be said now."""
    name, options = spec.executor or (usual_executor, {})
    for problem in field_types.refusals(name, options, spec.gpus, spec.cpus):
        entry = seen.node.entries.get("executor")
        node, called = entry and entry.value, problem.option
        if called in ("gpus", "cpus"):
            entry = seen.node.entries.get(called)
            node = entry and entry.value
        else:
            called = f"executor.{name}.{called}" if called else "executor"
            for key in (name, problem.option):
                node = (node.get(key) if isinstance(node, Mapping) else None) or node
        mark = node.mark if node else seen.node.mark
        problems.add(mark, problem.code, f"{called} {problem.message}")


def assemble(document: Mapping, origin: Origin, problems: Problems) -> Pipeline:
    """Return the pipeline that a document defines.

    Raises:
        PipelineFileError: any problem was found, here or earlier.
    """
    spec, seen = examine(document, origin, problems)
    problems.raise_if_any()
    assert spec is not None, "with all parameters and no problem there is a spec"
    return Pipeline(
        name=spec.name or origin.name,
        stages=build_stages(spec, seen, origin),
        params=seen.parameters.texts(),
        text=origin.text,
        digest=hashlib.sha256(origin.text.encode()).hexdigest(),
        directory=origin.directory,
        snapshot=spec.snapshot,
    )


# Merge `defaults` into every stage, and drop fields that are null.


_REPLACED_BY = {
    "run": {"task"},
    "task": {"run"},
    "params": {"run"},
    "resume_args": {"task", "resume_run"},
    "resume_run": {"task", "resume_args"},
}
"""A default (key) is ignored if the stage itself has one of these fields (value)."""


def apply_defaults(top: Mapping) -> Mapping:
    """Return the document with its defaults merged into every stage.

    A known field without a value counts as absent; in a stage, it removes the default.
    """
    entries = _without_nulls(top, PipelineSpec.model_fields.keys())
    stages = entries.get("stages")
    if stages and isinstance(stages.value, Sequence):
        defaults = _default_entries(top)
        items = tuple(_merged(item, defaults) for item in stages.value.items)
        entries["stages"] = MappingEntry(stages.key, Sequence(items, stages.value.mark))
    return Mapping(entries, top.mark)


def _default_entries(top: Mapping) -> dict[str, MappingEntry]:
    """Return the defaults that stages inherit; another check reports unknown fields."""
    defaults = top.get("defaults")
    if not isinstance(defaults, Mapping):
        return {}
    known = StageFields.model_fields.keys()
    return {name: entry for name, entry in defaults.entries.items() if name in known}


def _merged(stage: Node, defaults: dict[str, MappingEntry]) -> Node:
    if not isinstance(stage, Mapping):
        return stage
    entries = {
        name: entry
        for name, entry in defaults.items()
        if name not in stage.entries and not _REPLACED_BY.get(name, set()) & stage.entries.keys()
    }
    entries.update(stage.entries)
    default, own = (one.get("env") for one in (defaults, stage.entries))
    if default and own and isinstance(default.value, Mapping) and isinstance(own.value, Mapping):
        merged = {**default.value.entries, **own.value.entries}
        entries["env"] = MappingEntry(own.key, Mapping(merged, own.value.mark))
    if (matrix := entries.get("matrix")) is not None:
        entries["matrix"] = MappingEntry(matrix.key, in_columns(matrix.value))
    search = entries.get("search")
    if search is not None and isinstance(search.value, Mapping):
        fields = _without_nulls(search.value, SearchSpec.model_fields.keys())
        entries["search"] = MappingEntry(search.key, Mapping(fields, search.value.mark))
    return Mapping(_without_nulls(Mapping(entries), StageSpec.model_fields.keys()), stage.mark)


def _without_nulls(node: Mapping, known: Collection[str]) -> dict[str, MappingEntry]:
    return {
        name: entry
        for name, entry in node.entries.items()
        if not (isinstance(entry.value, Scalar) and entry.value.is_null and name in known)
    }


# Build stage definitions from a valid spec: expand matrices and resolve dependency names.


def build_stages(
    spec: PipelineSpec, outline: Outline, origin: Origin
) -> tuple[StageDefinition, ...]:
    """Return the stages in file order, with each matrix replaced by its members."""
    pairing = Pairing(outline.groups())
    return tuple(
        definition
        for stage, seen in zip(spec.stages, outline.stages, strict=True)
        for definition in _members(stage, seen, pairing, outline.parameters, origin)
    )


def _members(
    spec: StageSpec,
    seen: StageOutline,
    pairing: Pairing,
    parameters: Parameters,
    origin: Origin,
) -> Iterator[StageDefinition]:
    common = _common(spec, parameters, origin)
    if spec.each_checkpoint is not None:
        yield from _evaluations(spec, seen, pairing, common)
        return
    for values in seen.members:
        yield StageDefinition(
            name=member_name(spec.name, values),
            group=spec.name,
            matrix=values,
            trial=int((values or {})[TRIAL]) if spec.search and spec.search.space else None,
            depends_on=_dependencies(spec, values, pairing),
            **common,
        )


def _evaluations(
    spec: StageSpec, seen: StageOutline, pairing: Pairing, common: AnyMapping[str, Json]
) -> Iterator[StageDefinition]:
    """Yield the stages that gather the evaluations of each training's checkpoints."""
    assert spec.each_checkpoint is not None
    for values in seen.members:
        training = member_name(spec.each_checkpoint, values)
        above = (training, *_dependencies(spec, values, pairing))
        yield StageDefinition(
            name=member_name(spec.name, values),
            group=spec.name,
            matrix=values,
            depends_on=tuple(dict.fromkeys(above)),
            each_checkpoint=EachCheckpoint(
                training, spec.every == "newest", spec.metric, spec.goal
            ),
            **common,
        )


def _dependencies(spec: StageSpec, values: Values | None, pairing: Pairing) -> tuple[str, ...]:
    if len(spec.depends_on) == 1:
        # not copied: when 1000 stages depend on the same 1000, they all share one tuple
        return pairing.resolve(spec.depends_on[0], values)
    resolved = (name for wanted in spec.depends_on for name in pairing.resolve(wanted, values))
    return tuple(dict.fromkeys(resolved))


def _common(spec: StageSpec, parameters: Parameters, origin: Origin) -> dict[str, Json]:
    """Return the fields that all members of a stage have in common."""
    directory = origin.directory
    return {name: getattr(spec, name) for name in _UNCHANGED} | {
        "command": spec.run,
        "params": template.map_texts(spec.params, parameters.typed),
        "workdir": stage_command.absolute_path(spec.workdir or "", directory),
        "env": dict(spec.env),
        "python": spec.python and stage_command.resolve_interpreter(spec.python, directory),
        "metrics": None if spec.metrics is None else tuple(map(_source, spec.metrics)),
        "checkpoint": spec.checkpoint
        and CheckpointRule(spec.checkpoint.path, spec.checkpoint.complete),
        "resume_args": None if spec.resume_args is None else tuple(spec.resume_args),
        "outputs": tuple(spec.outputs),
        "inputs": tuple(stage_command.absolute_path(path, directory) for path in spec.inputs),
        "alerts": tuple(map(_alert, spec.alerts)),
        "over": SEED if spec.seeds else spec.over,
        "executor": spec.executor[0] if spec.executor else origin.executor,
        "executor_options": spec.executor[1] if spec.executor else {},
        "search": spec.search and _search(spec.search),
    }


_UNCHANGED = (
    *("task", "cpus", "gpus", "gpu_memory", "host", "queue", "retries", "retry_delay", "timeout"),
    *("budget", "silence_timeout", "stall_after", "stop_signal", "grace", "resume_run", "success"),
    "allow_failure",
)
"""Fields that a definition takes over as they are."""


def _source(spec: MetricSpec) -> MetricSource:
    stream = "stdout" if spec.stdout is not None else "stderr" if spec.stderr is not None else None
    return MetricSource(
        path=spec.path,
        format=spec.format,
        step=spec.step,
        restarts=spec.restarts,
        stream=stream,
        pattern=spec.stdout if spec.stdout is not None else spec.stderr,
    )


def _search(spec: SearchSpec) -> Search:
    searcher = field_names.searcher_of(spec.sampler and spec.sampler[0], spec.prune)
    default = next(iter(field_names.samplers(searcher)), "")
    return Search(
        metric=spec.metric,
        goal=spec.goal,
        space=spec.space,
        trials=spec.trials,
        sampler=spec.sampler[0] if spec.sampler else default,
        sampler_options=spec.sampler[1] if spec.sampler else {},
        prune=spec.prune,
        seed=spec.seed,
        searcher=searcher.name if searcher else "",
    )


def _alert(spec: AlertSpec) -> Alert:
    condition, limit = next(
        (name, value) for name in ALERT_CONDITIONS if (value := getattr(spec, name)) is not None
    )
    return Alert(
        condition,
        metric=spec.metric or "*",
        limit=float(limit),
        goal=spec.goal or "min",
        after=spec.after,
        action=spec.then or "notify",
    )
