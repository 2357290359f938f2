"""The pipeline file's fields and their types."""

from __future__ import annotations

from typing import Any, ClassVar

from trainui.pipeline.fields import readers, sampler_types, search_types
from trainui.pipeline.fields import types as f
from trainui.pipeline.fields.record import FieldType, Record, listed
from trainui.pipeline.fields.value import Value
from trainui.pipeline.yaml.nodes import Scalar, Sequence


def _or_path(record: type[Record]) -> FieldType:
    """Return the type of a record, or of its `path` alone."""

    def read(value: Value) -> dict[str, Any]:
        if isinstance(value.node, Scalar):
            return {"path": readers.path(value.part(value.node, f"{value.name}.path"))}
        return record.read(value)

    return FieldType(read, {"anyOf": [record.type().schema, {"type": "string"}]})


def _one_or_list(item: FieldType) -> FieldType:
    several = listed(item)

    def read(value: Value) -> Any:
        if isinstance(value.node, Sequence):
            return several.read(value)
        return [item.read(value.part(value.node, f"{value.name}[0]"))]

    return FieldType(read, {"anyOf": [several.schema, *item.schema.get("anyOf", [item.schema])]})


class MetricSpec(Record):
    """A source of metrics: a path, or a stream with a pattern."""

    owner = "a source of metrics"

    path = f.PATH
    """A path or glob, searched for in the stage's directory, then in its workdir."""
    format = f.FORMAT
    """The format's name, if it cannot be detected from the content."""
    step = f.ITEM
    """The field or group that contains the step."""
    restarts = f.RESTARTS
    """`continue`: if an attempt restarts its step counter at 0, add the last step before it."""
    stdout = f.STREAM_PATTERN
    """A pattern with named groups, or a preset's name, for the lines of stdout."""
    stderr = f.STREAM_PATTERN
    """The same for stderr."""


class AlertSpec(Record):
    """An alert on a stage's metrics: one condition (the first five fields) and an action."""

    owner = "an alert"

    nan = f.TRUE
    """True: alert on NaN or infinity."""
    above = f.NUMBER
    """Alert on a value above this one."""
    below = f.NUMBER
    """Alert on a value below this one."""
    no_improvement = f.POSITIVE_COUNT
    """Alert after this many consecutive points without a new best value."""
    stalled = f.NUMBER
    """Alert if no metric arrives for this many usual intervals (and its GPUs, if any, are idle)."""
    metric = f.ITEM
    """The metric's name; * matches any characters. Required except for nan and stalled."""
    goal = f.GOAL
    """For no_improvement: min (lower is better; the default) or max."""
    after = f.NUMBER
    """Ignore points before this step."""
    then = f.ACTION
    """mark, notify (the default: mark and notify) or stop (notify and stop the stage)."""


class CheckpointSpec(Record):
    """The checkpoints that a stage can continue from."""

    owner = "a checkpoint"
    required: ClassVar = {"path": "add it"}

    path = f.PATH
    """A glob relative to the stage's directory."""
    complete = f.PATH
    """A file that a checkpoint directory contains only once the checkpoint is complete."""


class SearchSpec(Record):
    """A search by Optuna over a stage's parameters, or a pruning rule for its matrix."""

    owner = "a search"
    required: ClassVar = {
        "metric": "name the metric whose best value counts",
        "goal": "add goal: minimize or goal: maximize",
    }
    drops_nulls = True

    space = search_types.SPACE
    """${search.NAME} -> choices, or {low, high, log, step}; without it, matrix has the members."""
    metric = search_types.METRIC
    """The metric whose best value is what Optuna gets."""
    goal = search_types.GOAL
    """minimize or maximize."""
    trials = f.whole(1, search_types.MAX_TRIALS)
    """Number of trials; required with a space."""
    sampler = sampler_types.SAMPLER
    """tpe (the default), random, grid, cmaes or another of Optuna's; {by: NAME} with options."""
    prune = sampler_types.PRUNE
    """median, hyperband, percentile or another of Optuna's; {by: NAME} with options."""
    seed = f.whole(0, search_types.LARGEST_SEED)
    """Seed of the sampler. Default: a search that cannot be repeated exactly."""

    @classmethod
    def read(cls, value: Value) -> dict[str, Any]:
        """Return the values of the fields; a sampler that tries all combinations must be able."""
        found = super().read(value)
        search_types.check_grid(value, found)
        return found


