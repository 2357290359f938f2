"""Pipeline definitions: frozen records, made by the loader and kept in the store.

A definition consists of plain data that can be converted to JSON and back without loss. A `search`
names samplers, pruners and their options as the plugin for searches names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, replace
from typing import TYPE_CHECKING, Any

from trainui.record import dataclass

if TYPE_CHECKING:
    from decimal import Decimal

DEFAULT_GRACE = 30.0
"""Seconds between the stop signal and KILL, if the pipeline file gives none."""

Scalar = str | int | float | bool | None
"""A value of a parameter."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers between two ends, both included."""

    low: float
    """The lowest value; an int if `whole`."""
    high: float
    """The highest value; an int if `whole`."""
    log: bool = False
    """True: sample the logarithm uniformly."""
    step: float | None = None
    """Distance between values; None: every number, or every whole number."""
    whole: bool = False
    """True: whole numbers only."""

    @property
    def size(self) -> int | None:
        """The number of values; None: not finite."""
        step = self.step or (1 if self.whole else None)
        if step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) // _exact(step)) + 1

    def grid(self) -> tuple[float, ...]:
        """Return all values, ints if `whole`; empty if they are not finite."""
        first, step = _exact(self.low), _exact(self.step or 1)
        kind = int if self.whole else float
        return tuple(kind(first + step * index) for index in range(self.size or 0))

    def __str__(self) -> str:
        step = "" if self.step is None else f" step {self.step}"
        return f"{self.low}..{self.high}{step}" + (" log" if self.log else "")

    def text(self, value: Scalar) -> str:
        """Return a value as it is written into commands; a text is from before an edit."""
        return value if isinstance(value, str) else repr(value)


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of values without an order."""

    values: tuple[Scalar, ...]
    """The values as YAML types them, which Optuna gets; no two are equal."""
    written: tuple[str, ...] = ()
    """The same as written in the file."""

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    def grid(self) -> tuple[Scalar, ...]:
        """Return all values."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(map(self.text, self.values))

    def text(self, value: Scalar) -> str:
        """Return a value as it is written into commands: as the file writes it."""
        known = dict(zip(self.values, self.written, strict=False))
        return known.get(value, str(value))


