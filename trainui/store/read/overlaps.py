"""Attempts of other stages that ran at the same time as a stage's."""

from __future__ import annotations

from typing import NamedTuple

from trainui import clock
from trainui.model.definition import StageDefinition
from trainui.store.db.protocol import Connection
from trainui.store.read import row_mapping

SLACK = clock.SECOND
"""Microseconds by which file times may be wrong."""


class Overlap(NamedTuple):
    """An attempt of another stage."""

    run: str
    """The run's name."""
    stage: str
    """The stage's full name."""
    definition: StageDefinition
    started_at: int
    completed_at: int
    """Now, if it is still running."""
    directory: str = ""
    """The attempt's."""

    @property
    def words(self) -> str:
        """The stage and its run, for messages."""
        return f"{self.stage} of the run {self.run}"

    def may_have_written(self, mtime_ns: int) -> bool:
        """Return True if it ran when a file was written."""
        return self.started_at - SLACK <= mtime_ns // 1000 <= self.completed_at + SLACK


def of_stage(connection: Connection, stage_id: str) -> list[Overlap]:
    """Return the attempts of other stages that overlapped in time with a stage's attempts."""
    now = clock.now()
    found = connection.execute(
        "SELECT DISTINCT runs.name, stages.name, "
        "coalesce(other.definition_json, stages.definition_json), other.started_at, "
        "coalesce(other.completed_at, ?), other.directory FROM attempts AS own "
        "JOIN attempts AS other ON other.stage_id <> own.stage_id "
        "JOIN stages ON stages.id = other.stage_id JOIN runs ON runs.id = stages.run_id "
        "WHERE own.stage_id = ? AND other.started_at < coalesce(own.completed_at, ?) "
        "AND coalesce(other.completed_at, ?) > own.started_at",
        (now, stage_id, now, now),
    )
    return [
        Overlap(run, name, row_mapping.definition(text), *others)
        for run, name, text, *others in found
    ]
