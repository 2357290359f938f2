"""The metric files that adopted processes open after they were adopted."""

from __future__ import annotations

from pathlib import Path

from trainui import wakeup
from trainui.domain.definition import MetricSource
from trainui.execution.stall import adopted_activity
from trainui.metrics.discovery import process_files
from trainui.store.db.engine import Store
from trainui.store.points import points
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import RunningStage


def follow(store: Store, stage: RunningStage) -> None:
    """Add the files that an adopted process or one below it has open, if they are new.

    A log that is read since there was nothing else is left as soon as there is, unless it has given
    metrics: these would be mixed.
    """
    opened = process_files.written_by(adopted_activity.family(stage.pid or 0))
    if not (files := {path for path in opened if _is_usual(path)}):
        return
    with store.read() as connection:
        known = external_runs.sources(connection, stage.stage_id)
        new = sorted(files - {one.path for one in known})
        is_read = bool(points.names_by_source(connection, stage.stage_id, 1))
    others = [one for one in known if _is_usual(one.path or "")]
    if not new or (known and not others and is_read):
        return
    with store.write() as connection:
        found = (*others, *(MetricSource(path=path) for path in new))
        external_runs.set_sources(connection, stage.stage_id, found)
    wakeup.ring()


def _is_usual(path: str) -> bool:
    """Return True for a file with metrics for programs, by its name."""
    from trainui.metrics.discovery import default_sources  # imports NumPy

    return path.startswith("/") and default_sources.is_for_programs(Path(path))
