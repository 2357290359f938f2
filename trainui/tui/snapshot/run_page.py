"""A run's page as the poller reads it: the stages, and the details of the selected one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock
from trainui.model.headline_metric import ComparedMetric, may_lead
from trainui.pipeline.rules.remaining_time import RemainingTime
from trainui.store.read.time_worked import TimeWorked
from trainui.text import harmless, to_go_words

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition
    from trainui.model.records import AttemptRecord, Event, Loss, RunRecord, StageRecord
    from trainui.store.read.sweeps import TrialSummary
    from trainui.tui.snapshot.curves import Curves


@dataclass(frozen=True, slots=True)
class Eta:
    """An estimated end time."""

    at: int
    """Microseconds since 1970."""
    whole: bool
    """True if all parts have an estimate; else `at` is a lower bound."""

    def words(self, now: int) -> str:
        """Return the time left from now as text."""
        return to_go_words(RemainingTime(max(self.at - now, 0) / clock.SECOND, self.whole))


@dataclass(frozen=True, slots=True)
class RunEta:
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


@dataclass(frozen=True, slots=True)
class LogProgress:
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


@dataclass(frozen=True, slots=True)
class StageActivity:
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


@dataclass(frozen=True, slots=True)
class StageFile:
    """A file in a stage's directory."""

    path: str
    """Relative to the stage's directory."""
    size: int
    changed_at: int
    """Microseconds since 1970."""
    role: str = ""
    """`output` or `checkpoint` if the pipeline file declares it, else empty."""


@dataclass(frozen=True, slots=True)
class StageFiles:
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
    """By the name of a stage with alerts on its last attempt: `NaN`, or `alert`."""
    worked: TimeWorked = TimeWorked()
    tries: Mapping[str, Sequence[tuple[int, int | None]]] = NOTHING
    """By the name of a stage with several attempts, the start and end of each."""
    lost: Loss | None = None
    """Of a running run whose running stages are all lost."""
    parent: str = ""
    """The name and the short id of the run that it came from (`--from`); empty: none."""
    more: int = 0
    """Number of further stages, which the next snapshot adds (large runs load in steps)."""

    @property
    def stage_count(self) -> int:
        """Number of stages in the run."""
        return len(self.stages) + self.more


def as_attempt(stage: StageRecord, attempts: Sequence[AttemptRecord]) -> StageRecord:
    """Return a stage as it was in the last of these attempts."""
    if not attempts or attempts[-1].number == stage.attempt:
        return stage
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
