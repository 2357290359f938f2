"""Frozen records of runs, stages, attempts and events, returned by the store.

Times are microseconds since 1970 in UTC (`trainui.clock`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.model.states import ENDED, WAITING, Status
from trainui.record import dataclass

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition


@dataclass(frozen=True, slots=True)
class PruningReason:
    """A pruner's decision to stop a trial."""

    by: str
    """The pruner, as in the pipeline file: `median`, `hyperband`."""
    metric: str
    step: int
    """The step of the value."""
    value: float
    lower: bool
    """True if lower values are better."""
    best: bool = False
    """True if `value` is the best up to `step`, and not the value at it."""
    by_index: bool = False
    """True if `step` is the number of the value, since the metric has no steps."""
    rule: str | None = None
    """The measure that the value was compared with: `the median`; None: the pruner does not say."""
    limit: float | None = None
    """The value that it was compared with."""
    of: int | None = None
    """The number of trials that were compared."""
    in_epochs: bool = False
    """True if `step` is an epoch."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PruningReason:
        """Return the record from its JSON; fields of later versions are left out."""
        return cls(**{one.name: data[one.name] for one in fields(cls) if one.name in data})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return asdict(self)

    @property
    def place(self) -> dict[str, Any]:
        """The metric, and the step if it is one, for a mark on its curve."""
        return {"metric": self.metric} | ({} if self.by_index else {"step": self.step})

    @property
    def words(self) -> str:
        """The sentence, e.g. `0.412 at step 2,000 is above the median 0.287 of 7`."""
        unit = "value" if self.by_index else "epoch" if self.in_epochs else "step"
        where = f"{unit} {self.step:,}"
        if self.value != self.value:
            return f"{self.metric} is NaN at {where}"
        start = f"{self.value:.4g}{', the best by' if self.best else ' at'} {where}"
        start += "," if self.best else ""
        if self.rule is None:
            return f"{start} was pruned by {self.by}"
        limit = "" if self.limit is None else f" {self.limit:.4g}"
        of = "" if self.of is None else f" of {self.of:,}"
        above = self.lower if self.limit is None else self.value > self.limit
        return f"{start} is {'above' if above else 'below'} {self.rule}{limit}{of}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot to run on: one GPU, or one CPU slot of a host."""

    host: str
    kind: str
    """`cpu` or `gpu`."""
    index: int
    """A GPU's index in PCI order, or the number of a CPU slot, from 0."""

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"


class HostView(NamedTuple):
    """This host as seen by waiting stages, if several hosts share a database."""

    host: str
    queues: tuple[str, ...] = ()
    """The queues that it serves."""
    place: str | None = None
    """Identity of its runs directory; the host runs stages of every run that is stored there."""


class HostRecord(NamedTuple):
    """A host whose worker has registered."""

    name: str
    home: str
    """Identity of its worker's home directory."""
    seconds: float
    """Seconds since its last heartbeat, by the database's clock."""
    place: str | None
    slots: tuple[Mapping[str, Any], ...]
    """Each is `{"kind", "index"}`; GPUs also have the driver's latest values, if known: `name`,
    `memory`, `used`, `utilisation`, `temperature`, `power`, `user`, `problem`."""
    queues: tuple[str, ...]


OWN = "own"
"""The kind of a run that trainui executes."""

LOCAL = "local"
"""The executor that starts processes on the worker's own machine."""

NOT_STARTED_BY_US = "none"
"""The executor of an attempt of an external run."""


