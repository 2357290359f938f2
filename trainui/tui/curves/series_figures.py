"""The series of a stage with their figures, and the x axes that they can be drawn over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from trainui.domain.records import SeriesSummary, StageRecord
from trainui.store.db import protocol
from trainui.store.points import curves, segments
from trainui.store.points.x_axis import Axis
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.store.points.segments import SeriesSegments


def read_series(connection: protocol.Connection, owner: str) -> dict[str, SeriesSegments]:
    """Return all series of a stage by name: its figures and its charts are read from them."""
    return {found.name: found for found in segments.series(connection, [owner])}


def figures(
    connection: protocol.Connection, found: Iterable[SeriesSegments], attempt: int | None
) -> tuple[SeriesSummary, ...]:
    """Return the figures of each series; `attempt`: only those of its points."""
    return tuple(
        series
        for one in found
        if (series := curves.summary_of(connection, "", one, attempt)) is not None
    )


def axes(
    figures: Sequence[SeriesSummary], connection: protocol.Connection, stage: StageRecord
) -> tuple[Axis, ...]:
    """Return the x axes that a stage can be drawn over."""
    found = [Axis.STEP]
    if any(figure.name in ("epoch", "Epoch") for figure in figures):
        found.append(Axis.EPOCH)
    found.append(Axis.RELATIVE)
    if any(attempt.gpus for attempt in views.attempts_of_stage(connection, stage.id)):
        found.append(Axis.GPU)
    return (*found, Axis.WALL)
