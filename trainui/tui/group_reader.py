"""Reads what is told of a matrix as a whole: the headline metric of all its members.

The work of the feed, in its thread. A member that has ended is read once.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.records import SeriesSummary, StageRecord
from trainui.domain.states import ENDED
from trainui.store import curves, driver
from trainui.text import harmless
from trainui.tui.goals import lower_is_better
from trainui.tui.live_reader import headline
from trainui.tui.snapshots import Group


class GroupReader:
    """Reads the best values of members, and remembers those of members that have ended."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], float | None] = {}
        """By a stage's id, its attempt, and the metric."""

    def read(self, connection: driver.Connection, members: Sequence[StageRecord]) -> Group | None:
        """Read what the members have in common; None where none has metrics."""
        names = _names(connection, members)
        name = headline(names)
        if name is None:
            return None
        lower = lower_is_better(name)
        values = {
            stage.name: value
            for stage in members
            if (value := self._value(connection, stage, name, lower)) is not None
        }
        return Group(harmless(name), lower, values)

    def _value(
        self, connection: driver.Connection, stage: StageRecord, name: str, lower: bool | None
    ) -> float | None:
        key = (stage.id, stage.attempt, name)
        if not stage.attempt:
            return None
        if key not in self._known or stage.status not in ENDED:
            found = curves.summaries(connection, [stage.id], name)
            self._known[key] = _telling(found[0], lower) if found else None
        return self._known[key]


def _telling(series: SeriesSummary, lower: bool | None) -> float | None:
    """Return the best value; the last one where the name does not tell what is best."""
    return series.last if lower is None else series.min if lower else series.max


def _names(connection: driver.Connection, members: Sequence[StageRecord]) -> list[str]:
    """Return the names of the metrics of the first member that has any."""
    for stage in members:
        found = connection.execute(
            "SELECT name FROM series WHERE owner = ? ORDER BY id", (stage.id,)
        )
        if names := [str(row[0]) for row in found]:
            return names
    return []
