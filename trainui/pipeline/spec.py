"""The fields of a pipeline file as Pydantic's models, and their JSON Schema.

`check_fields` checks a document against them, and reports each error with its position.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Sequence as AnySequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trainui.model.definition import DEFAULT_GRACE
from trainui.pipeline import field_names, field_types, search_fields
from trainui.pipeline import field_types as f
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.template import Parameters
from trainui.pipeline.yaml_nodes import (
    Mapping,
    MappingEntry,
    Node,
    Position,
    Problems,
    Scalar,
    Sequence,
    data_of,
    did_you_mean,
    kind_of,
    quoted,
)

# The pipeline file's fields and their types.


class _Strict(BaseModel):
    # a validator is built for what is validated alone: the pipeline, with all below it
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _as_source(value: Any) -> Any:
    return {"path": value} if isinstance(value, Scalar) else value


def _as_sources(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class MetricSpec(_Strict):
    """A source of metrics: a path, or a stream with a pattern."""

    path: f.PathItem | None = None
    """A path or glob, searched for in the stage's directory, then in its workdir."""
    format: f.Format | None = None
    """The format's name, if it cannot be detected from the content."""
    step: f.Item | None = None
    """The field or group that contains the step."""
    restarts: f.Restarts | None = None
    """`continue`: if an attempt restarts its step counter at 0, add the last step before it."""
    stdout: f.StreamPattern | None = None
    """A pattern with named groups, or a preset's name, for the lines of stdout."""
    stderr: f.StreamPattern | None = None
    """The same for stderr."""


class AlertSpec(_Strict):
    """An alert on a stage's metrics: one condition (the first five fields) and an action."""

    nan: f.True_ | None = None
    """True: alert on NaN or infinity."""
    above: f.Number | None = None
    """Alert on a value above this one."""
    below: f.Number | None = None
    """Alert on a value below this one."""
    no_improvement: f.PositiveCount | None = None
    """Alert after this many consecutive points without a new best value."""
    stalled: f.NumberOrTrue | None = None
    """True: alert when the stage counts as stalled; N: if no metric arrives for N usual intervals
    (and its GPUs, if any, are idle)."""
    metric: f.Item | None = None
    """The metric's name; * matches any characters. Required except for nan and stalled."""
    goal: f.Goal | None = None
    """For no_improvement: minimize (the default) or maximize; or min, max."""
    after: f.Number | None = None
    """Ignore points before this step."""
    then: f.Action | None = None
    """mark, notify (the default: mark and notify), stop (no_improvement: the stage completes), or
    restart (with stalled: the stage is retried, within its retries)."""


class CheckpointSpec(_Strict):
    """The checkpoints that a stage can continue from."""

    path: f.PathItem
    """A glob relative to the stage's directory."""
    complete: f.PathItem | None = None
    """A file that a checkpoint directory contains only once the checkpoint is complete."""


class SearchSpec(_Strict):
    """A search by Optuna over a stage's parameters, or a pruning rule for its matrix."""

    space: dict[search_fields.SpaceKey, search_fields.Space] = Field(default_factory=dict)
    """${search.NAME} -> choices, or {low, high, log, step}; without it, matrix has the members."""
    metric: search_fields.Metric
    """The metric whose best value is what Optuna gets."""
    goal: search_fields.SearchGoal
    """minimize or maximize."""
    trials: search_fields.Trials | None = None
    """Number of trials; required with a space."""
    sampler: search_fields.Sampler | None = None
    """tpe (the default), random, grid, cmaes or another of Optuna's; {by: NAME} with options."""
    prune: search_fields.PruneRule | None = None
    """median, hyperband, percentile or another of Optuna's; {by: NAME} with options."""
    seed: search_fields.Seed | None = None
    """Seed of the sampler. Default: a search that cannot be repeated exactly."""

    @model_validator(mode="after")
    def _is_finite_for_a_grid(self) -> SearchSpec:
        search_fields.check_grid(self.space, self.sampler, self.trials)
        return self

    @model_validator(mode="after")
    def _is_of_one_searcher(self) -> SearchSpec:
        search_fields.check_pruner(self.sampler, self.prune)
        return self


