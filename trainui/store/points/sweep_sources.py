"""Finds the source of a metric in a sweep's other members, which run the same program."""

from __future__ import annotations

from trainui.domain.states import Status
from trainui.store.db.protocol import Connection
from trainui.store.points import sources, write_points
from trainui.store.points.source_record import SourceRecord

_TYPICAL = f"('{Status.RUNNING}', '{Status.COMPLETED}', '{Status.PRUNED}')"
"""A member that failed may have ended before its files had metrics."""


def of_other_members(
    connection: Connection, stage_id: str, group: str, metric: str
) -> list[SourceRecord]:
    """Return the sources with a metric of the member that started last; empty if none has it.

    Args:
        connection: a connection to the store.
        stage_id: the member that is left out.
        group: the sweep's name in the file.
        metric: the metric.
    """
    found = connection.execute(
        "SELECT other.id, other.attempt FROM stages AS own JOIN stages AS other "
        "ON other.run_id = own.run_id AND other.id <> own.id "
        "JOIN series ON series.owner = other.id AND series.name = ? "
        f"WHERE own.id = ? AND substr(other.name, 1, ?) = ? AND other.status IN {_TYPICAL} "
        "ORDER BY other.started_at DESC LIMIT 1",
        (metric, stage_id, len(group) + 1, f"{group}["),
    )
    if (row := found.fetchone()) is None:
        return []
    other, attempt = row
    names = write_points.names_by_source(connection, other, attempt)
    return [one for one in sources.sources(connection, other) if metric in names.get(one.id, ())]
