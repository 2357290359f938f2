"""Compares two configurations over their seeds: can their difference be told from noise?

A configuration is a stage, or the members of a sweep that differ in a seed alone. A seed's value is
the best one of its metric by the goal, or the last one. Seeds are independent, and the two
configurations may vary differently: Welch's test, with its interval, and its power by the
noncentral t distribution.
"""

from __future__ import annotations

import heapq
import math
import shlex
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock, formatting, settings
from trainui.errors import (
    AmbiguousError,
    NotFoundError,
    UnfitEnvironmentError,
    UsageError,
    install_advice,
)
from trainui.model.headline_metric import CURVE, headline, is_clock, lower_is_better
from trainui.model.records import RunRecord, SeriesSummary, StageRecord
from trainui.model.states import Status
from trainui.pipeline import matrix
from trainui.record import dataclass
from trainui.store.db.statements import Connection
from trainui.store.points import read_points
from trainui.store.points.read_points import headline_of_run
from trainui.store.read import run_history, views
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.resume.edits import InlineEdit

CONFIDENCE = 0.95
"""Of the interval; a difference whose interval is on one side of 0 is more than noise."""

POWER = 0.8
"""The probability with which as many seeds as are proposed would tell the observed difference."""

LEAST_SEEDS = 3
"""Of each, which are proposed where there are fewer than two."""

MOST_SEEDS = 1000
"""The most seeds that are proposed: a difference that needs more is far below the noise."""

NONE_TAKEN: Mapping[str, int] = {}

