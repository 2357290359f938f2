"""An orphan: an attempt whose supervisor is dead but whose processes are alive.

The worker decides by the supervisor's rules instead: the time limits, and that no process outlives
the main process for long.
"""

from __future__ import annotations

from pathlib import Path

from trainui.execution.attempt.prepared_process import AttemptContext
from trainui.supervisor import journal, orphans
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import NEVER


class Orphan:
    """An orphaned attempt, from when this worker first saw it."""

    def __init__(self, context: AttemptContext, now: float) -> None:
        """Start watching an orphan."""
        self._directory = Path(context.attempt.directory)
        self._definition = context.stage.definition
        self._sizes = journal.log_sizes(self._directory)
        self._grown_at = now

    def due(self, now: float) -> ExitReason | None:
        """Return why it has to be ended now; None if it may keep running.

        `exited` means that its main process has ended and others are left. A silence that began
        under the supervisor counts from this worker's first check.
        """
        pids = journal.readable_pids(self._directory)
        if pids is None:
            return None  # its records were removed or cannot be read, so nothing is known
        if not orphans.is_leader_alive(pids):
            return ExitReason.EXITED
        if orphans.age(pids) >= (self._definition.timeout or NEVER):
            return ExitReason.TIMEOUT
        if (sizes := journal.log_sizes(self._directory)) != self._sizes:
            self._sizes, self._grown_at = sizes, now
        if now - self._grown_at >= (self._definition.silence_timeout or NEVER):
            return ExitReason.SILENCE
        return None
