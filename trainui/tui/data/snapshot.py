"""The poller's snapshot: what the screen shows, frozen, so that threads can share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui.domain.metric_direction import ComparedMetric, may_lead
from trainui.store.read.run_list import RunDetails, RunLine
from trainui.text import harmless
from trainui.tui.data.query import Query
from trainui.tui.render.numbers import step

if TYPE_CHECKING:
    from trainui.domain.definition import StageDefinition
    from trainui.domain.records import AttemptRecord, Event, RunRecord, StageRecord
    from trainui.store.read.gpu_use import Holder
    from trainui.store.read.trials import TrialSummary
    from trainui.tui.data.curves import Curves
    from trainui.tui.readers.eta import Eta, RunEta
    from trainui.tui.readers.gpu_reader import GpuFigures
    from trainui.tui.readers.run.activity import StageActivity
    from trainui.tui.readers.run.files import StageFiles
    from trainui.tui.readers.stage_values import StageValue
    from trainui.tui.readers.system_reader import MachineFigures

NOTHING: Mapping[Any, Any] = MappingProxyType({})


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
    filled: StageDefinition | None = None
    """The definition of the attempt with the results of searches; None: it uses none."""
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
    others: Mapping[str, Mapping[str, StageValue]] = NOTHING
    """The values of further metrics by member name, by the titles of their columns."""
    best_step: float | None = None
    """The step of the best member's best value; None: unknown."""

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
        return not is_broken and may_lead(member.status, member.definition.search)


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
    """By the name of a stage with alerts on its last attempt: `NaN`, or `alert`."""
    earlier: Mapping[str, int] = NOTHING
    """By the name of a stage with several attempts: the microseconds of those before the last."""
    more: int = 0
    """Number of further stages, which the next snapshot adds (large runs load in steps)."""

    @property
    def stage_count(self) -> int:
        """Number of stages in the run."""
        return len(self.stages) + self.more


def metric_title(metric: ComparedMetric) -> str:
    """Return a metric and which of its values is meant: `val/loss best`."""
    return f"{harmless(metric.name)} {metric.word}"


class RunValues(NamedTuple):
    """A metric's value of every run that has one."""

    values: Mapping[str, float]
    """By run id; NaN if the metric has NaN or infinities."""
    lower: bool | None
    """True if lower is better: by the goal of the newest search for it, else by its name."""


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
    low_disk: str | None = None
    """A short warning if a disk is full or soon will be."""


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
