"""Records a warning on running stages if their GPU fails.

The stage is not stopped: its process notices the failure itself, and its end is recorded as usual.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from trainui.execution import nvml
from trainui.execution.slots import host
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, stages

logger = logging.getLogger(__name__)


class GpuHealthMonitor:
    """Checks the GPUs of all attempts running on this host."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reported: set[tuple[int, str]] = set()

    def poll(self) -> None:
        """Check the GPUs in use."""
        with self._store.read() as connection:
            running = attempts.in_state(connection, Status.RUNNING)
        on_gpus = [one for one in running if one.gpus and one.host == host()]
        if on_gpus:
            problems = {gpu.index: gpu.problem for gpu in nvml.query().gpus if gpu.problem}
            for attempt in on_gpus:
                self._report(attempt, problems)

    def _report(self, attempt: AttemptRecord, problems: Mapping[int, str]) -> None:
        for index in attempt.gpus:
            if index not in problems:
                continue
            words = f"GPU {index} {problems[index]}"
            if (attempt.id, words) not in self._reported:
                with self._store.write() as connection:
                    stages.warn(connection, attempt.stage_id, words)
                self._reported.add((attempt.id, words))
                logger.warning("%s: %s", attempt.directory, words)