_Source = Annotated[
    MetricSpec, BeforeValidator(_as_source, json_schema_input_type=MetricSpec | str)
]
_Sources = Annotated[
    list[_Source],
    BeforeValidator(_as_sources, json_schema_input_type=list[MetricSpec | str] | MetricSpec | str),
]
_Alerts = Annotated[
    list[AlertSpec],
    BeforeValidator(_as_sources, json_schema_input_type=list[AlertSpec] | AlertSpec),
]
_Checkpoint = Annotated[
    CheckpointSpec, BeforeValidator(_as_source, json_schema_input_type=CheckpointSpec | str)
]


_Matrix = Annotated[
    dict[f.MatrixKey, f.Choices],
    BeforeValidator(
        f.matrix,
        json_schema_input_type=dict[f.MatrixKey, f.Choices] | list[dict[f.MatrixKey, f.Item]],
    ),
]


class StageFields(_Strict):
    """The fields of a stage, and of `defaults` for all stages."""

    run: f.Command | None = None
    """The command: shell text, or a list of words."""
    task: f.Task | None = None
    """Instead of run: a registered Celery task, or any importable function."""
    params: dict[str, f.TaskParam] = Field(default_factory=dict)
    """The task's keyword arguments."""
    depends_on: list[f.Item] = Field(default_factory=list)
    """Stages that must complete first; the name of a sweep means its matching members."""
    workdir: f.Item | None = None
    """Working directory, relative to the file. Default: the file's directory."""
    env: dict[f.VariableName, f.Text] = Field(default_factory=dict)
    """Environment variables."""
    python: f.Item | None = None
    """An interpreter or an environment's directory; put first on PATH, and used for ${python}."""
    matrix: _Matrix = Field(default_factory=dict)
    """A sweep: lists of values, of which each combination is a member; or a list of members."""
    seeds: search_fields.Seeds | None = None
    """N is matrix: {seed: [0, ..., N-1]} with over: seed."""
    over: search_fields.Over | None = None
    """The key of the matrix whose members are shown as one, as mean and standard deviation."""
    search: SearchSpec | None = None
    """A sweep whose members, its trials, Optuna chooses one after the other."""
    cpus: f.PositiveCount = 1
    """CPU slots needed; ignored if the stage needs GPUs."""
    gpus: f.Count = 0
    """Number of GPUs needed."""
    gpu_memory: f.Size | None = None
    """Minimum memory of each GPU, e.g. 24G."""
    host: f.Item | None = None
    """Run only on this host, if several hosts share a database."""
    queue: f.Item | None = None
    """Run only on hosts that serve this queue (setting `queues`)."""
    executor: f.Executor | None = None
    """What runs it: local, a plugin, or {PLUGIN: {OPTION: VALUE}} (default: setting `executor`)."""
    retries: f.Count = 0
    """Number of automatic retries after a failed attempt."""
    retry_delay: f.Delay = 0.0
    """Delay before the first retry; doubled for each further one."""
    timeout: f.Duration | None = None
    """Time limit of an attempt."""
    budget: f.Duration | None = None
    """Time after which an attempt is stopped and has completed, with what it has made so far."""
    silence_timeout: f.Duration | None = None
    """Time limit without output."""
    stall_after: f.DurationOrNever | None = None
    """Time without output until it is stalled, before its usual interval is known (default: setting
    `stall_after`); or never."""
    stop_signal: f.Signal = "TERM"
    """Signal sent first to stop the process."""
    grace: f.Delay = DEFAULT_GRACE
    """Time between the stop signal and KILL."""
    metrics: _Sources | None = None
    """One source or a list: a path or glob, or {stdout: PATTERN}."""
    checkpoint: _Checkpoint | None = None
    """A glob of checkpoints to continue from, or {path: GLOB, complete: FILE}."""
    resume_args: list[f.Item] | None = None
    """Appended to run if there is a complete checkpoint."""
    resume_run: f.Command | None = None
    """Replaces run if there is a complete checkpoint."""
    outputs: list[f.PathItem] = Field(default_factory=list)
    """Paths or globs that must exist when it ends."""
    success: f.Pattern | None = None
    """A pattern that must occur in stdout or stderr."""
    inputs: list[f.PathItem] = Field(default_factory=list)
    """Files or directories that it reads."""
    allow_failure: f.Flag = False
    """True: dependants start even if this stage fails."""
    alerts: _Alerts = Field(default_factory=list)
    """One alert on its metrics, or a list."""


