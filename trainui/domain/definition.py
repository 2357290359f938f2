"""What a pipeline says: frozen definitions, as the loader makes them and the store keeps them.

Everything in a definition is plain data that survives JSON and back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

Json = Any
"""A value that JSON can hold."""


METRIC_PRESETS = (
    "baselines",
    "catboost",
    "columns",
    "ddp",
    "detectron2",
    "elements",
    "fairseq",
    "fastai",
    "gbm",
    "headed",
    "hf",
    "hf4",
    "jsonl",
    "keras",
    "keyvalue",
    "killed",
    "lightgbm",
    "lightning",
    "llmc",
    "megatron",
    "merged",
    "metriclogger",
    "mmengine",
    "nanogpt",
    "optuna",
    "paddlenlp",
    "print",
    "rotating",
    "rsl_rl",
    "sb3",
    "sklearn",
    "skorch",
    "spacy",
    "timm",
    "timm_train",
    "torchtune",
    "tqdm",
    "transformers",
    "ultralytics",
    "verl",
    "xgboost",
)
"""Programs and ways to print metrics that are known by name, so that no pattern is needed."""

METRIC_FORMATS = tuple(
    sorted(
        {
            *("csv", "dvclive", "hf", "json", "jsonl", "mlflow", "text", "tfevents", "tsv"),
            *METRIC_PRESETS,
        }
    )
)
"""What a source may name as the format of its files: a preset reads the lines of a log."""


ALERT_CONDITIONS = ("nan", "above", "below", "no_improvement", "stalled")
"""What an alert can be on."""

ALERT_ACTIONS = ("mark", "notify", "stop")
"""What an alert can do: each does what those before it do as well."""


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where a stage's metrics are found: a path or glob, or a stream with a pattern."""

    path: str | None = None
    """A path or glob, looked for in the stage's directory, then in its workdir."""
    format: str | None = None
    """A format's name; None: found from the content."""
    step: str | None = None
    """The field or group that is the step."""
    stream: str | None = None
    """`stdout` or `stderr`, with `pattern` instead of a path."""
    pattern: str | None = None
    """A pattern with named groups, or a preset's name."""
    restarts: str | None = None
    """`continue`: a later attempt counts its steps from nothing, and they go on from the last."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What is to be done where a stage's metrics look wrong."""

    condition: str
    """One of `ALERT_CONDITIONS`."""
    metric: str = "*"
    """A metric's name; `*` and `?` stand for any characters, for one."""
    limit: float = 0.0
    """The threshold; how many points without improvement; how many times the usual pace."""
    goal: str = "min"
    """`min` or `max`: which values are improvements."""
    after: float | None = None
    """Points of this step and later ones count; None: all."""
    action: str = "notify"
    """One of `ALERT_ACTIONS`."""


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """Which files or directories are checkpoints, and when a directory is whole."""

    glob: str
    """Relative to the stage's directory."""
    complete: str | None = None
    """A file that a checkpoint directory holds only when it is whole."""


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """One stage, members of a matrix apart; `${...}` as in the file until it is submitted."""

    name: str
    """Its full name, such as `train[lr=0.3,seed=1]`."""
    group: str = ""
    """The name in the file, such as `train`; equal to `name` where there is no matrix."""
    matrix: Mapping[str, str] | None = None
    """This member's values, as text; None: no matrix."""
    command: str | tuple[str, ...] | None = None
    """`run`: shell text or argv. None for a task."""
    task: str | None = None
    """A registered Celery task or an importable function. None for a command."""
    params: Mapping[str, Json] = field(default_factory=dict)
    """The task's keyword arguments."""
    depends_on: tuple[str, ...] = ()
    """Full names of the stages that must have completed."""
    workdir: str = "."
    """Absolute once loaded."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that the stage gets besides the submitting shell's."""
    python: str | None = None
    """An interpreter or an environment's directory; None: the submitting shell's python."""
    cpus: int = 1
    """CPU places (used only where gpus is 0)."""
    gpus: int = 0
    """GPUs, given whole."""
    gpu_memory: int | None = None
    """Bytes that each of them has at least."""
    host: str | None = None
    """The only host on which it may run; None: any."""
    queue: str | None = None
    """It may run only on hosts that serve this queue; None: any."""
    retries: int = 0
    """Automatic attempts after the first, since a person last started or resumed."""
    retry_delay: float = 0.0
    """Seconds before the first retry; doubled at each next one, to a day at the most."""
    timeout: float | None = None
    """Seconds that an attempt may take."""
    silence_timeout: float | None = None
    """Seconds for which neither of its logs may stay as they are."""
    stop_signal: str = "TERM"
    """What is sent first when it has to stop."""
    grace: float = 30.0
    """Seconds between that and KILL."""
    metrics: tuple[MetricSource, ...] | None = None
    """None: the usual files are found by themselves."""
    checkpoint: CheckpointRule | None = None
    """What it can continue from."""
    resume_args: tuple[str, ...] | None = None
    """Added to the command where a whole checkpoint is there."""
    resume_run: str | tuple[str, ...] | None = None
    """Replaces the command where a whole checkpoint is there."""
    outputs: tuple[str, ...] = ()
    """Paths or globs that must be there, made by this attempt, for it to be completed."""
    success: str | None = None
    """A regular expression that stdout or stderr must hold."""
    inputs: tuple[str, ...] = ()
    """Files that it reads, checked before it starts."""
    allow_failure: bool = False
    """Dependants start all the same."""
    alerts: tuple[Alert, ...] = ()
    """What its metrics are watched for."""

    def to_json(self) -> dict[str, Json]:
        """Return plain data, as stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> StageDefinition:
        """Read what `to_json` gave, also by an older version (what is unknown is left out)."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        for name in ("depends_on", "outputs", "inputs", "resume_args", "resume_run", "command"):
            if isinstance(known.get(name), list):
                known[name] = tuple(known[name])
        if known.get("metrics") is not None:
            known["metrics"] = tuple(MetricSource(**source) for source in known["metrics"])
        known["alerts"] = tuple(Alert(**alert) for alert in known.get("alerts", ()))
        if known.get("checkpoint") is not None:
            known["checkpoint"] = CheckpointRule(**known["checkpoint"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline: its stages in the file's order, matrices expanded, every name resolved."""

    name: str
    stages: tuple[StageDefinition, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    """The file's values with `-p` over them; scalars as text as written."""
    file: str | None = None
    """Absolute path of the file; None: standard input, a bare command, or the Python API."""
    text: str = ""
    """The file as it was read (for a bare command or the API: the equivalent file)."""
    digest: str = ""
    """SHA-256 of `text`, in hex."""
    directory: str = "."
    """Absolute: what relative paths are relative to."""
    snapshot: bool = False
    """Whether it runs from a copy of its code, made as it is submitted."""

    def stage(self, name: str) -> StageDefinition:
        """Return the stage of this full name; KeyError where there is none."""
        return next_or_key_error(self.stages, name)

    def with_stages(self, stages: tuple[StageDefinition, ...]) -> Pipeline:
        """Return the same pipeline with other stages."""
        return replace(self, stages=stages)


def next_or_key_error(stages: tuple[StageDefinition, ...], name: str) -> StageDefinition:
    """Return the stage called `name`, or raise KeyError."""
    for stage in stages:
        if stage.name == name:
            return stage
    raise KeyError(name)