class AttemptRecord(NamedTuple):
    """An attempt to execute a stage."""

    id: int
    stage_id: str
    number: int
    """Counted from 1."""
    status: Status
    celery_task_id: str | None
    directory: str
    """Absolute; `.trainui/STAGE/attempt-N` in the run's directory (`paths.attempt_directory`)."""
    slots: tuple[Slot, ...]
    granted_at: int
    """Time when the planner assigned its slots."""
    started_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    checkpoint: str | None = None
    """Absolute path of the checkpoint it continued from."""
    cancel_requested_at: int | None = None
    metrics_complete: bool = False
    """True: its metric sources were read to the end after its process ended."""
    result: Any = None
    definition: StageDefinition | None = None
    """The definition it ran with, if the stage was edited since; None: the stage's."""
    digest: str | None = None
    """Digest of the pipeline it ran with, if the run was edited since; None: the run's."""
    inputs: Mapping[str, Any] | None = None
    """Path -> state of each input when it started (`pipeline.rules.fingerprint`)."""
    kept: Mapping[str, Any] | None = None
    """The fingerprint that the user kept its result for with `--keep`."""
    code_change: str | None = None
    """Description of how its code differs from the submitted code."""
    host: str = ""
    """The host it runs or ran on."""
    stop_reason: str | None = None
    """Description of the alert that stopped it; None: not stopped by an alert."""
    stops_early: bool = False
    """True if this alert ends it on purpose: its stage completes."""
    restarts: bool = False
    """True: this alert has it retried, within its stage's retries."""
    secret_changes: tuple[str, ...] = ()
    """Later edits of secret values that it ran with, as masked texts."""
    pruning: PruningReason | None = None
    """Why its search's pruner requested its end; None: it did not."""
    executor: str = LOCAL
    """The executor that started its processes."""

    @property
    def is_external(self) -> bool:
        """True if trainui did not start it."""
        return self.executor == NOT_STARTED_BY_US

    @property
    def waits_elsewhere(self) -> bool:
        """True if its executor has accepted it, and no start is on record."""
        is_elsewhere = self.executor not in (LOCAL, NOT_STARTED_BY_US)
        return is_elsewhere and self.status == Status.RUNNING and self.pid is None

    @property
    def is_unread(self) -> bool:
        """True if it ran and has ended, and its metrics were not read to their end yet."""
        return self.status in ENDED and self.started_at is not None and not self.metrics_complete

    @property
    def gpus(self) -> list[int]:
        """Indices of its GPUs."""
        return [slot.index for slot in self.slots if slot.kind == "gpu"]

    @property
    def stop_status(self) -> Status:
        """The state in which it ends if it is stopped on request.

        One that stops early has completed only if its outputs exist, which is not known here.
        """
        if self.pruning is not None:
            return Status.PRUNED
        if self.stops_early:
            return Status.INTERRUPTED
        return Status.CANCELLED if self.stop_reason is None else Status.FAILED

    @property
    def stop_words(self) -> str | None:
        """Why it was stopped; None: a user cancelled it."""
        return self.stop_reason if self.pruning is None else self.pruning.words


class WaitReason(NamedTuple):
    """Why a queued stage waits."""

    words: str
    host: str | None = None
    """The host that gives this reason, if several hosts share the database."""


