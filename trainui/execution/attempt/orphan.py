"""An attempt whose supervisor is dead: what is due to it, and how its processes are ended.

Its supervisor's rules hold on, and the worker sees to them: its time limits, and that nothing
outlives its own process for long.
"""

from __future__ import annotations

from pathlib import Path

from trainui.execution.attempt.context import AttemptContext, identity_of
from trainui.supervisor import journal, orphans, process
from trainui.supervisor.protocol import ExitReason
from trainui.supervisor.supervise import LEFTOVER_GRACE, NEVER


class Orphan:
    """One such attempt, from when this worker first saw it."""

    def __init__(self, subject: AttemptContext, now: float) -> None:
        """Begin to watch it.

        Args:
            subject: the attempt.
            now: seconds on the monotonic clock.
        """
        self._directory = Path(subject.attempt.directory)
        self._definition = subject.stage.definition
        self._identity = identity_of(subject)
        self._sizes = journal.log_sizes(self._directory)
        self._grown_at = now

    def due(self, now: float) -> ExitReason | None:
        """Tell why it has to be ended now; None: it may go on.

        `exited`: its own process has ended, others are left. A silence that began under the
        supervisor counts from this worker's first look.
        """
        pids = journal.read_pids(self._directory)
        if pids is None:
            return None  # its directory was removed; nothing is known of it
        if not orphans.is_leader_alive(pids):
            return ExitReason.EXITED
        if orphans.age(pids) >= (self._definition.timeout or NEVER):
            return ExitReason.TIMEOUT
        if (sizes := journal.log_sizes(self._directory)) != self._sizes:
            self._sizes, self._grown_at = sizes, now
        if now - self._grown_at >= (self._definition.silence_timeout or NEVER):
            return ExitReason.SILENCE
        return None

    def end(self, reason: ExitReason) -> tuple[int, ...]:
        """End all its processes; return those that outlive even KILL.

        Raises:
            SupervisorLivesError: its supervisor is not dead.
        """
        grace = self._definition.grace
        if reason == ExitReason.EXITED:
            grace = min(grace, LEFTOVER_GRACE)
        stop_signal = self._definition.stop_signal
        return tuple(process.kill_orphans(self._directory, stop_signal, grace, self._identity))