BETTER, WORSE = "better", "worse"
NOT_DISTINGUISHABLE, TOO_FEW = "not distinguishable", "too few"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A stage, or the members of a sweep that differ in a seed alone."""

    run: RunRecord
    stage: str
    """Its name without the seed, e.g. `train[lr=0.1]`; that of a single seed, if it was named."""
    members: Sequence[StageRecord]

    @property
    def is_whole(self) -> bool:
        """False if it is a single seed of several."""
        return self.stage == matrix.configuration_of(self.members[0].definition)

    @property
    def group(self) -> str:
        """The name of its stage in the file."""
        return self.members[0].definition.group or self.members[0].name

    @property
    def name(self) -> str:
        """The run's name and the stage's, for messages."""
        return harmless(f"{self.run.name}/{self.stage}")


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of a configuration's seeds."""

    configuration: Configuration
    values: Sequence[float]
    others: Sequence[tuple[StageRecord, str]]
    """Members without a value, each with the reason."""

    @property
    def mean(self) -> float | None:
        """The mean; None: there is no value."""
        return matrix.mean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample; None: there are fewer than two values."""
        if len(self.values) < 2:
            return None
        return float(matrix.moments([[one] for one in self.values]).deviations[0])

    def to_json(self) -> dict[str, Any]:
        """Return the sample as `--json` prints it."""
        return {
            "run": self.configuration.run.id,
            "stage": self.configuration.stage,
            "n": len(self.values),
            "mean": self.mean,
            "sd": self.deviation,
            "others": [{"stage": one.name, "why": why} for one, why in self.others],
        }


class Welch(NamedTuple):
    """The interval of a difference of two means (B minus A), and the p of Welch's test."""

    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """Two configurations compared by a metric."""

    metric: str
    lower: bool
    """True if lower is better."""
    by_last: bool
    """True if each seed's last value was taken, and not its best."""
    a: Sample
    b: Sample
    difference: float | None
    """B's mean minus A's; None: one of them has no value."""
    test: Welch | None
    """None: it cannot be computed."""
    verdict: str
    seeds_needed: int | None
    """How many seeds more, of each, would tell the difference; None: unknown, or too many."""
    seconds_needed: float | None
    """How long these take on this machine; None: unknown."""

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as `--json` prints it."""
        test = self.test
        return {
            "metric": self.metric,
            "goal": "minimize" if self.lower else "maximize",
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "difference": self.difference,
            "low": None if test is None else test.low,
            "high": None if test is None else test.high,
            "p": None if test is None else test.p,
            "verdict": self.verdict,
            "seeds_needed": self.seeds_needed,
            "seconds_needed": self.seconds_needed,
        }

    @property
    def more_seeds(self) -> int | None:
        """How many seeds more, of each, to start; None: they would tell nothing new."""
        least = min(len(self.a.values), len(self.b.values))
        if not all(one.configuration.is_whole for one in (self.a, self.b)):
            return None
        if self.verdict == TOO_FEW:
            return LEAST_SEEDS - least if least < 2 else None
        return self.seeds_needed or None

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        counts = len(self.a.values), len(self.b.values)
        if self.verdict in (BETTER, WORSE):
            return f"B is {self.verdict}"
        if self.verdict == TOO_FEW:
            if min(counts) > 1:
                return "too few: all seeds of each gave the same value, which counts as one seed"
            if counts == (1, 1):
                return "too few: with one seed of each, a difference cannot be told from noise"
            return "too few: at least two completed seeds of each are needed"
        if self.seeds_needed is None:
            hopeless = f": not even {MOST_SEEDS:,} more seeds of each would show it"
            return f"not distinguishable from noise{'' if self.test is None else hopeless}"
        time = ""
        if self.seconds_needed is not None:
            time = f", about {formatting.duration(self.seconds_needed)} on this machine"
        seeds = formatting.quantity(self.seeds_needed, "seed")
        return f"not distinguishable from noise; {seeds} more of each would probably show it{time}"


def compare(
    connection: Connection, a: str, b: str, *, metric: str | None = None, last: bool = False
) -> SeedComparison:
    """Compare two configurations, each named `RUN`, `RUN/STAGE` or `RUN/MEMBER`.

    Args:
        connection: a snapshot of the store.
        a: the one that `b` is compared with.
        b: the other.
        metric: None: the validation metric, if they have one.
        last: take the last value of each seed, and not the best.

    Raises:
        NotFoundError: a run, a stage or the metric does not exist.
        AmbiguousError: a name stands for several.
        UsageError: they have a stage in common, or it is unknown if lower is better.
        UnfitEnvironmentError: SciPy is missing.
    """
    _scipy_stats()
    first, second = (find(connection, one, metric) for one in (a, b))
    shared = {one.id for one in first.members} & {one.id for one in second.members}
    if common := [one.name for one in first.members if one.id in shared]:
        raise UsageError(
            f"{harmless(common[0])} is part of both {a!r} and {b!r}; name two without a stage in "
            "common"
        )
    summaries = [_summaries(connection, one) for one in (first, second)]
    name = _metric(metric, (first, second), summaries)
    lower = _lower(name, (first, second))
    samples = [
        sample_of(configuration, found.get(name, {}), name, lower=None if last else lower)
        for configuration, found in zip((first, second), summaries, strict=True)
    ]
    taken = slots_of_others(connection, first.run.id)
    return compared(name, lower, samples[0], samples[1], by_last=last, taken=taken)


def slots_of_others(connection: Connection, run_id: str) -> Mapping[str, int]:
    """Return by kind the slots of this machine that other runs have now."""
    return run_history.SlotsInUse.read(connection, run_id, settings.host()).others


def compared(
    metric: str,
    lower: bool,
    a: Sample,
    b: Sample,
    *,
    by_last: bool = False,
    taken: Mapping[str, int] = NONE_TAKEN,
) -> SeedComparison:
    """Compare two samples; `taken` are the slots that more seeds would not get, by kind."""
    difference = None if a.mean is None or b.mean is None else b.mean - a.mean
    test, needed, seconds = None, None, None
    deviations = [one.deviation for one in (a, b)]
    if None in deviations or not any(deviations):
        verdict = TOO_FEW
    else:
        found = welch(a.values, b.values)
        test = Welch(*map(float, found)) if all(map(math.isfinite, found)) else None
        if test is None or test.low <= 0 <= test.high:
            verdict = NOT_DISTINGUISHABLE
            needed = None if test is None else seeds_needed(a.values, b.values)
            seconds = None if needed is None else _seconds(needed, a, b, taken)
        else:
            verdict = BETTER if (test.high < 0) == lower else WORSE
            needed, seconds = 0, 0.0
    return SeedComparison(metric, lower, by_last, a, b, difference, test, verdict, needed, seconds)


def welch(a: Sequence[float], b: Sequence[float]) -> Welch:
    """Return the interval of the difference of two samples' means (B minus A), and Welch's p.

    Arrays of several columns are compared column by column.
    """
    stats = _scipy_stats()
    with warnings.catch_warnings():
        # of values that hardly differ, or are too large to be squared: the result is not finite
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.ttest_ind(b, a, equal_var=False)
        interval = found.confidence_interval(CONFIDENCE)
    return Welch(interval.low, interval.high, found.pvalue)


def seeds_needed(a: Sequence[float], b: Sequence[float]) -> int | None:
    """Return how many seeds more, of each, would tell the observed difference.

    With so many the power of Welch's test is `POWER` if means and deviations are as observed. None:
    it would be more than `MOST_SEEDS`.
    """
    found = matrix.moments([[one] for one in a]), matrix.moments([[one] for one in b])
    means = [float(one.means[0]) for one in found]
    deviations = [float(one.deviations[0]) for one in found]

    def power_with(more: int) -> float:
        return power(abs(means[1] - means[0]), deviations, (len(a) + more, len(b) + more))

    needed = bisect_left(range(1, MOST_SEEDS + 1), POWER, key=power_with) + 1
    return needed if needed <= MOST_SEEDS else None


def power(difference: float, deviations: Sequence[float], counts: Sequence[int]) -> float:
    """Return the probability that Welch's test finds a difference of two means significant."""
    stats = _scipy_stats()
    parts = [one**2 / count for one, count in zip(deviations, counts, strict=True)]
    error = math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        one**2 / (count - 1) for one, count in zip(parts, counts, strict=True)
    )
    limit = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    shift = difference / error
    if shift > limit + 30:  # where the distribution is not computed exactly, and is 1
        return 1.0
    above = stats.nct.sf(limit, freedom, shift)
    return float(above + stats.nct.cdf(-limit, freedom, shift))