@dataclass(frozen=True, slots=True)
class Prune:
    """The rule that stops trials early."""

    by: str
    """Its full name, e.g. `MedianPruner`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its keyword arguments, e.g. `n_startup_trials`; for `PatientPruner` without the pruner."""
    wrapped: Prune | None = None
    """For `PatientPruner`: the pruner that it wraps."""

    def __str__(self) -> str:
        options = (f"{name}={value}" for name, value in self.options.items())
        wrapped = () if self.wrapped is None else (str(self.wrapped),)
        return " ".join((self.by, *options, *wrapped))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The results of a search that the stages which depend on it may use."""

    best_trial: int | None = None
    """The number of the best trial; None: none has completed."""
    best_dir: str | None = None
    """Its directory."""
    best_params: Mapping[str, Scalar] = field(default_factory=dict)
    """Its values."""
    best_texts: Mapping[str, str] = field(default_factory=dict)
    """The same as they are written into commands."""
    dirs: tuple[str, ...] = ()
    """The directories of all trials that have completed, in order."""
    best_checkpoint: str | None = None
    """Of an evaluation of each checkpoint: the path of the best one."""
    best_step: str | None = None
    """Its step."""


@dataclass(frozen=True, slots=True)
class Search:
    """A space to search and its goal; without a space it prunes the members of a matrix."""

    metric: str
    """The metric whose best value is the objective."""
    goal: str
    """`minimize` or `maximize`."""
    space: Mapping[str, Range | Choices] = field(default_factory=dict)
    """Parameter -> its values, in file order; empty with a matrix."""
    trials: int | None = None
    """Number of trials; None with a matrix."""
    sampler: str = ""
    """Its full name; empty: the searcher's first."""
    sampler_options: Mapping[str, Any] = field(default_factory=dict)
    """The sampler's keyword arguments, without its seed."""
    prune: Prune | None = None
    """None: every trial runs to its end."""
    seed: int | None = None
    """The sampler's seed; None: not reproducible."""
    searcher: str = ""
    """The plugin that decides; empty: the first one."""

    @property
    def asks(self) -> bool:
        """True if trials are asked for one by one; False: the members are those of a matrix."""
        return bool(self.space)

    def texts(self, params: Mapping[str, Scalar]) -> dict[str, str]:
        """Return a trial's values as they are written into commands."""
        known = {name: self.space.get(name) for name in params}
        return {
            name: values.text(params[name]) if values else str(params[name])
            for name, values in known.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Search:
        """Read the plain data of a stored definition; unknown fields are ignored."""
        known = _known(cls, data)
        known["space"] = {name: _values(one) for name, one in (data.get("space") or {}).items()}
        known["prune"] = _prune(data.get("prune"))
        return cls(**known)


def _exact(number: float) -> Decimal:
    """Return the number that its shortest text stands for, as Optuna does for steps."""
    from decimal import Decimal  # late: each command imports this module

    return Decimal(str(number))


def _values(data: Mapping[str, Any]) -> Range | Choices:
    if "values" in data:
        return Choices(tuple(data["values"]), tuple(data.get("written", ())))
    return Range(**_known(Range, data))


def _prune(data: Mapping[str, Any] | None) -> Prune | None:
    if data is None:
        return None
    return Prune(**_known(Prune, data) | {"wrapped": _prune(data.get("wrapped"))})


def _known(record: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in record.__dataclass_fields__ if name in data}


Json = Any
"""A JSON value."""


ALERT_CONDITIONS = ("nan", "above", "below", "no_improvement", "stalled")
"""Conditions of alerts."""

ALERT_ACTIONS = ("mark", "notify", "stop", "restart")
"""Actions of alerts; each includes the ones before it."""


@dataclass(frozen=True, slots=True)
class MetricSource:
    """A source of metrics: a path or glob, or a stream with a pattern."""

    path: str | None = None
    """A path or glob, searched for in the stage's directory, then in its workdir."""
    format: str | None = None
    """A format's name; None: detected from the content."""
    step: str | None = None
    """The field or group that contains the step."""
    stream: str | None = None
    """`stdout` or `stderr`, used with `pattern` instead of a path."""
    pattern: str | None = None
    """A pattern with named groups, or a preset's name."""
    restarts: str | None = None
    """`continue`: if an attempt restarts its step counter at 0, add the last step before it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert on a stage's metrics: a condition and an action."""

    condition: str
    """One of `ALERT_CONDITIONS`."""
    metric: str = "*"
    """A metric's name; `*` matches any characters, `?` matches one."""
    limit: float = 0.0
    """The threshold; or points without improvement; or multiple of the usual interval (0: as
    a stage is stalled without any alert)."""
    goal: str = "min"
    """`min` (lower is better) or `max`."""
    after: float | None = None
    """Ignore points before this step; None: use all points."""
    action: str = "notify"
    """One of `ALERT_ACTIONS`."""


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """Which files or directories are checkpoints, and when a directory is complete."""

    glob: str
    """Relative to the stage's directory."""
    complete: str | None = None
    """A file that a checkpoint directory contains only once the checkpoint is complete."""


@dataclass(frozen=True, slots=True)
class EachCheckpoint:
    """The evaluation of a training's checkpoints: its members are made as they appear."""

    stage: str
    """The full name of the training stage, e.g. `train[lr=0.1]`."""
    newest: bool = False
    """True: of the checkpoints that wait, only the newest is evaluated."""
    metric: str | None = None
    """The metric by which a checkpoint is the best one; None: the usual one of its metrics."""
    goal: str | None = None
    """`minimize` or `maximize`; None: as the metric's name says."""
    member_of: str | None = None
    """Of a member, which evaluates one checkpoint: the full name of the stage that gathers them."""


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """A stage or one member of a sweep; `${...}` variables are substituted at submission."""

    name: str
    """Its full name, e.g. `train[lr=0.3,seed=1]`."""
    group: str = ""
    """The name in the file, e.g. `train`; equal to `name` without a matrix."""
    matrix: Mapping[str, str] | None = None
    """This member's values, as text; None: no matrix."""
    over: str | None = None
    """The key of the matrix whose members are folded into one, e.g. `seed`; None: none is."""
    search: Search | None = None
    """The search whose trials are the members, or that prunes the members of a matrix."""
    trial: int | None = None
    """This member's number, from 0 on; None: not a trial."""
    trial_params: Mapping[str, Json] | None = None
    """The values of this trial: what `${search.NAME}` stands for; None: not asked for yet."""
    each_checkpoint: EachCheckpoint | None = None
    """The checkpoints that it evaluates; None: it is no evaluation of each checkpoint."""
    command: str | tuple[str, ...] | None = None
    """`run`: shell text or an argument list. None for a task."""
    task: str | None = None
    """A registered Celery task or an importable function. None for a command."""
    params: Mapping[str, Json] = field(default_factory=dict)
    """The task's keyword arguments."""
    depends_on: tuple[str, ...] = ()
    """Full names of the stages that must have completed."""
    workdir: str = "."
    """Working directory; absolute after loading."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, added to those of the submitting shell."""
    python: str | None = None
    """An interpreter or an environment's directory; None: the submitting shell's python."""
    cpus: int = 1
    """CPU slots needed; used only if gpus is 0."""
    gpus: int = 0
    """Number of GPUs, for exclusive use."""
    gpu_memory: int | None = None
    """Minimum memory of each GPU in bytes."""
    host: str | None = None
    """Run only on this host; None: any."""
    queue: str | None = None
    """Run only on hosts that serve this queue; None: any."""
    executor: str = "local"
    """The executor that starts its processes: this machine, or a plugin's name."""
    executor_options: Mapping[str, Json] = field(default_factory=dict)
    """The options for that plugin."""
    retries: int = 0
    """Maximum number of automatic retries since a user last started or resumed the stage."""
    retry_delay: float = 0.0
    """Seconds before the first retry; doubled for each further one, up to a day."""
    timeout: float | None = None
    """Time limit of an attempt in seconds."""
    budget: float | None = None
    """Seconds after which an attempt is stopped and has completed if its outputs exist."""
    silence_timeout: float | None = None
    """Time limit without output on stdout or stderr, in seconds."""
    stall_after: float | None = None
    """Seconds without output until it is stalled, before its usual interval is known; 0: never;
    None: as the setting of the same name."""
    stop_signal: str = "TERM"
    """Signal sent first to stop the process."""
    grace: float = DEFAULT_GRACE
    """Seconds between the stop signal and KILL."""
    metrics: tuple[MetricSource, ...] | None = None
    """None: discover the usual files automatically."""
    checkpoint: CheckpointRule | None = None
    """The checkpoints it can continue from."""
    resume_args: tuple[str, ...] | None = None
    """Appended to the command if there is a complete checkpoint."""
    resume_run: str | tuple[str, ...] | None = None
    """Replaces the command if there is a complete checkpoint."""
    outputs: tuple[str, ...] = ()
    """Paths or globs that the attempt must have created to count as completed."""
    success: str | None = None
    """A regular expression that must match in stdout or stderr."""
    inputs: tuple[str, ...] = ()
    """Files or directories that it reads; checked before it starts."""
    allow_failure: bool = False
    """True: dependants start even if this stage fails."""
    alerts: tuple[Alert, ...] = ()
    """Alerts on its metrics."""

    @property
    def is_local(self) -> bool:
        """True: it runs on the worker's own machine, in its slots."""
        return self.executor == "local"

    @property
    def may_fail(self) -> bool:
        """True: dependants start even if it fails, as they do for a trial of a search."""
        return self.allow_failure or self.trial is not None

    @property
    def gathers(self) -> bool:
        """True: it runs nothing itself, and ends after the evaluations that are its members."""
        return self.each_checkpoint is not None and self.each_checkpoint.member_of is None

    @property
    def objective(self) -> Search | None:
        """The metric and the goal of its search, or of its evaluation of checkpoints, if any."""
        each = self.each_checkpoint
        if self.search is None and each is not None and each.metric and each.goal:
            return Search(each.metric, each.goal)
        return self.search

    @property
    def member_values(self) -> dict[str, str]:
        """As text, the values of a sweep member: those of its matrix, and of its search."""
        found = self.search.texts(self.trial_params or {}) if self.search else {}
        return {**(self.matrix or {}), **found}

    def to_json(self) -> dict[str, Json]:
        """Return plain data for storage; mappings in it are those of the definition."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__}
        # only these have records in them: `asdict` of all fields takes five times as long
        for name in ("search", "checkpoint", "each_checkpoint"):
            known[name] = known[name] and asdict(known[name])
        for name in ("metrics", "alerts"):
            known[name] = known[name] and tuple(asdict(one) for one in known[name])
        return known

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> StageDefinition:
        """Read the result of `to_json`, also of another version (unknown fields are ignored)."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        for name in ("depends_on", "outputs", "inputs", "resume_args", "resume_run", "command"):
            if isinstance(known.get(name), list):
                known[name] = tuple(known[name])
        if known.get("metrics") is not None:
            known["metrics"] = tuple(MetricSource(**source) for source in known["metrics"])
        known["alerts"] = tuple(Alert(**alert) for alert in known.get("alerts", ()))
        if known.get("checkpoint") is not None:
            known["checkpoint"] = CheckpointRule(**known["checkpoint"])
        if known.get("each_checkpoint") is not None:
            known["each_checkpoint"] = EachCheckpoint(**known["each_checkpoint"])
        if known.get("search") is not None:
            known["search"] = Search.from_json(known["search"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline: its stages in file order, with matrices expanded and names resolved."""

    name: str
    stages: tuple[StageDefinition, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    """The file's values overridden by `-p`; scalars as text."""
    file: str | None = None
    """Absolute path of the file; None: standard input, a bare command, or the Python API."""
    text: str = ""
    """The text of the file; for a bare command or the API, of the equivalent file."""
    digest: str = ""
    """SHA-256 of `text`, in hex."""
    directory: str = "."
    """Base directory of relative paths; absolute."""
    snapshot: bool = False
    """True: run from a copy of the code made at submission."""

    def stage(self, name: str) -> StageDefinition:
        """Return the stage with this full name; raise KeyError if there is none."""
        return {stage.name: stage for stage in self.stages}[name]

    def with_stages(self, stages: tuple[StageDefinition, ...]) -> Pipeline:
        """Return the same pipeline with other stages."""
        return replace(self, stages=stages)