class StageSpec(StageFields):
    """A stage."""

    name: f.StageName
    """1 to 64 printable characters, except / . [ ] { } $."""
    each_checkpoint: f.Item | None = None
    """Evaluate each checkpoint of this stage, or of all its members, as it appears."""
    every: f.Every | None = None
    """1 (the default): all; newest: only the newest one that waits. Needs each_checkpoint."""
    metric: search_fields.Metric | None = None
    """The metric by which a checkpoint is the best one. Needs each_checkpoint."""
    goal: search_fields.SearchGoal | None = None
    """minimize or maximize the metric. Needs each_checkpoint."""


class PipelineSpec(_Strict):
    """A pipeline file."""

    name: f.PipelineName | None = None
    """Default: the file's name."""
    params: dict[f.ParamKey, f.Parameter] = Field(default_factory=dict)
    """Values of ${params.KEY}; one without a value must be given with -p."""
    # without validation, which would build another validator
    defaults: StageFields = Field(default_factory=StageFields.model_construct)
    """Default fields of all stages; env is merged, a stage's other fields replace the default."""
    snapshot: f.Flag = False
    """True: run from a copy of the code made at submission."""
    stages: list[StageSpec]
    """The stages, at least one."""


def _build() -> None:
    """Build the validators without Pydantic's plugins: it would search all packages for some."""
    before = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "1"
    try:
        PipelineSpec.model_rebuild()
    finally:
        del os.environ[_PLUGINS]
        if before is not None:
            os.environ[_PLUGINS] = before


_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
_build()  # now, since other threads of the screen may read the environment later


# The JSON Schema of a pipeline file, for completion and checks in editors.
#
# It covers fields and types. Rules across the file (e.g. which fields can be combined, or that a
# stage exists) are checked by `trainui validate`.


Schema = dict[str, Any]

_NOTHING: Schema = {"type": "null"}

_LEFT_OUT_BY_NULL = ("PipelineSpec", "StageFields", "StageSpec", "SearchSpec")
"""Models in which a field without a value counts as absent."""

_KEYS = {"matrix": field_names.MATRIX_KEY, "env": field_names.VARIABLE_NAME}
"""Patterns of the keys of a stage's mappings."""


def json_schema() -> Schema:
    """Return the schema."""
    schema = PipelineSpec.model_json_schema(mode="validation")
    models: Schema = schema["$defs"] | {"PipelineSpec": schema}
    described = _docstrings()
    for name, model in models.items():
        model["properties"] = {
            field: _field(
                value | {"description": described[name][field]},
                null=name in _LEFT_OUT_BY_NULL and field not in model.get("required", ()),
            )
            for field, value in model["properties"].items()
        }
        del model["title"]
    for name in ("StageFields", "StageSpec"):
        for field, pattern in _KEYS.items():
            _mapping(models[name]["properties"][field])["propertyNames"] = {"pattern": pattern}
    space = models["SearchSpec"]["properties"]["space"]
    _mapping(space)["propertyNames"] = {"pattern": field_names.MATRIX_KEY, "not": {"const": TRIAL}}
    _mapping(space)["minProperties"] = 1
    _mapping(schema["properties"]["params"])["propertyNames"] = {"pattern": field_names.PARAM_KEY}
    schema["properties"]["stages"]["minItems"] = 1
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of trainui",
        **schema,
    }


