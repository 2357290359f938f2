"""What the feed reads at once and hands to the screen: frozen, so that threads may share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trainui.store.read.run_list import RunLine
from trainui.tui.curves.model import Curves, CurvesWanted
from trainui.tui.render.numbers import step

if TYPE_CHECKING:
    from trainui.domain.records import AttemptRecord, Event, RunRecord, StageRecord
    from trainui.tui.data.eta import Eta, RunEta
    from trainui.tui.machine.gpu_reader import GpuFigures
    from trainui.tui.machine.system_reader import MachineFigures
    from trainui.tui.run.files import StageFiles


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be seen, so what has to be read."""

    run_id: str | None = None
    """The run whose page is open; None: the list of runs."""
    stage: str | None = None
    """The stage whose panel is open."""
    group: str | None = None
    """The matrix whose members are folded into one line under the cursor."""
    attempt: int | None = None
    """The stage's attempt that is looked at; None: its last one."""
    curves: CurvesWanted | None = field(default_factory=CurvesWanted)
    """What of the stage's metrics is to be seen; None: nothing."""
    sheet: int = 2
    """Which of the stage's sheets is to be seen (`sheets.SHEETS`)."""
    lone: bool = False
    """Whether the page of one metric is open, and nothing else of the run is to be seen."""
    rows: tuple[str, ...] = ()
    """Ids of the runs of the list that are in view."""
    metrics: frozenset[str] = frozenset()
    """Names of metrics that the list is filtered or sorted by."""
    machine: bool = False
    """Whether the machine is looked at."""


@dataclass(frozen=True, slots=True)
class StageDetail:
    """What only the selected stage's panel shows."""

    stage: str
    curves: Curves | None
    """None: not read yet."""
    problems: tuple[str, ...] = ()
    """Why sources of metrics cannot be read."""
    files: StageFiles | None = None
    """None: they are not to be seen."""
    events: tuple[Event, ...] | None = None
    """Those of the stage and of its run; None: they are not to be seen."""
    commit: str = ""
    """Which code the run was submitted with, in words."""
    variables: str = ""
    """Names of the environment variables in which the attempt differs from the one before."""
    checkpoint: str = ""
    """Why the last attempt did not continue from the newest checkpoint, in words."""


@dataclass(frozen=True, slots=True)
class MatrixDetail:
    """What only the panel of a folded matrix shows."""

    metric: str
    """The headline metric of its members; harmless."""
    lower: bool | None
    """Whether the least value is the best; None: its name does not tell."""
    values: Mapping[str, float]
    """By a member's name its best value, else the last one."""

    def best_first(self, members: Iterable[StageRecord]) -> list[StageRecord]:
        """Return the members that have a value, the best first; none where that is not known."""
        if self.lower is None:
            return []
        sign, known = (1 if self.lower else -1), [one for one in members if one.name in self.values]
        return sorted(known, key=lambda one: sign * self.values[one.name])


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run's page."""

    run: RunRecord
    stages: tuple[StageRecord, ...]
    attempts: Mapping[str, list[AttemptRecord]] = field(default_factory=dict)
    """Those of the selected stage by its id, the first one first."""
    detail: StageDetail | None = None
    ahead: RunEta | None = None
    """When it will have ended."""
    group: MatrixDetail | None = None
    """Of the matrix that is folded under the cursor; None: it has no metrics, or there is none."""
    more: int = 0
    """Stages behind these, which the next snapshot has: all of them take a moment to read."""


@dataclass(frozen=True, slots=True)
class RunLive:
    """What the list shows of a run only while it is in view."""

    metric: str | None = None
    """The metric that tells most; None: there is none."""
    stored: str = ""
    """Its name as the store has it."""
    stage: str = ""
    """The name of the stage whose it is."""
    value: float | None = None
    """Its last value."""
    values: tuple[float, ...] = ()
    """It in a few columns; NaN where there is nothing."""
    broken: bool = False
    """Whether values of it are NaN or infinite."""
    step: float | None = None
    """How far the stage is that runs."""
    last_step: float | None = None
    """With which step that stage ended when it completed before."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that its stages have."""

    @property
    def progress(self) -> float:
        """Which part of its steps the stage that runs has behind it."""
        if self.step is None or not self.last_step:
            return 0.0
        return min(max(self.step / self.last_step, 0.0), 1.0)

    @property
    def steps(self) -> str:
        """How far the stage is that runs, in steps; empty where there are none."""
        if self.step is None:
            return ""
        return step(self.step) + (f"/{step(self.last_step)}" if self.last_step else "")


@dataclass(frozen=True, slots=True)
class CurvesPage:
    """The page of one metric."""

    run: RunRecord
    stage: StageRecord
    curves: Curves


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The stage that has a GPU."""

    run_id: str
    run_name: str
    stage: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What only the machine's page shows."""

    figures: MachineFigures | None = None
    """None: not looked at yet."""
    gpu_history: Mapping[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """By a GPU's index how busy and how full it was lately, in per cent, the oldest first."""
    gpu_problem: str | None = None
    """Why the driver tells nothing, though there is one."""
    rates: Mapping[Path, float] = field(default_factory=dict)
    """By how many bytes a second disks fill; only those that do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the screen shows, as it was at one moment."""

    wanted: Query
    """What was asked for."""
    runs: tuple[RunLine, ...] = ()
    """Newest first; the first of them only, while `loading`."""
    loading: bool = False
    """More runs are being read."""
    endings: Mapping[str, Eta] = field(default_factory=dict)
    """When runs of the list that run will have ended, by id."""
    live: Mapping[str, RunLive] = field(default_factory=dict)
    """What is read of the runs in view only, by id."""
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By a metric's name and a run's id its last value; of `Wanted.metrics` only."""
    page: RunPage | None = None
    """None on the list, and where the run is gone."""
    curves_page: CurvesPage | None = None
    """None elsewhere, and where the run is gone."""
    gpus: tuple[GpuFigures, ...] = ()
    """Those of this machine; none where there is no driver."""
    far_gpus: tuple[GpuFigures, ...] = ()
    """Those of other hosts that share the database."""
    gpu_holders: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """By a GPU's place the name of the stage that has it."""
    gpu_uses: Mapping[tuple[str, int], GpuUse] = field(default_factory=dict)
    """The same with the runs; of the machine's page only."""
    machine: Machine | None = None
    """Of the machine's page only."""
    paused: bool = False
    trouble: str = ""
    """What is wrong with the worker, so that nothing new can start; empty where nothing is."""
    news: str = ""
    """What lately happened to the broker, and what became of what it held."""
    low_disk: str | None = None
    """Which disk is full or soon will be, in few words."""
    no_runs_yet: bool = False
    """There is no database."""
    problem: str | None = None
    """Why nothing can be read, in words."""

    @property
    def curves(self) -> Curves | None:
        """Those of the page; None where there are none."""
        if self.curves_page is not None:
            return self.curves_page.curves
        detail = self.page.detail if self.page is not None else None
        return detail.curves if detail is not None else None
