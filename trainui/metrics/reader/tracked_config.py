"""Records the configuration and the summary that an attempt's trackers wrote, for its run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainui import wakeup
from trainui.metrics.discovery import configuration
from trainui.metrics.discovery.source_file import SourceFile
from trainui.pipeline.substitution import masking
from trainui.store.db.engine import Store
from trainui.store.runs import tracked_params
from trainui.store.runs.metrics_progress import AttemptToRead


def record(store: Store, attempt: AttemptToRead, sources: Iterable[SourceFile]) -> None:
    """Store the configuration in some files as parameters; an external run has them already."""
    if attempt.definition.command is None and attempt.definition.task is None:
        return
    found = masking.mask(dict(configuration.of_sources(sources, Path(attempt.stage_dir))))
    if params := {name: str(value) for name, value in found.items()}:
        with store.write() as connection:
            tracked_params.record(connection, attempt.stage_id, params)
        wakeup.ring()


def record_summary(store: Store, attempt: AttemptToRead, sources: Iterable[SourceFile]) -> None:
    """Store the summary in some files, which are complete."""
    if found := masking.mask(configuration.summary_of_sources(sources)):
        with store.write() as connection:
            tracked_params.record_summary(connection, attempt.stage_id, found)