def _docstrings() -> dict[str, dict[str, str]]:
    """Return the docstrings of the fields of each model.

    Pydantic would read them from this file, too, but each time that a pipeline file is read.
    """
    found: dict[str, dict[str, str]] = {}
    for model in ast.parse(inspect.getsource(sys.modules[__name__])).body:
        if isinstance(model, ast.ClassDef):
            bases = (base.id for base in model.bases if isinstance(base, ast.Name))
            own = found[model.name] = {}
            for base in bases:
                own |= found.get(base, {})
            for field, words in pairwise(model.body):
                match field, words:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                        own[name] = inspect.cleandoc(text)
    return found


def _mapping(field: Schema) -> Schema:
    found: Schema = next(one for one in field["anyOf"] if one.get("type") == "object")
    return found


def _field(field: Schema, *, null: bool) -> Schema:
    """Return a field's schema: the alternatives, followed by description, examples and default."""
    words: Schema = {key: field[key] for key in ("description", "examples") if key in field}
    if field.get("default") is not None:
        words["default"] = field["default"]
    rest = {key: value for key, value in field.items() if key not in (*words, "default", "title")}
    kinds = [kind for kind in rest.pop("anyOf", [rest]) if kind != _NOTHING]
    if null:
        kinds.append(_NOTHING)
    return {"anyOf": kinds, **words}


Location = AnySequence[str | int]
"""Path from the root: keys and indices."""


def check_fields(
    document: Mapping, parameters: Parameters, problems: Problems, *, last_resort: bool = False
) -> PipelineSpec | None:
    """Return the document's spec; None: it has errors, which are added to `problems`.

    Errors that another check reports with a better message are added as a `last_resort` only.
    """
    try:
        return PipelineSpec.model_validate(data_of(document), context={"parameters": parameters})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            if found["type"] != field_types.REPORTED or (last_resort and found["msg"]):
                _report(found, document, problems)
    return None


def _report(found: Any, document: Mapping, problems: Problems) -> None:
    context = found.get("ctx", {})
    location, kind = (*found["loc"], *context.get("at", ())), found["type"]
    if kind == "extra_forbidden":
        _report_unknown(location, document, problems)
    elif kind == "missing":
        _report_missing(location, document, problems)
    elif location and location[-1] == "[key]":
        mark = _find(document, location[:-1], key=True)
        problems.add(mark, kind, f"{_path(location[:-2])}: {found['msg']}")
    else:
        code, message = _PYDANTIC.get(kind, (kind, found["msg"]))
        if location == ("stages",) and kind == "list_type":
            message = _NOT_STAGES
        node = _node(document, location)
        if kind in _PYDANTIC:
            message = f"{message}, not {kind_of(node)}"
        by_key = bool(context.get("key"))
        named = _path(location[:-1] if by_key else location)
        problems.add(_find(document, location, key=by_key), code, f"{named} {message}")


_NOT_STAGES = (
    "must be a list of stages, each beginning with `- name: NAME` (`trainui init --from` converts "
    "files of other programs)"
)

_PYDANTIC = {
    "list_type": ("wrong-type", "must be a list, such as [a, b]"),
    "dict_type": ("wrong-type", "must be a mapping, such as {key: value}"),
    "model_type": ("wrong-type", "must be a mapping, such as {key: value}"),
    "model_attributes_type": ("wrong-type", "must be a mapping, such as {key: value}"),
}
"""Errors found by Pydantic itself -> our code and what the value must be."""


def _report_unknown(location: Location, document: Mapping, problems: Problems) -> None:
    name, owner = str(location[-1]), _owner(location[:-1])
    known = _known_fields(location[:-1])
    meant = _ELSEWHERE.get(name.lower().replace("-", "_"))
    if meant in known and name not in known:
        hint = f"; did you mean {quoted(meant)}?"
    elif owner == "a pipeline" and name in StageFields.model_fields:
        hint = "; put it into a stage, or into `defaults` for all stages"
    elif owner == "defaults" and name in StageSpec.model_fields:
        hint = "; each stage has its own"
    elif owner in ("a stage", "defaults") and name in PipelineSpec.model_fields:
        hint = "; put it at the top of the file"
    else:
        hint = did_you_mean(name, known) or f"; it may have {', '.join(known)}"
    mark = _find(document, location, key=True)
    problems.add(mark, "unknown-field", f"{owner} has no field {quoted(name)}{hint}")


