"""Stores the reasons why sources of an attempt have no metrics or cannot be read, masked."""

from __future__ import annotations

import logging

from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.points import point_sources
from trainui.store.runs.metrics_progress import AttemptToRead

log = logging.getLogger(__name__)


class SourceProblems:
    """The messages on an attempt's sources; one that is stored already is not written again."""

    def __init__(self, store: Database, attempt: AttemptToRead) -> None:
        self._store = store
        self._attempt = attempt
        self._stored: dict[str, str] | None = None
        """By the source's key; None until they are read from the store."""

    def __contains__(self, key: str) -> bool:
        return key in self._read()

    def _read(self) -> dict[str, str]:
        if self._stored is None:
            with self._store.read() as connection:
                found = point_sources.sources(connection, self._attempt.stage_id)
            self._stored = {one.key: one.problem for one in found if one.problem is not None}
        return self._stored

    def reset(self) -> None:
        """Read the stored messages again, since another process may have changed them."""
        self._stored = None

    def set(self, key: str, problem: str | None) -> None:
        """Store a source's problem; None clears it."""
        stored = self._read()
        if problem is not None:
            masker = shell_environment.masker(self._attempt.run_dir)
            problem = masker.text(problem)
        if stored.get(key) == problem:
            return
        with self._store.write() as connection:
            source = point_sources.add_source(
                connection, self._attempt.stage_id, key, attempt=self._attempt.number
            )
            point_sources.set_problem(connection, source.id, problem)
        if problem is None:
            del stored[key]
        else:
            stored[key] = problem
            log.warning("attempt %s: %s", self._attempt.attempt_id, problem)
