"""The poller's snapshot: what the screen shows, frozen, so that threads can share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from trainui.model.metric_direction import ComparedMetric
from trainui.model.records import Lost
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.tui.numbers import step
from trainui.tui.snapshot.query import Query
from trainui.tui.snapshot.run_page import NOTHING, RunValues, metric_title

if TYPE_CHECKING:
    from pathlib import Path

    from trainui.model.records import RunRecord, StageRecord
    from trainui.store.read.gpu_use import Holder
    from trainui.tui.snapshot.curves import Curves
    from trainui.tui.snapshot.machine_figures import GpuFigures, MachineFigures
    from trainui.tui.snapshot.run_page import Eta, RunPage


NOTHING_LOST = Lost()


class ListedMetrics(NamedTuple):
    """The metrics of the listed runs, in view or not."""

    titles: Mapping[str, ComparedMetric] = NOTHING
    """By title."""
    main: str = ""
    """The title that more than half of the runs with a metric have; empty: none."""
    member: int = 0
    """Width of the longest name of a sweep's member."""
    gpus: int = 0
    """Width of the longest list of GPUs that a run uses."""


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
    """That stage's last step in an earlier completed run."""
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
        """The running stage's steps, e.g. `18k/36k`; empty if unknown."""
        if self.step is None:
            return ""
        return step(self.step) + (f"/{step(self.last_step)}" if self.last_step else "")


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
    broker_restart: str = ""
    """A recent broker failure and its effect on queued tasks."""
    reader: str = ""
    """Why no metrics are read; empty if all is well."""
    low_disk: str | None = None
    """A short warning if a disk is full or soon will be."""
    lost: Lost = NOTHING_LOST
    """The stages that nobody watches and that have no process."""


class Snapshot(NamedTuple):
    """Everything the screen shows, at one moment."""

    query: Query
    """The query that it answers."""
    runs: tuple[RunLine, ...] = ()
    """Newest first; incomplete while `loading`."""
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
