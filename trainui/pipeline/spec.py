"""The pipeline file's fields and their types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from trainui.pipeline import fields as f
from trainui.pipeline.nodes import Scalar


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _as_source(value: Any) -> Any:
    return {"path": value} if isinstance(value, Scalar) else value


def _as_sources(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class MetricSpec(_Strict):
    """One source of metrics: a path, or a stream with a pattern."""

    path: f.PathItem | None = None
    """A path or glob, looked for in the stage's directory, then in its workdir."""
    format: f.Format | None = None
    """The format's name, where the content does not tell it."""
    step: f.Item | None = None
    """The field or group that is the step."""
    restarts: f.Restarts | None = None
    """`continue` where a later attempt counts its steps from nothing: they go on from the last."""
    stdout: f.StreamPattern | None = None
    """A pattern with named groups, or a preset's name, for the lines of stdout."""
    stderr: f.StreamPattern | None = None
    """The same for stderr."""


class AlertSpec(_Strict):
    """What a stage's metrics are watched for, one of the first five, and what is done then."""

    nan: f.True_ | None = None
    """True: a NaN or an infinity."""
    above: f.Number | None = None
    """A value above this one."""
    below: f.Number | None = None
    """A value below this one."""
    no_improvement: f.Places | None = None
    """So many points in a row that are no better than the best before them."""
    stalled: f.Number | None = None
    """No metric for so many times the usual pace; where it has GPUs, only while they are idle."""
    metric: f.Item | None = None
    """The metric's name; * stands for any characters. Needed but for nan and stalled."""
    goal: f.Goal | None = None
    """Of no_improvement: min (the default) or max."""
    after: f.Number | None = None
    """Points before this step do not count."""
    then: f.Action | None = None
    """mark, notify (the default: mark, and tell of it) or stop (tell of it, and end the stage)."""


class CheckpointSpec(_Strict):
    """What a stage can continue from."""

    path: f.PathItem
    """A glob relative to the stage's directory."""
    complete: f.PathItem | None = None
    """A file that a checkpoint directory holds only when it is whole."""


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


class StageFields(_Strict):
    """What a stage may say, and `defaults` for all stages."""

    run: f.Command | None = None
    """The command: shell text, or a list of words."""
    task: f.Task | None = None
    """Instead of run: a registered Celery task, or any importable function."""
    params: dict[str, f.TaskParam] = Field(default_factory=dict)
    """The task's keyword arguments."""
    depends_on: list[f.Item] = Field(default_factory=list)
    """Stages that must have completed; a matrix stage's name means all of its members."""
    workdir: f.Item | None = None
    """Where it runs; relative to the file. Default: the file's directory."""
    env: dict[f.VariableName, f.Text] = Field(default_factory=dict)
    """Environment variables."""
    python: f.Item | None = None
    """An interpreter or an environment's directory; it comes first on PATH and is ${python}."""
    matrix: dict[f.MatrixKey, f.Choices] = Field(default_factory=dict)
    """Lists of values: one member of the stage for each combination."""
    cpus: f.Places = 1
    """CPU places, where no GPU is asked for."""
    gpus: f.Count = 0
    """GPUs."""
    gpu_memory: f.Size | None = None
    """How much memory each of them has at least, such as 24G."""
    host: f.Item | None = None
    """Only on this host, where several share a database."""
    queue: f.Item | None = None
    """Only on hosts whose setting `queues` names this queue."""
    retries: f.Count = 0
    """Automatic attempts after the first."""
    retry_delay: f.Delay = 0.0
    """Before the first retry; doubled at each next one."""
    timeout: f.Duration | None = None
    """How long one attempt may take."""
    silence_timeout: f.Duration | None = None
    """How long an attempt may write nothing."""
    stop_signal: f.Signal = "TERM"
    """What is sent first when it has to stop."""
    grace: f.Delay = 30.0
    """Between that and KILL."""
    metrics: _Sources | None = None
    """One source or a list: a path or glob, or {stdout: PATTERN}."""
    checkpoint: _Checkpoint | None = None
    """A glob of what it can continue from, or {path: GLOB, complete: FILE}."""
    resume_args: list[f.Item] | None = None
    """Added to run where a whole checkpoint is there."""
    resume_run: f.Command | None = None
    """Instead of run where a whole checkpoint is there."""
    outputs: list[f.PathItem] = Field(default_factory=list)
    """Paths or globs that it must have made."""
    success: f.Pattern | None = None
    """A pattern that stdout or stderr must hold."""
    inputs: list[f.PathItem] = Field(default_factory=list)
    """Files that it reads."""
    allow_failure: f.Flag = False
    """Dependants start all the same."""
    alerts: _Alerts = Field(default_factory=list)
    """One or a list: what its metrics are watched for, and what is done then."""


class StageSpec(StageFields):
    """One stage."""

    name: f.StageName
    """1 to 64 printable characters, none of / . [ ] { } $."""


class PipelineSpec(_Strict):
    """A pipeline file."""

    name: f.PipelineName | None = None
    """Default: the file's name."""
    params: dict[f.ParamKey, f.Parameter] = Field(default_factory=dict)
    """Values for ${params.KEY}; one without a value must be given with -p."""
    defaults: StageFields = Field(default_factory=StageFields)
    """Fields for all stages; env is merged, the rest is replaced."""
    snapshot: f.Flag = False
    """Whether it runs from a copy of its code, made as it is submitted."""
    stages: list[StageSpec]
    """At least one."""