class StageRecord(NamedTuple):
    """A stage of a run, with the outcome of its last attempt."""

    id: str
    run_id: str
    position: int
    """Index in file order, from 0."""
    name: str
    status: Status
    reason: str | None
    """Explanation of its state, if needed."""
    definition: StageDefinition
    directory: str
    """Absolute."""
    attempt: int
    """Number of the last attempt; 0 before the first."""
    celery_task_id: str | None = None
    started_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    result: Any = None
    error: str | None = None
    stalled: bool = False
    retries_used: int = 0
    """Number of automatic retries since a user last started or resumed it."""
    not_before: int | None = None
    """Earliest start of its retry."""
    removed: bool = False
    """True: it was removed from the run's file by an edit."""
    reason_host: str | None = None
    """The host that gave the reason, if several hosts share the database."""
    executor: str = LOCAL
    """The executor that starts its processes."""
    stalls_after: float | None = None
    """Seconds of silence after which it is stalled, once it was silent for half of that."""
    earlier: int = 0
    """Microseconds that those attempts ran together whose times are not in this record."""
    began_at: int | None = None
    """Start of its first attempt, if the reader computed it."""
    lost_at: int | None = None
    """The last sign of life of a running stage that is lost (`Lost`)."""
    fresh: bool = False
    """True if its next attempt starts in a new directory."""

    @property
    def since(self) -> int | None:
        """Start of its first attempt; None: none has started."""
        return self.started_at if self.began_at is None else self.began_at

    @property
    def has_earlier(self) -> bool:
        """True if it has attempts whose times are not in this record: it was retried or resumed."""
        return self.attempt > 1 or (self.attempt == 1 and self.status in WAITING)

    @property
    def interval(self) -> tuple[int, int | None] | None:
        """Start and end of its last attempt, with no end while it runs; None: it has not started.

        A lost attempt ended with its last sign of life.
        """
        if self.started_at is None:
            return None
        return self.started_at, self.lost_at if self.completed_at is None else self.completed_at

    def worked_until(self, now: int) -> int | None:
        """Return the microseconds that its attempts ran together; None if none has started."""
        if self.started_at is None:
            return self.earlier or None
        end = self.completed_at
        if end is None and self.status == Status.RUNNING:
            end = now if self.lost_at is None else self.lost_at
        return self.earlier + (0 if end is None else max(end - self.started_at, 0))

    def as_ran(self, last: AttemptRecord | None) -> StageRecord:
        """Return it with the definition that its last attempt ran with; unchanged if it waits."""
        if last is None or last.definition is None or self.status in WAITING:
            return self
        return self._replace(definition=last.definition)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Full names of its upstream stages."""
        return self.definition.depends_on

    @property
    def is_unasked(self) -> bool:
        """True if it is a trial whose search has not chosen its values yet."""
        return self.definition.trial is not None and not self.definition.trial_params

    @property
    def hangs(self) -> bool:
        """True if it runs and is stalled."""
        return self.stalled and self.status == Status.RUNNING and self.lost_at is None

    @property
    def is_silent(self) -> bool:
        """True if it runs and is silent, but not for long enough to be stalled."""
        is_running = self.status == Status.RUNNING and self.lost_at is None
        return is_running and self.stalls_after is not None and not self.stalled

    @property
    def is_withdrawn(self) -> bool:
        """True if it is a trial that an edit of the file removed before it was asked for."""
        return self.removed and self.is_unasked


class Loss(NamedTuple):
    """A running stage that is lost: nobody watches it, and none of its processes is left."""

    run_id: str
    at: int
    """Its last sign of life."""
    words: str
    """Since when nobody watches it, and what finds out how it ended."""
    is_elsewhere: bool = False
    """True: it is on a host that fell silent, so its processes cannot be seen from here."""


class Lost(NamedTuple):
    """Stages and runs recorded as running, of which only the next worker learns how they ended."""

    stages: Mapping[str, Loss] = {}
    """By id."""
    runs: Mapping[str, Loss] = {}
    """Runs whose running stages are all lost, by id, each with the latest sign of life."""

    def marked(self, stages: Iterable[StageRecord]) -> list[StageRecord]:
        """Return stages with the lost ones marked, and the words as their reason."""
        return [
            stage
            if (loss := self.stages.get(stage.id)) is None
            else stage._replace(lost_at=loss.at, reason=loss.words)
            for stage in stages
        ]


class RunRecord(NamedTuple):
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
    """Higher runs first."""
    external: Mapping[str, Any] | None = None
    """Of an external run: `kind`, `path`, `pid`, a study's `objective`; None: trainui runs it."""
    origin: str | None = None
    """The id of the run that it came from (`run --from`)."""
    note: str | None = None
    """The newest note on it."""
    verdict: str | None = None
    """The last verdict on it: `keep` or `discard`."""
    original: str | None = None
    """The home that it belongs to, if this one is a copy and does not have its directory."""
    kind: str = OWN
    """`own`, or which trainings of others it shows, as in `external`."""
    started_by: str | None = None
    """The kind of agent that submitted it, `mcp` or `agent`; None: a person."""

    @property
    def is_external(self) -> bool:
        """True if trainui did not start it."""
        return self.kind != OWN


class Event(NamedTuple):
    """An event of a run or of one of its stages."""

    time: int
    stage: str | None
    attempt: int | None
    kind: str
    """A stable identifier: `submitted`, `queued`, `started`, `failed`, `stalled`, ..."""
    text: str


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """Statistics of a metric's series over all attempts."""

    stage: str
    """The stage's full name, or the job's id if it has no stage."""
    name: str
    count: int
    """Number of valid points, including NaN and infinities."""
    superseded: int
    """Number of points replaced by a later attempt."""
    first_step: int | float | None
    last_step: int | float | None
    last: float | None
    """Last value; may be NaN or infinite."""
    min: float | None
    """Minimum of the finite values."""
    max: float | None
    nonfinite: int


@dataclass(frozen=True, slots=True)
class RemainingTime:
    """The estimated remaining time of a run."""

    seconds: float
    whole: bool
    """True if every stage has an estimate; otherwise `seconds` is a lower bound."""