def _scipy_stats() -> Any:
    """Return `scipy.stats`, which takes a second to import.

    Raises:
        UnfitEnvironmentError: it is not installed.
    """
    try:
        from scipy import stats
    except ImportError as error:
        raise UnfitEnvironmentError(
            "telling a difference from noise needs SciPy, which is not installed: "
            + install_advice("stats")
        ) from error
    return stats


def find(connection: Connection, reference: str, metric: str | None = None) -> Configuration:
    """Return the configuration that `RUN`, `RUN/STAGE` or `RUN/MEMBER` names.

    Of a run alone it is the stage with the metric, else the one that the list of runs shows.

    Raises:
        NotFoundError: the run or the stage does not exist.
        AmbiguousError: several fit.
    """
    run, stage = _run_of(connection, reference)
    known = configurations(run, views.stages(connection, run.id))
    if stage is None:
        fitting = _with_metric(connection, run, known, metric)
    else:
        fitting = _named(known, stage)
    if not fitting:
        names = views.shown_names(one.stage for one in known)
        raise NotFoundError(f"{reference!r}: no such stage; {run.name} has {names}")
    if len(fitting) > 1:
        names = ", ".join(f"{run.name}/{one.stage}" for one in fitting[:6])
        raise AmbiguousError(f"{reference!r} stands for several configurations; name one: {names}")
    return fitting[0]


def _run_of(connection: Connection, reference: str) -> tuple[RunRecord, str | None]:
    """Return the run, and the stage that is named after a slash; a run's name may have one, too."""
    unknown = None
    cuts = [len(reference), *(at for at, one in enumerate(reference) if one == "/")]
    for at in cuts:
        try:
            return views.find_run(connection, reference[:at]), reference[at + 1 :] or None
        except NotFoundError as error:
            unknown = error if unknown is None or at == cuts[1] else unknown
    assert unknown is not None
    raise unknown


