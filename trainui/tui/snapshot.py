"""The poller's snapshot: what the screen shows, and the queries of pages that it answers.

All of it is frozen, so that threads can share it. First a run's page: its stages, and the details
of the selected one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from trainui import clock
from trainui.model.headline_metric import ComparedMetric, may_lead
from trainui.model.records import Lost, RemainingTime
from trainui.record import dataclass
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.store.read.time_worked import TimeWorked
from trainui.system import DiskSpace
from trainui.text import harmless, to_go_words
from trainui.tui.numbers import step

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition
    from trainui.model.records import AttemptRecord, Event, Loss, RunRecord, StageRecord
    from trainui.store.read.run_history import PastRun
    from trainui.store.read.sweeps import TrialSummary
    from trainui.store.read.views import Holder
    from trainui.tui.curve_data import Curves, CurvesWanted

PERIOD, HISTORY = 2.0, 120
"""Seconds between two polls (the driver's figures are averages over up to one), and the number of
samples kept: four minutes."""


class Eta(NamedTuple):
    """An estimated end time."""

    at: int
    """Microseconds since 1970."""
    whole: bool
    """True if all parts have an estimate; else `at` is a lower bound."""

    def words(self, now: int) -> str:
        """Return the time left from now as text."""
        return to_go_words(RemainingTime(max(self.at - now, 0) / clock.SECOND, self.whole))


class RunEta(NamedTuple):
    """The estimated end of a run and of its running stages."""

    run: Eta | None
    stages: Mapping[str, Eta]
    """By the full name of a running stage."""


SMOOTHED = "smoothed:"
"""Before a metric's stored name: of its smoothed values the last one is meant."""


class StageValue(NamedTuple):
    """A stage's value of a metric."""

    value: float
    """The best one; the last one if it is unknown which is better."""
    is_broken: bool
    """True if the metric has NaN or infinities, so that the stage ranks behind all others."""
    is_curve: bool = True
    """False for a single number, which ranks behind curves."""


class RunValues(NamedTuple):
    """A metric's value of every run that has one."""

    values: Mapping[str, float]
    """By run id; NaN if the metric has NaN or infinities."""
    lower: bool | None
    """True if lower is better: by the goal of the newest search for it, else by its name."""


def metric_title(metric: ComparedMetric) -> str:
    """Return a metric and which of its values is meant: `val/loss best`."""
    return f"{harmless(metric.name)} {metric.word}"


NOTHING: Mapping[Any, Any] = MappingProxyType({})


class LogProgress(NamedTuple):
    """The progress that a log's last lines show, e.g. `epoch 27/30`."""

    unit: str
    done: int
    total: int
    """0: unknown."""
    seconds: int | None = None
    """How long a progress bar has run by its own clock; None: it is no bar."""
    inner: tuple[int, int] | None = None
    """How much of the current unit is done, e.g. batches of an epoch."""

    @property
    def words(self) -> str:
        """Return e.g. `epoch 4/14, 352 of 360`."""
        shown = f"{self.unit} {self.done:,}" + (f"/{self.total:,}" if self.total else "")
        return shown if self.inner is None else f"{shown}, {self.inner[0]:,} of {self.inner[1]:,}"

    def covers(self, spent: float) -> bool:
        """Return False for a bar that began late in these seconds: there are others to come."""
        return self.seconds is None or 2 * self.seconds >= spent


class StageActivity(NamedTuple):
    """The activity of one attempt of a stage."""

    output_at: int | None = None
    """When stdout or stderr was last written, in microseconds; None: nothing was written."""
    checkpoint: str = ""
    """The name of the newest checkpoint; empty: none."""
    checkpoint_at: int | None = None
    progress: LogProgress | None = None
    """None: the log shows none, or the stage is not running."""
    metric: str = ""
    """The headline metric with its best and last values, as text."""
    nonfinite: str = ""
    """The metrics with NaN or infinite values, and since when, as text."""
    alerts: str = ""
    """The newest other alerts of the attempt, as text."""


class StageFile(NamedTuple):
    """A file in a stage's directory."""

    path: str
    """Relative to the stage's directory."""
    size: int
    changed_at: int
    """Microseconds since 1970."""
    role: str = ""
    """`output` or `checkpoint` if the pipeline file declares it, else empty."""


class StageFiles(NamedTuple):
    """The files of a stage's directory."""

    files: tuple[StageFile, ...] = ()
    """Declared ones first, then the newest first."""
    missing: tuple[str, ...] = ()
    """Declared outputs that do not exist."""
    cut: bool = False
    """True if the list was cut at `MOST` files."""
    directory: str = ""
    """The stage's, absolute; empty: on another machine."""
    attempt: int | None = None
    """The attempt that last wrote these files; None: any."""


class StageDetail(NamedTuple):
    """The data of the selected stage's details."""

    stage: str
    curves: Curves | None
    """None: not read yet."""
    problems: tuple[str, ...] = ()
    """Why metrics sources cannot be read."""
    searched_places: str = ""
    """Where metrics were looked for, if the stage has ended without any."""
    files: StageFiles | None = None
    """None: not requested."""
    events: tuple[Event, ...] | None = None
    """Events of the stage and its run; None: not requested."""
    commit: str = ""
    """The code version of the run, as text."""
    variables: str = ""
    """Names of environment variables that differ from the previous attempt."""
    checkpoint: str = ""
    """Why the last attempt did not continue from the newest checkpoint, as text."""
    cause: Mapping[str, Any] | None = None
    """Why the attempt shown failed, as in `show --json`; None: it did not, or nothing shows it."""
    filled: StageDefinition | None = None
    """The definition of the attempt with the results of searches; None: it uses none."""
    has_waiting_edit: bool = False
    """True if the stage runs, and an edit of it applies to a later attempt."""
    code_change: str = ""
    """How the code has changed since the submission, as text, if the stage has not started."""
    unknown_results: str = ""
    """Why the results of searches are not in it, as text."""
    activity: StageActivity | None = None
    """None: not requested."""
    summary: Mapping[str, Any] = NOTHING
    """What the stage's tracker recorded at its end."""
    own_parameters: Mapping[str, str] = NOTHING
    """The run's parameters that a sweep member has with other values."""
    plotted: str = ""
    """The stage of the curves: in a folded sweep another member, if this one has no metrics."""


class SearchDetail(NamedTuple):
    """The trials of a search."""

    trials: Mapping[str, TrialSummary]
    """The state of each trial that was asked for, by member name."""
    importance: Mapping[str, float]
    """Parameter -> its share of the objective's variation; empty if unknown."""


class MatrixDetail(NamedTuple):
    """The data of a folded sweep's details."""

    metric: str
    """The headline metric of its members; without control characters."""
    lower: bool | None
    """True if lower is better; None: unknown."""
    values: Mapping[str, float]
    """The best value by member name; the last value if the direction is unknown."""
    broken: frozenset[str] = frozenset()
    """Names of members with infinite values of the metric, or a NaN in any; never the best."""
    search: SearchDetail | None = None
    """None: the stage has no search."""
    smoothed: Mapping[str, float] | None = None
    """The last smoothed values by member name; None: the table shows `values`."""
    nan_since: Mapping[str, float] = NOTHING
    """By name of a member with a NaN in any metric, the step of the first one, where known."""
    nan_metrics: Mapping[str, str] = NOTHING
    """By the same names, the metric that had it."""
    others: Mapping[str, Mapping[str, StageValue]] = NOTHING
    """The values of further metrics by member name, by the titles of their columns."""
    best_step: float | None = None
    """The step of the best member's best value; None: unknown."""
    progress: Mapping[str, str] = NOTHING
    """How far each running member is, by its name: `epoch 86/125`."""
    in_epochs: frozenset[str] = frozenset()
    """The metrics whose steps are epochs; without control characters."""

    def unit(self, metric: str) -> str:
        """Return what the steps of a metric count: `step`, or `epoch`."""
        return "epoch" if metric in self.in_epochs else "step"

    @property
    def title(self) -> str:
        """The metric and which of its values is meant, e.g. `val/loss best`."""
        return f"{self.metric} {'last' if self.lower is None else 'best'}"

    @property
    def shown(self) -> Mapping[str, float]:
        """The values in the table, by which it is sorted."""
        return self.values if self.smoothed is None else self.smoothed

    @property
    def column(self) -> str:
        """The title of their column."""
        return self.title if self.smoothed is None else f"{self.metric} smoothed"

    def best_first(self, members: Iterable[StageRecord]) -> list[StageRecord]:
        """Return the members with a value, best first; those that cannot be the best at the end.

        Empty if the direction is unknown.
        """
        return self._sorted(members, self.values)

    def in_order(self, members: Iterable[StageRecord]) -> list[StageRecord]:
        """Return the members with a value in the table's order, like `best_first`."""
        return self._sorted(members, self.shown)

    def _sorted(
        self, members: Iterable[StageRecord], values: Mapping[str, float]
    ) -> list[StageRecord]:
        if self.lower is None:
            return []
        sign, known = (1 if self.lower else -1), [one for one in members if one.name in values]
        return sorted(known, key=lambda one: (not self.may_lead(one), sign * values[one.name]))

    def may_lead(self, member: StageRecord) -> bool:
        """Return False for a member that has a NaN, was pruned, or is a failed trial."""
        is_broken = member.name in self.broken
        return not is_broken and may_lead(member.status, member.definition.objective)


class RunPage(NamedTuple):
    """The data of a run's page."""

    run: RunRecord
    stages: tuple[StageRecord, ...]
    attempts: Mapping[str, list[AttemptRecord]] = NOTHING
    """The selected stage's attempts by its id, oldest first."""
    detail: StageDetail | None = None
    eta: RunEta | None = None
    """The estimated end."""
    group: MatrixDetail | None = None
    """The folded sweep under the cursor; None: no sweep, or it has no metrics."""
    alerts: Mapping[str, str] = NOTHING
    """By the name of a stage with alerts on its last attempt: `NaN`, `diverged` or `alert`."""
    worked: TimeWorked = TimeWorked()
    tries: Mapping[str, Sequence[tuple[int, int | None]]] = NOTHING
    """By the name of a stage with several attempts, the start and end of each."""
    lost: Loss | None = None
    """Of a running run whose running stages are all lost."""
    parent: str = ""
    """The name and the short id of the run that it came from (`--from`); empty: none."""
    more: int = 0
    """Number of further stages, which the next snapshot adds (large runs load in steps)."""
    seen_at: int | None = None
    """When its box was last heard, if that does not answer; else None."""

    @property
    def now(self) -> int:
        """The moment that it shows: now, or when a box that does not answer was last heard."""
        return clock.now() if self.seen_at is None else self.seen_at

    @property
    def stage_count(self) -> int:
        """Number of stages in the run."""
        return len(self.stages) + self.more


def as_attempt(stage: StageRecord, attempts: Sequence[AttemptRecord]) -> StageRecord:
    """Return a stage as it was in the last of these attempts."""
    if not attempts or attempts[-1].number == stage.attempt:
        return stage.as_ran(attempts[-1] if attempts else None)
    attempt = attempts[-1]
    return stage._replace(
        status=attempt.status,
        reason=(attempt.error or "").partition("\n")[0] or None,
        definition=attempt.definition or stage.definition,
        attempt=attempt.number,
        celery_task_id=attempt.celery_task_id,
        started_at=attempt.started_at,
        completed_at=attempt.completed_at,
        exit_code=attempt.exit_code,
        result=attempt.result,
        error=attempt.error,
        stalled=False,
        stalls_after=None,
        earlier=0,
        began_at=attempt.started_at,
        lost_at=None,
    )


Value = TypeVar("Value")

NOTHING_LOST = Lost()


def _all_curves() -> CurvesWanted:
    from trainui.tui.curve_data import CurvesWanted  # not needed for the list's first frame

    return CurvesWanted()


class DetailTab(IntEnum):
    """A detail tab of a stage; its value is the number on the tab, and the key."""

    OVERVIEW = 2
    PARAMS = 5
    OUTPUTS = 6
    EVENTS = 7

    @property
    def title(self) -> str:
        """The name on the tab."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of the list of runs."""

    rows: tuple[str, ...] = ()
    """Ids of the runs in view."""
    metrics: frozenset[str] = frozenset()
    """Names of the metrics by which the list is filtered or sorted."""
    listed: tuple[str, ...] = ()
    """Ids of the newest runs that match the filter; the columns follow from them."""
    details: bool = False
    """True if each run in view has a second line."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The query of a run's page."""

    run_id: str
    stage: str | None = None
    """The full name of the selected stage."""
    group: str | None = None
    """The folded sweep under the cursor."""
    smoothed: bool = False
    """True if the sweep's table shows and sorts by the last smoothed values."""
    attempt: int | None = None
    """The number of the stage's attempt to show; None: the last one."""
    curves: CurvesWanted | None = field(default_factory=_all_curves)
    """Which of the stage's metrics to read; None: none."""
    tab: DetailTab = DetailTab.OVERVIEW


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """The query of a metric's page."""

    run_id: str
    stage: str
    """Its name; empty: a run and a stage to compare the others with are to be chosen."""
    curves: CurvesWanted


@dataclass(frozen=True, slots=True)
class MachineQuery:
    """The query of the machine page."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The query of the last runs of a run's pipeline."""

    run_id: str


Query = ListQuery | RunQuery | MetricQuery | MachineQuery | HistoryQuery
"""The query of any page."""


def is_same_page(query: Query, other: Query) -> bool:
    """Return True for queries of the same kind of page, and of the same run."""
    runs = [getattr(one, "run_id", None) for one in (query, other)]
    return type(query) is type(other) and runs[0] == runs[1]


@dataclass(frozen=True, slots=True)
class GpuFigures:
    """A GPU's figures at one moment, as shown."""

    index: int
    user: str | None
    """The user of the GPU other than our stages, or the GPU's problem; None: none."""
    problem: bool = False
    utilisation: int | None = None
    """Per cent."""
    memory_used: int | None = None
    """GiB."""
    memory_total: int | None = None
    """GiB."""
    temperature: int | None = None
    """Degrees Celsius."""
    power: int | None = None
    """Watts."""
    name: str = ""
    """E.g. `NVIDIA H100 80GB HBM3`."""
    host: str = ""
    """Its host; empty: this one."""
    warning: str = ""
    """Why it is slow or its results may be wrong; empty: nothing is known."""

    @property
    def place(self) -> tuple[str, int]:
        """Its unique key: host and index."""
        return self.host, self.index


class DiskFigures(NamedTuple):
    """The disk that contains one of trainui's directories."""

    room: DiskSpace
    total: int
    """Bytes, without those reserved for root."""
    kind: str | None
    """The file system type, as named by the kernel."""


class MachineFigures(NamedTuple):
    """The machine's figures at one moment, with their recent history."""

    cores: tuple[int, ...]
    """Per cent for each CPU core."""
    usable: int
    """Number of CPU cores that this process may use (its affinity)."""
    load: float
    memory_used: int
    memory_total: int
    swap_used: int
    swap_total: int
    disks: tuple[DiskFigures, ...]
    cpu_history: tuple[float, ...] = ()
    """Per cent over all cores, oldest first."""
    memory_history: tuple[float, ...] = ()
    """Per cent, oldest first."""

    @property
    def cpu(self) -> float:
        """Per cent over all cores."""
        return sum(self.cores) / len(self.cores) if self.cores else 0.0


class ListedMetrics(NamedTuple):
    """The metrics of the listed runs, in view or not."""

    titles: Mapping[str, ComparedMetric] = NOTHING
    """By title."""
    columns: tuple[str, ...] = ()
    """The titles of the pipelines' main metrics, each once, that of the most runs first."""
    member: int = 0
    """Width of the longest name of a sweep's member."""
    gpus: int = 0
    """Width of the longest list of GPUs that a run uses."""
    has_steps: bool = False
    """True if a run with metrics is running."""


class RunLive(NamedTuple):
    """Live data of a listed run, read only while it is in view."""

    metric: ComparedMetric | None = None
    """The headline metric; None: none."""
    stage: str = ""
    """The full name of its stage: of a sweep, the member with the best value."""
    member: str = ""
    """The parameters of that member, e.g. `lr=0.1`; empty: not a sweep."""
    value: float | None = None
    """Its best value; its last one if it is unknown which is better."""
    values: tuple[float, ...] = ()
    """Its values downsampled for a sparkline; NaN for gaps."""
    broken: bool = False
    """True if it has NaN or infinite values."""
    step: float | None = None
    """The current step of the running stage."""
    last_step: float | None = None
    """That stage's last step, by its parameters or in an earlier completed run."""
    in_epochs: bool = False
    """True if these steps are epochs."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that its stages use."""

    @property
    def title(self) -> str:
        """The metric and which of its values is meant, e.g. `val/loss best`."""
        return "" if self.metric is None else metric_title(self.metric)

    @property
    def progress(self) -> float:
        """The running stage's progress, from 0 to 1."""
        if self.step is None or not self.last_step:
            return 0.0
        return min(max(self.step / self.last_step, 0.0), 1.0)

    @property
    def steps(self) -> str:
        """The running stage's steps, e.g. `18k/36k`, or `ep 4/30`; empty if unknown."""
        if self.step is None:
            return ""
        unit = "ep " if self.in_epochs else ""
        return unit + step(self.step) + (f"/{step(self.last_step)}" if self.last_step else "")


class CurvesPage(NamedTuple):
    """The data of a metric's page."""

    run: RunRecord
    stage: StageRecord
    curves: Curves
    searched_places: str = ""
    """Where metrics were looked for, if the stage has ended without any."""
    members: tuple[StageRecord, ...] = ()
    """All members of the stage's sweep."""
    stage_count: int = 0
    """Number of stages in the run."""


class Machine(NamedTuple):
    """The data of the machine page."""

    figures: MachineFigures | None = None
    """None: not read yet."""
    gpu_history: Mapping[int, tuple[tuple[float, float], ...]] = NOTHING
    """By GPU index, recent utilisation and memory use in per cent, oldest first."""
    gpu_problem: str | None = None
    """Why the installed driver cannot be read."""
    rates: Mapping[Path, float] = NOTHING
    """Growth of disk usage in bytes per second, of the disks of which it is known."""


class Health(NamedTuple):
    """The health of the installation."""

    trouble: str = ""
    """Why no new stages can start (worker or broker); empty if all is well."""
    remedy: str = ""
    """What to do about it."""
    broker_restart: str = ""
    """A recent broker failure and its effect on queued tasks."""
    reader: str = ""
    """Why no metrics are read; empty if all is well."""
    low_disk: str | None = None
    """A short warning if a disk is full or soon will be."""
    lost: Lost = NOTHING_LOST
    """The stages that nobody watches and that have no process."""
    away: tuple[str, ...] = ()
    """Why boxes do not answer, a sentence each."""
    is_upgraded: bool = False
    """True if another version of trainui was installed since the screen was opened."""


class Snapshot(NamedTuple):
    """Everything the screen shows, at one moment."""

    query: Query
    """The query that it answers."""
    runs: tuple[RunLine, ...] = ()
    """Newest first; incomplete while `loading`."""
    older: int = 0
    """How many older runs boxes have that are not listed."""
    loading: bool = False
    """True while more runs are being read."""
    endings: Mapping[str, Eta] = NOTHING
    """Estimated ends of unfinished listed runs, by id."""
    live: Mapping[str, RunLive] = NOTHING
    """Live data of the runs in view, by id."""
    listed: ListedMetrics = ListedMetrics()
    details: Mapping[str, RunDetails] = NOTHING
    """Of the runs in view, by id, if their second line is shown."""
    metrics: Mapping[str, RunValues] = NOTHING
    """By metric name, the values for `ListQuery.metrics`."""
    page: RunPage | None = None
    """None on other pages, and if the run was deleted."""
    curves_page: CurvesPage | None = None
    """None on other pages, and if the run was deleted."""
    history: tuple[PastRun, ...] = ()
    """On the page of a pipeline's history, its last runs, newest first."""
    gpus: tuple[GpuFigures, ...] = ()
    """GPUs of this machine; empty without a driver."""
    far_gpus: tuple[GpuFigures, ...] = ()
    """GPUs of other hosts that share the database."""
    gpu_uses: Mapping[tuple[str, int], Holder] = NOTHING
    """The stage that uses a GPU, by the GPU's place: its host, if it is another one, and index."""
    machine: Machine | None = None
    """On the machine page only."""
    paused: bool = False
    health: Health = Health()
    no_runs_yet: bool = False
    """True if there is no database yet."""
    problem: str | None = None
    """Why the database cannot be read, as text."""

    @property
    def curves(self) -> Curves | None:
        """The open page's curves; None if it has none."""
        if self.curves_page is not None:
            return self.curves_page.curves
        detail = self.page.detail if self.page is not None else None
        return detail.curves if detail is not None else None


class Cache(Generic[Value]):
    """The last value by key, each with the state that it was made for."""

    def __init__(self, most: float = 1, period: float = math.inf) -> None:
        """Keep at most so many values; each is made again after so many seconds."""
        self._most = most
        self._period = period
        self._known: dict[Hashable, tuple[Hashable, float, Value]] = {}

    def read(self, state: Hashable, make: Callable[[], Value], key: Hashable = None) -> Value:
        """Return a key's value; `make` is called where it is not known for this state."""
        known, now = self._known.get(key), time.monotonic()
        if known is None or known[0] != state or now - known[1] > self._period:
            if key not in self._known and len(self._known) >= self._most:
                self._known.clear()
            known = self._known[key] = (state, now, make())
        return known[2]
