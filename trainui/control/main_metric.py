"""The metric by which a run is shown, chosen among those of its stages."""

from __future__ import annotations

from collections.abc import Callable

from trainui.model.headline_metric import CURVE, headline, importance
from trainui.model.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.read import headlines


def headline_of_run(
    connection: Connection, run_id: str
) -> tuple[headlines.HeadlineStage, str] | None:
    """Return the metric by which a run is shown, and a stage that has it; None: there is none.

    A search's metric comes first, then the most important loss or score with a curve.
    """
    found: list[tuple[tuple[bool, bool, bool, int], headlines.HeadlineStage, str]] = []
    for stage in headlines.headline_stages(connection, run_id):
        has_curve = curves_of(connection, stage.id, Status(stage.status))
        name = headline(stage.names, stage.search, has_curve)
        if name is not None:
            is_searched = stage.search is not None and stage.search.metric == name
            rank = importance(name)
            key = (not is_searched, rank is None, not has_curve(name), rank or 0)
            found.append((key, stage, name))
    return min(found, key=lambda one: one[0])[1:] if found else None


def curves_of(connection: Connection, stage_id: str, status: Status) -> Callable[[str], bool]:
    """Return a function that returns True for a stage's metrics with a curve, or with one to come.

    A running stage's metric has one from its first point on, so that its second changes nothing.
    """
    from trainui.store.points import read_points  # not needed for the first frame

    least = 1 if status == Status.RUNNING else CURVE

    def has_curve(name: str) -> bool:
        found = read_points.summaries(connection, [stage_id], name)
        return bool(found) and found[0].count >= least

    return has_curve