class StageFields(Record):
    """The fields of a stage, and of `defaults` for all stages."""

    owner = "defaults"
    shown_defaults: ClassVar = {
        **{"cpus": 1, "gpus": 0, "retries": 0, "retry_delay": 0.0, "stop_signal": "TERM"},
        **{"grace": 30.0, "allow_failure": False},
    }
    drops_nulls = True
    prefix = ""

    run = f.COMMAND
    """The command: shell text, or a list of words."""
    task = f.TASK
    """Instead of run: a registered Celery task, or any importable function."""
    params = f.TASK_PARAMS
    """The task's keyword arguments."""
    depends_on = f.ITEMS
    """Stages that must complete first; the name of a sweep means its matching members."""
    workdir = f.ITEM
    """Working directory, relative to the file. Default: the file's directory."""
    env = f.ENVIRONMENT
    """Environment variables."""
    python = f.ITEM
    """An interpreter or an environment's directory; put first on PATH, and used for ${python}."""
    matrix = f.MATRIX
    """A sweep: lists of values; the stage gets one member for each combination."""
    seeds = f.whole(1, search_types.MAX_SEEDS)
    """N is matrix: {seed: [0, ..., N-1]} with over: seed."""
    over = search_types.OVER
    """The key of the matrix whose members are shown as one, as mean and standard deviation."""
    search = SearchSpec.type()
    """A sweep whose members, its trials, Optuna chooses one after the other."""
    cpus = f.POSITIVE_COUNT
    """CPU slots needed; ignored if the stage needs GPUs."""
    gpus = f.COUNT
    """Number of GPUs needed."""
    gpu_memory = f.SIZE
    """Minimum memory of each GPU, e.g. 24G."""
    host = f.ITEM
    """Run only on this host, if several hosts share a database."""
    queue = f.ITEM
    """Run only on hosts that serve this queue (setting `queues`)."""
    retries = f.COUNT
    """Number of automatic retries after a failed attempt."""
    retry_delay = f.DELAY
    """Delay before the first retry; doubled for each further one."""
    timeout = f.DURATION
    """Time limit of an attempt."""
    silence_timeout = f.DURATION
    """Time limit without output."""
    stop_signal = f.SIGNAL
    """Signal sent first to stop the process."""
    grace = f.DELAY
    """Time between the stop signal and KILL."""
    metrics = _one_or_list(_or_path(MetricSpec))
    """One source or a list: a path or glob, or {stdout: PATTERN}."""
    checkpoint = _or_path(CheckpointSpec)
    """A glob of checkpoints to continue from, or {path: GLOB, complete: FILE}."""
    resume_args = f.ITEMS
    """Appended to run if there is a complete checkpoint."""
    resume_run = f.COMMAND
    """Replaces run if there is a complete checkpoint."""
    outputs = f.PATHS
    """Paths or globs that must exist when it ends."""
    success = f.PATTERN
    """A pattern that must occur in stdout or stderr."""
    inputs = f.PATHS
    """Files or directories that it reads."""
    allow_failure = f.FLAG
    """True: dependants start even if this stage fails."""
    alerts = _one_or_list(AlertSpec.type())
    """One alert on its metrics, or a list."""


class StageSpec(StageFields):
    """A stage."""

    owner = "a stage"
    required: ClassVar = {"name": "it identifies the stage in commands and dependencies"}

    name = f.STAGE_NAME
    """1 to 64 printable characters, except / . [ ] { } $."""


_STAGES = listed(
    StageSpec.type(),
    "a list of stages, each beginning with `- name: NAME` (`trainui init --from` reads a dvc.yaml)",
)


class PipelineSpec(Record):
    """A pipeline file."""

    owner = "a pipeline"
    required: ClassVar = {"stages": ""}
    shown_defaults: ClassVar = {"snapshot": False}
    drops_nulls = True
    prefix = ""

    name = f.PIPELINE_NAME
    """Default: the file's name."""
    params = f.PARAMETERS
    """Values of ${params.KEY}; one without a value must be given with -p."""
    defaults = StageFields.type()
    """Default fields of all stages; env is merged, a stage's other fields replace the default."""
    snapshot = f.FLAG
    """True: run from a copy of the code made at submission."""
    stages = FieldType(_STAGES.read, {**_STAGES.schema, "minItems": 1})
    """The stages, at least one."""
