"""The objective of a trial, read from its stored points."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.formatting import listed
from trainui.model.records import StageRecord
from trainui.model.search import Search
from trainui.pipeline.folding import mean
from trainui.store.db import protocol
from trainui.store.read import headlines
from trainui.store.runs.trials import TrialOutcome


def of_completed(connection: protocol.Connection, stage_id: str, search: Search) -> TrialOutcome:
    """Return how a completed trial counts: by its best finite value, else as failed."""
    from trainui.store.plotting.windows import Plotted  # it imports numpy
    from trainui.store.plotting.x_axis import Axis

    series = Plotted(connection, stage_id, search.metric, Axis.STEP)
    if (best := series.best(lower=search.goal == "minimize")) is not None:
        return TrialOutcome("complete", best.value, best.step)
    return TrialOutcome("fail", reason=problem(connection, stage_id, search.metric))


def of_seeds(
    connection: protocol.Connection, members: Sequence[StageRecord], search: Search
) -> TrialOutcome:
    """Return how a completed trial counts: with several seeds, by the mean of their values."""
    if len(members) == 1:
        return of_completed(connection, members[0].id, search)
    found = [of_completed(connection, one.id, search) for one in members]
    for member, outcome in zip(members, found, strict=True):
        if outcome.value is None:
            return TrialOutcome("fail", reason=f"{seed_of(member)}: {outcome.reason}")
    values = [one.value for one in found if one.value is not None]
    return TrialOutcome("complete", mean(values))


def seed_of(member: StageRecord) -> str:
    """Return which seed of its trial a stage is: `seed=1`."""
    over = member.definition.over or ""
    return f"{over}={(member.definition.matrix or {}).get(over, '')}"


def problem(connection: protocol.Connection, stage_id: str, metric: str) -> str | None:
    """Return why a stage that has completed has no value of a metric; None if it has one."""
    if (why := missing(connection, stage_id, metric)) is not None:
        return why
    from trainui.store.points import read_points

    found = read_points.summaries(connection, [stage_id], metric)
    has_value = any(one.min is not None for one in found)
    return None if has_value else f"{metric} has no finite value"


def missing(
    connection: protocol.Connection, stage_id: str, metric: str, *, so_far: bool = False
) -> str | None:
    """Return that a stage has no point of a metric, and which it has; None if it has one."""
    names = headlines.names_of(connection, stage_id)
    if metric in names:
        return None
    when = " so far" if so_far else ""
    return f"no points of {metric}{when}; has: {listed(names) if names else 'no metrics'}"
