"""Reads the headline metric of all members of a sweep, in the reader thread."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.headline_metric import headline
from trainui.domain.metric_direction import lower_is_better
from trainui.domain.records import StageRecord
from trainui.store.db import protocol
from trainui.store.read import headlines
from trainui.text import harmless
from trainui.tui.data.snapshot import MatrixDetail
from trainui.tui.data.stage_values import StageValues


class MatrixReader:
    """Reads the values of sweep members, with a cache."""

    def __init__(self) -> None:
        self._values = StageValues()

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
        found = self._values.read(connection, versions, name)
        by_name = {one.name: found[one.id] for one in with_points if one.id in found}
        return MatrixDetail(
            harmless(name),
            lower_is_better(name),
            {stage: value.value for stage, value in by_name.items()},
            frozenset(stage for stage, value in by_name.items() if value.is_broken),
        )
