"""Reads the list of all series that a metric can be compared with, with their best values."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.records import SeriesSummary
from trainui.store.db.protocol import Connection
from trainui.store.points import curves
from trainui.store.read import stage_alerts
from trainui.tui.curves.model import Candidate
from trainui.tui.curves.series import PlottedSeries, differing_params


def read_candidates(
    connection: Connection,
    found: Sequence[tuple[str, PlottedSeries]],
    metric: str,
    *,
    lower: bool | None,
) -> tuple[Candidate, ...]:
    """Return what a metric of a stage can be compared with: members, attempts, then runs.

    The series are given with their kinds; `lower`: lower is better; None: unknown.
    """
    names = differing_params(one for _, one in found)
    since = stage_alerts.nan_steps(connection, [one.owner for _, one in found])
    owners = list({one.owner: None for _, one in found if one.attempt is None})
    whole = {one.stage: one for one in curves.summaries(connection, owners, metric)}
    result = []
    for kind, one in found:
        summary, first = whole.get(one.owner), since.get(one.owner, {}).get(metric)
        if one.attempt is not None:
            some = curves.summaries(connection, [one.owner], metric, attempt=one.attempt)
            summary, first = next(iter(some), None), None
        result.append(_candidate(kind, one, names, summary, first, lower=lower))
    return tuple(result)


def _candidate(
    kind: str,
    one: PlottedSeries,
    names: Sequence[str],
    summary: SeriesSummary | None,
    nan_since: float | None,
    *,
    lower: bool | None,
) -> Candidate:
    params = dict(one.params)
    best = None
    if summary is not None and lower is not None:
        best = summary.min if lower else summary.max
    return Candidate(
        kind,
        {"attempt": f"{one.attempt}", "member": one.owner, "run": one.run}[kind],
        one.label,
        {name: params[name] for name in names if name in params},
        one.own,
        one.live,
        best,
        summary.last if summary is not None else None,
        summary.nonfinite if summary is not None else 0,
        nan_since,
    )
