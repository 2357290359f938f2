"""Reads the headline metric of all members of a sweep, in the reader thread.

A member is read again only after a point of it was stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.metric_direction import lower_is_better
from trainui.domain.records import SeriesSummary, StageRecord
from trainui.store.db import protocol
from trainui.store.points import curves
from trainui.store.read import headlines
from trainui.text import harmless
from trainui.tui.data.snapshot import MatrixDetail
from trainui.tui.runs.headline_reader import headline


class MatrixReader:
    """Reads the best values of sweep members, with a cache."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, float | None]] = {}
        """By stage id and metric: the version of its points, and the value."""

    def read(
        self, connection: protocol.Connection, members: Sequence[StageRecord]
    ) -> MatrixDetail | None:
        """Read the sweep's headline metric; None if no member has metrics."""
        versions = headlines.versions(connection, [stage.id for stage in members])
        with_points = [stage for stage in members if stage.id in versions]
        names = (headlines.names_of(connection, stage.id) for stage in with_points)
        name = headline(next(filter(None, names), ()))
        if name is None:
            return None
        lower = lower_is_better(name)
        values = {
            stage.name: value
            for stage in with_points
            if (value := self._value(connection, stage.id, versions[stage.id], name)) is not None
        }
        return MatrixDetail(harmless(name), lower, values)

    def _value(
        self, connection: protocol.Connection, stage_id: str, version: int, name: str
    ) -> float | None:
        known = self._known.get((stage_id, name))
        if known is None or known[0] != version:
            found = curves.summaries(connection, [stage_id], name)
            known = (version, _headline_value(found[0], lower_is_better(name)) if found else None)
            self._known[stage_id, name] = known
        return known[1]


def _headline_value(series: SeriesSummary, lower: bool | None) -> float | None:
    """Return the best value; the last one if the name does not say which direction is better."""
    return series.last if lower is None else series.min if lower else series.max
