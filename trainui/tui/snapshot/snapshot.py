"""The poller's snapshot: what the screen shows, and the queries of pages that it answers.

All of it is frozen, so that threads can share it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from trainui import formatting
from trainui.model.headline_metric import ComparedMetric
from trainui.model.records import Lost
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.system.disk import DiskSpace
from trainui.tui.numbers import step
from trainui.tui.snapshot.run_page import NOTHING, RunValues, metric_title

if TYPE_CHECKING:
    from trainui.model.records import RunRecord, StageRecord
    from trainui.store.read.run_history import PastRun
    from trainui.store.read.views import Holder
    from trainui.tui.snapshot.curves import Curves, CurvesWanted
    from trainui.tui.snapshot.run_page import Eta, RunPage

Value = TypeVar("Value")

NOTHING_LOST = Lost()

PERIOD, HISTORY = 2.0, 120
"""Seconds between two polls (the driver's figures are averages over up to one), and the number of
samples kept: four minutes."""


def _all_curves() -> CurvesWanted:
    from trainui.tui.snapshot.curves import CurvesWanted  # not needed for the list's first frame

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


@dataclass(frozen=True, slots=True)
class DiskFigures:
    """The disk that contains one of trainui's directories."""

    room: DiskSpace
    total: int
    """Bytes, including those reserved for root."""
    kind: str | None
    """The file system type, as named by the kernel."""


@dataclass(frozen=True, slots=True)
class MachineFigures:
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
    """Growth of disk usage in bytes per second; only growing disks."""


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


def seconds_left(rooms: Iterable[DiskSpace], rates: Mapping[Path, float]) -> dict[Path, float]:
    """Return the seconds until each growing disk is full."""
    return {room.path: room.free / rates[room.path] for room in rooms if room.path in rates}


def coarse_time(seconds: float) -> str:
    """Format a forecast, rounded (to 10 minutes above an hour) so that it rarely changes."""
    step = 600 if seconds >= 3600 else 60
    rounded = max(round(seconds / step) * step, 60)
    words = formatting.duration(rounded)
    return f"~{words.removesuffix(' 00s').removesuffix(' 00m').removesuffix(' 0h')}"


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
