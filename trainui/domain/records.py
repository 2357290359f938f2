"""What has happened: frozen records of runs, stages and attempts, as the store hands them out.

Times are microseconds since 1970 in UTC (`trainui.clock`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to run on a host: one GPU, or one CPU place."""

    host: str
    kind: str
    """`cpu` or `gpu`."""
    index: int
    """A GPU's index in PCI order, or the number of a CPU place, from 0 on."""

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"


@dataclass(frozen=True, slots=True)
class Here:
    """What a host is to the stages that wait, where several hosts share a database."""

    host: str
    queues: tuple[str, ...] = ()
    """The queues that it serves."""
    place: str | None = None
    """The identity of its directory of runs: it runs stages of runs that lie there, whoever
    submitted them."""


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A host whose worker has announced itself."""

    name: str
    home: str
    """Identity of the home whose worker it is."""
    seconds: float
    """Since it was last heard of, by the database's clock."""
    place: str | None
    slots: tuple[Mapping[str, Any], ...]
    """Each `{"kind", "index"}`, GPUs also with what the driver last told there: `name`, `memory`,
    `used`, `utilisation`, `temperature`, `power`, `user`, `problem`, as far as known."""
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try of a stage."""

    id: int
    stage_id: str
    number: int
    """From 1 on."""
    status: Status
    celery_task_id: str | None
    directory: str
    """Absolute: `.trainui/STAGE/attempt-N` in the run's directory (`paths.attempt_directory`)."""
    slots: tuple[Slot, ...]
    granted_at: int
    """When the planner gave it its slots."""
    started_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    checkpoint: str | None = None
    """Absolute path of what it continued from."""
    cancel_requested_at: int | None = None
    metrics_complete: bool = False
    """Whether its sources were read to their end after its process ended."""
    result: Any = None
    definition: StageDefinition | None = None
    """What it ran with, where its stage was edited since; None: the stage's own."""
    digest: str | None = None
    """Of the pipeline that it ran of, where the run's was edited since; None: the run's own."""
    inputs: Mapping[str, Any] | None = None
    """The state of its stage's inputs as it started (`pipeline.input_state`), by path."""
    kept: Mapping[str, Any] | None = None
    """What a person took its result for with `--keep` (`pipeline.fingerprint`)."""
    code_change: str | None = None
    """How the code that it started with differs from what was submitted, in words."""
    host: str = ""
    """Where it runs or ran."""
    stop_reason: str | None = None
    """What an alert found, where one asked for its end; None: a person did, or nobody."""
    secret_changes: tuple[str, ...] = ()
    """Edits since of secret values that it ran with, in masked words."""

    @property
    def gpus(self) -> list[int]:
        """Indices of the GPUs that it has or had."""
        return [slot.index for slot in self.slots if slot.kind == "gpu"]


class WaitReason(NamedTuple):
    """Why a queued stage waits."""

    words: str
    host: str | None = None
    """The host that says so, where another one may have another reason."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage of one run, with its last attempt's outcome."""

    id: str
    run_id: str
    position: int
    """From 0 on, in the file's order."""
    name: str
    status: Status
    reason: str | None
    """Why it is in this state, in words, where that is not plain."""
    definition: StageDefinition
    directory: str
    """Absolute."""
    attempt: int
    """Number of the last attempt; 0 before the first."""
    celery_task_id: str | None
    started_at: int | None
    completed_at: int | None
    exit_code: int | None
    result: Any
    error: str | None
    stalled: bool
    retries_used: int
    """Automatic attempts since a person last started or resumed it."""
    not_before: int | None
    """A retry waits until then."""
    removed: bool = False
    """The run's file, as edited since, has it no more."""
    reason_host: str | None = None
    """The host that gave the reason, where another one may have another."""

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Full names of its upstream stages."""
        return self.definition.depends_on


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of a pipeline."""

    id: str
    name: str
    status: Status
    created_at: int
    started_at: int | None
    completed_at: int | None
    directory: str
    """Absolute."""
    pipeline: str
    """The pipeline's name."""
    file: str | None
    """Absolute path of its file."""
    digest: str
    params: Mapping[str, Any]
    priority: int = 0
    """Higher goes first."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run or one of its stages."""

    time: int
    stage: str | None
    attempt: int | None
    kind: str
    """A short, stable word: `submitted`, `queued`, `started`, `ended`, `retry`, ..."""
    text: str


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series, its attempts stitched, in figures."""

    stage: str
    """The stage's full name, or the job's id where there is no stage."""
    name: str
    count: int
    """Points that count, NaN and infinities among them."""
    superseded: int
    """Points that a later attempt replaced."""
    first_step: int | float | None
    last_step: int | float | None
    last: float | None
    """NaN and infinities as they are."""
    min: float | None
    """Over finite values."""
    max: float | None
    nonfinite: int