def named(connection: Connection, run_id: str, name: str) -> Configuration:
    """Return the configuration of a run with this name.

    Raises:
        NotFoundError: there is none, or its seeds are not all of one sweep.
    """
    run = views.find_run(connection, run_id)
    for one in configurations(run, views.stages(connection, run.id)):
        if one.stage == name:
            return one
    raise NotFoundError(f"{harmless(name)} is no sweep of {harmless(run.name)}")


def configurations(run: RunRecord, stages: Iterable[StageRecord]) -> list[Configuration]:
    """Return a run's stages, those that differ in a seed alone as one, in the file's order."""
    found: dict[str, list[StageRecord]] = {}
    for stage in stages:
        if not stage.removed:
            found.setdefault(matrix.configuration_of(stage.definition), []).append(stage)
    return [Configuration(run, name, members) for name, members in found.items()]


def _named(known: Sequence[Configuration], reference: str) -> list[Configuration]:
    """Return the configurations that fit a stage's name, a member's, or a part of one."""
    for one in known:
        if one.stage == reference:
            return [one]
        for member in one.members:
            if member.name == reference:  # one seed
                return [Configuration(one.run, member.name, [member])]
    group, _, inner = reference.removesuffix("]").partition("[")
    wanted = set(inner.split(",")) if inner else set()

    def fits(one: Configuration) -> bool:
        name, _, pairs = one.stage.removesuffix("]").partition("[")
        return name == group and wanted <= set(pairs.split(","))

    return [one for one in known if fits(one)] or [one for one in known if reference in one.stage]


def _with_metric(
    connection: Connection, run: RunRecord, known: Sequence[Configuration], metric: str | None
) -> list[Configuration]:
    """Return the configurations that a run stands for: those of one stage of the file."""
    if metric is not None:
        fitting = [one for one in known if metric in _summaries(connection, one)]
        if len({one.members[0].definition.group for one in fitting}) == 1:
            return fitting
    shown = headline_of_run(connection, run.id)
    if shown is None:
        return list(known)
    stages = {member.name: one for one in known for member in one.members}
    group = stages[shown[0].name].members[0].definition.group
    return [one for one in known if one.members[0].definition.group == group]


@dataclass(frozen=True, slots=True)
class MoreSeeds:
    """An edit that adds seeds to configurations of a run."""

    run: RunRecord
    edit: InlineEdit
    more: int
    configurations: tuple[str, ...]
    """Their names."""
    members: frozenset[str]
    """Their new stages."""

    @property
    def command(self) -> str:
        """The command that does the same."""
        parts = [one for one in self.configurations if "[" in one]
        until = "".join(f" --until {shlex.quote(one)}" for one in parts)
        return f"trainui resume {formatting.short_id(self.run.id)} --seeds {self.more}{until}"


def with_more_seeds(some: Iterable[Configuration], more: int) -> list[MoreSeeds]:
    """Return what adds seeds to these configurations, by run; nothing is changed yet.

    Raises:
        UsageError: the file of a run does not say which seeds there are.
    """
    from trainui.resume import edit_effects, edits

    found = []
    by_run: dict[str, list[Configuration]] = {}
    for one in some:
        by_run.setdefault(one.run.id, []).append(one)
    for several in by_run.values():
        run, known = several[0].run, {stage.name for one in several for stage in one.members}
        groups = [one.members[0].definition for one in several]
        edit = edit_effects.with_more_seeds(run, groups, more)
        pipeline, _member = edits.pipeline_of(run, edit)
        names = tuple(dict.fromkeys(one.stage for one in several))
        members = [one for one in pipeline.stages if matrix.configuration_of(one) in names]
        new = frozenset(one.name for one in members) - known
        found.append(MoreSeeds(run, edit, more, names, new))
    return found


