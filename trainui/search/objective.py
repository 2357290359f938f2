"""The objective of a trial, read from its stored points."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from trainui.domain.records import StageRecord
from trainui.domain.search import Search
from trainui.formatting import listed
from trainui.store.db import protocol
from trainui.store.points.windows import Plotted
from trainui.store.points.x_axis import Axis
from trainui.store.read import headlines
from trainui.store.runs.trials import TrialOutcome


def of_completed(connection: protocol.Connection, stage_id: str, search: Search) -> TrialOutcome:
    """Return how a completed trial counts: by its best finite value, else as failed."""
    series = Plotted(connection, stage_id, search.metric, Axis.STEP)
    best = series.best(lower=search.goal == "minimize")
    if best is not None:
        return TrialOutcome("complete", best.value, best.step)
    reason = missing(connection, stage_id, search.metric)
    return TrialOutcome("fail", reason=reason or f"{search.metric} has no finite value")


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
    return TrialOutcome("complete", fmean(values))


def seed_of(member: StageRecord) -> str:
    """Return which seed of its trial a stage is: `seed=1`."""
    values = member.definition.matrix or {}
    over = member.definition.over or ""
    return f"{over}={values.get(over, '')}"


def missing(
    connection: protocol.Connection, stage_id: str, metric: str, *, so_far: bool = False
) -> str | None:
    """Return that a stage has no point of a metric, and which it has; None if it has one."""
    names = headlines.names_of(connection, stage_id)
    if metric in names:
        return None
    when = " so far" if so_far else ""
    return f"no points of {metric}{when}; has: {listed(names) if names else 'no metrics'}"