_ELSEWHERE = {
    **dict.fromkeys(("cmd", "command", "script", "shell", "exec"), "run"),
    **dict.fromkeys(("needs", "requires", "after", "upstream", "dependencies"), "depends_on"),
    **dict.fromkeys(("cwd", "wdir", "dir", "directory", "working_directory"), "workdir"),
    **dict.fromkeys(("outs", "artifacts", "produces"), "outputs"),
    **dict.fromkeys(("environment", "variables"), "env"),
    **dict.fromkeys(("kwargs", "args", "arguments"), "params"),
    **dict.fromkeys(("interpreter", "conda", "venv"), "python"),
    **dict.fromkeys(("max_retries", "retry", "attempts"), "retries"),
}
"""Names that other tools use -> our field."""


def _report_missing(location: Location, document: Mapping, problems: Problems) -> None:
    owner = _owner(location[:-1])
    if owner == "a pipeline":
        return  # missing stages: field_combinations has a better message
    advice = _MISSING.get((owner, str(location[-1])), "add it")
    mark = _find(document, location[:-1])
    problems.add(mark, "missing-field", f"{owner} must have a `{location[-1]}`; {advice}")


_MISSING = {
    ("a stage", "name"): "it identifies the stage in commands and dependencies",
    ("a search", "goal"): "add `goal: minimize` or `goal: maximize`",
    ("a search", "metric"): "name the metric whose best value counts",
}
"""(Owner, field) -> what to do about a missing field."""


def _owner(location: Location) -> str:
    if not location:
        return "a pipeline"
    if location[-1] == "defaults":
        return "defaults"
    if len(location) == 2 and location[0] == "stages":
        return "a stage"
    if "alerts" in location:
        return "an alert"
    if location[-1] == "search":
        return "a search"
    return "a checkpoint" if location[-1] == "checkpoint" else "a source of metrics"


def _known_fields(location: Location) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "a pipeline": PipelineSpec,
        "defaults": StageFields,
        "a stage": StageSpec,
        "an alert": AlertSpec,
        "a checkpoint": CheckpointSpec,
        "a search": SearchSpec,
        "a source of metrics": MetricSpec,
    }
    return list(models[_owner(location)].model_fields)


def _path(location: Location) -> str:
    """Format a location, e.g. `env.HOME` or `metrics[0].step`."""
    inner = location[2:] if location[:1] == ("stages",) and len(location) > 2 else location
    if tuple(location[:1]) == ("defaults",) and len(location) > 1:
        inner = location[1:]
    written = ""
    for step in inner:
        written += f"[{step}]" if isinstance(step, int) else f".{step}"
    return written.lstrip(".") or "the file"


def _entry(node: Node | None, step: str | int) -> MappingEntry | Node | None:
    if isinstance(node, Mapping) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, Sequence) and isinstance(step, int):
        return node.items[step]
    return None


def _walk(document: Node, location: Location) -> list[MappingEntry | Node]:
    """Return the nodes along a path; steps that are not in the file are skipped."""
    path: list[MappingEntry | Node] = [document]
    node: Node | None = document
    for step in location:
        found = _entry(node, step)
        if found is not None:
            path.append(found)
            node = found.value if isinstance(found, MappingEntry) else found
    return path


def _node(document: Node, location: Location) -> Node:
    last = _walk(document, location)[-1]
    return last.value if isinstance(last, MappingEntry) else last


def _find(document: Node, location: Location, *, key: bool = False) -> Position:
    last = _walk(document, location)[-1]
    if isinstance(last, MappingEntry):
        # a list or mapping starts on the line after its key, so report the key's position
        by_key = key or not isinstance(last.value, Scalar)
        return last.key.mark if by_key else last.value.mark
    return last.mark
