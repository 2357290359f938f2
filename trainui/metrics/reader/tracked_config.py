"""Records the configuration that an attempt's trackers wrote, as parameters of its run."""

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


class TrackedConfig:
    """The configuration of one attempt."""

    def __init__(self, store: Store, attempt: AttemptToRead) -> None:
        self._store = store
        self._attempt = attempt
        self._recorded: dict[str, str] = {}

    def record(self, sources: Iterable[SourceFile]) -> None:
        """Store the configuration in some files, unless it is known."""
        definition = self._attempt.definition
        if definition.command is None and definition.task is None:
            return  # an external run, which has its parameters
        stage_dir = Path(self._attempt.stage_dir)
        found = masking.mask(dict(configuration.of_sources(sources, stage_dir)))
        params = {name: str(value) for name, value in found.items()}
        if params and params != self._recorded:
            with self._store.write() as connection:
                tracked_params.record(connection, self._attempt.stage_id, params)
            self._recorded = params
            wakeup.ring()

    def record_summary(self, sources: Iterable[SourceFile]) -> None:
        """Store the summary in some files, which are complete."""
        found = masking.mask(configuration.summary_of_sources(sources))
        if found:
            with self._store.write() as connection:
                tracked_params.record_summary(connection, self._attempt.stage_id, found)