def _summaries(
    connection: Connection, configuration: Configuration
) -> dict[str, dict[str, SeriesSummary]]:
    """Return the series of all members, by metric and stage id; without clocks."""
    found: dict[str, dict[str, SeriesSummary]] = {}
    owners = [one.id for one in configuration.members]
    for series in read_points.summaries(connection, owners):
        if not is_clock(series.name):
            found.setdefault(series.name, {})[series.stage] = series
    return found


def _metric(
    wanted: str | None,
    pair: Sequence[Configuration],
    summaries: Sequence[Mapping[str, Mapping[str, SeriesSummary]]],
) -> str:
    """Return the metric to compare by.

    Raises:
        NotFoundError: one of the configurations does not have it, or they have none in common.
    """
    for configuration, found in zip(pair, summaries, strict=True):
        if not found:
            raise NotFoundError(f"{configuration.name} has no metrics yet")
        if wanted is not None and wanted not in found:
            names = formatting.listed([harmless(one) for one in found], 10)
            raise NotFoundError(f"{configuration.name} has no metric {wanted!r}; it has {names}")
    if wanted is not None:
        return wanted
    common = [name for name in summaries[0] if name in summaries[1]]

    def has_curve(name: str) -> bool:
        return any(one.count >= CURVE for found in summaries for one in found[name].values())

    chosen = headline(common, pair[0].members[0].definition.objective, has_curve)
    if chosen is None:
        raise NotFoundError(f"{pair[0].name} and {pair[1].name} have no metric in common")
    return chosen


def _lower(metric: str, pair: Sequence[Configuration]) -> bool:
    """Return True if lower is better.

    Raises:
        UsageError: neither a search nor the name says it, or two searches have opposite goals.
    """
    known = {lower_is_better(metric, one.members[0].definition.objective) for one in pair} - {None}
    if len(known) > 1:
        raise UsageError(f"{metric} is minimized by one search and maximized by the other")
    for lower in known:
        assert lower is not None
        return lower
    raise UsageError(
        f"the name of {metric!r} does not say if lower or higher is better, and no search has it "
        "as its metric; name another one with --metric"
    )


def sample_of(
    configuration: Configuration,
    series: Mapping[str, SeriesSummary],
    metric: str,
    *,
    lower: bool | None,
) -> Sample:
    """Return the values of completed members; the others with the reason why they do not count.

    `series` has the metric's summaries by stage id; `lower`: as in `value_of`.
    """
    values: list[float] = []
    others: list[tuple[StageRecord, str]] = []
    for member in configuration.members:
        found = series.get(member.id)
        value = None if found is None else matrix.value_of(found, lower=lower)
        if member.status != Status.COMPLETED:
            others.append((member, str(member.status)))
        elif value is None or not math.isfinite(value):
            others.append((member, f"has no finite {metric}"))
        else:
            values.append(value)
    return Sample(configuration, values, others)


def _seconds(more: int, a: Sample, b: Sample, taken: Mapping[str, int]) -> float | None:
    """Return how long so many seeds more of each take on this machine; None: unknown.

    Of the slots that others have now, none is counted on, except where there are no others.
    """
    now, usual = clock.now(), []
    places = math.inf
    for one in (a, b):
        done = [stage for stage in one.configuration.members if stage.status == Status.COMPLETED]
        definition = done[0].definition
        if not definition.is_local:
            return None
        worked = [(stage.worked_until(now) or 0) / clock.SECOND for stage in done]
        usual.append(matrix.mean(worked))
        if definition.gpus:
            from trainui.execution.gpus import usable_gpus

            whole, each = len(usable_gpus().gpus), definition.gpus
        else:
            whole, each = settings.load().cpus, max(definition.cpus, 1)
        if whole < each:
            return None
        free = whole - taken.get("gpu" if definition.gpus else "cpu", 0)
        places = min(places, max(free // each, 1))
    ends = [0.0] * min(int(places), 2 * more)
    for seconds in sorted(usual * more, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)
