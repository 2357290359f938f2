"""Watches the GPUs on which stages run, and tells a stage whose GPU stops working.

The stage goes on: whether it can is for its process to find out, and its end is recorded as any.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from trainui.domain.records import AttemptRecord
from trainui.domain.states import Status
from trainui.execution.gpu import nvml
from trainui.execution.planner.slots import host
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, stages

logger = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds; a look costs some milliseconds on a machine whose GPUs are in use."""


class GpuHealthMonitor:
    """Looks after the GPUs of all attempts that run on this host."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked_at = -LOOK_EVERY
        self._told: set[tuple[int, str]] = set()

    def look(self) -> None:
        """Look at the GPUs in use, where it is time to."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        with self._store.read() as connection:
            running = attempts.in_state(connection, Status.RUNNING)
        on_gpus = [one for one in running if one.gpus and one.host == host()]
        if on_gpus:
            problems = {gpu.index: gpu.problem for gpu in nvml.look().gpus if gpu.problem}
            for attempt in on_gpus:
                self._tell(attempt, problems)

    def _tell(self, attempt: AttemptRecord, problems: Mapping[int, str]) -> None:
        for index in attempt.gpus:
            if index not in problems:
                continue
            words = f"GPU {index} {problems[index]}"
            if (attempt.id, words) not in self._told:
                with self._store.write() as connection:
                    stages.warn(connection, attempt.stage_id, words)
                self._told.add((attempt.id, words))
                logger.warning("%s: %s", attempt.directory, words)
