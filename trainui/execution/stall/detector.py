"""Flags running attempts that are stalled; it does not stop them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainui import clock, formatting, mounts
from trainui.domain.records import AttemptRecord
from trainui.execution.stall import adopted_activity
from trainui.execution.stall.alerts import IDLE
from trainui.execution.stall.stall_rule import StallRule
from trainui.execution.stall.stall_watch import Stall, StallWatch
from trainui.store.points import read_points, sources
from trainui.store.runs import stages
from trainui.supervisor import journal, protocol

LEAST_POINTS = 20
"""Number of points from which on they give a cadence, if checks saw too little activity."""


@dataclass(slots=True)
class _WatchedAttempt:
    rule: StallRule
    observed: tuple[int, ...]
    """Log sizes and metric offset, and what an adopted process writes; activity changes them."""
    stall: Stall
    is_mute: bool = True
    """True until the first activity: an adopted process may only be seen by its use of a GPU."""
    learned_from: tuple[int, ...] = ()
    """The observed values when the stored points were last counted."""


class StallDetector(StallWatch):
    """Watches all attempts of this host."""

    _watched: dict[int, _WatchedAttempt]

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        started = [one for one in running if one.started_at is not None]
        if not started:
            return
        with self._store.read() as connection:
            offsets = sources.offsets(connection)
        for attempt in started:
            is_adopted = attempt.is_external and attempt.pid is not None
            pids = adopted_activity.family(attempt.pid or 0) if is_adopted else set[int]()
            observed = (
                *_log_sizes(attempt),
                offsets.get(attempt.stage_id, 0),
                *adopted_activity.written(pids),
            )
            self._update(attempt, observed, pids, now)

    def _update(
        self, attempt: AttemptRecord, observed: tuple[int, ...], pids: set[int], now: float
    ) -> None:
        watched = self._watched.get(attempt.id)
        if watched is None:
            watched = self._watched[attempt.id] = self._begin(attempt, observed, now)
        if observed != watched.observed:
            if pids and watched.is_mute:
                # without the gaps between its uses of a GPU
                watched.rule = StallRule((), least_silence=self._least_silence)
            watched.observed, watched.is_mute = observed, False
            watched.rule.note(now)
        elif pids and watched.is_mute and self._is_gpu_busy(pids):
            watched.rule.note(now)
        elif not watched.rule.is_known and watched.rule.silence(now) > self._least_silence:
            self._learn(attempt, watched, now)
        stalled = watched.rule.is_stalled(now)
        if watched.stall.is_unrecorded(stalled=stalled):
            silence = formatting.duration(watched.rule.silence(now))
            words = (
                f"no output for {silence}, much longer than usual" if stalled else "active again"
            )
            with self._store.write() as connection:
                stages.set_stalled(connection, attempt, stalled, words)
            watched.stall.is_recorded = stalled

    def _is_gpu_busy(self, pids: set[int]) -> bool:
        busy = (gpu for gpu in self._gpus() if (gpu.utilisation or 0) >= IDLE)
        return any(not pids.isdisjoint(gpu.pids) for gpu in busy)

    def _begin(
        self, attempt: AttemptRecord, observed: tuple[int, ...], now: float
    ) -> _WatchedAttempt:
        # an external run started long ago: the time since then is no gap between two outputs
        times = _known_activity(attempt, now) if not attempt.is_external else [now]
        rule = StallRule(times, least_silence=self._least_silence)
        return _WatchedAttempt(rule, observed, Stall(self._store, self._grace))

    def _learn(self, attempt: AttemptRecord, watched: _WatchedAttempt, now: float) -> None:
        """Take the cadence from the stored points of an attempt that soon fell silent."""
        if watched.learned_from == watched.observed:
            return
        watched.learned_from = watched.observed
        with self._store.read() as connection:
            count = read_points.count_of_attempt(connection, attempt.stage_id, attempt.number)
        if count >= LEAST_POINTS:
            ran = (clock.now() - (attempt.started_at or 0)) / clock.SECOND
            watched.rule.assume(max(0.0, ran - watched.rule.silence(now)) / count)


def _log_sizes(attempt: AttemptRecord) -> tuple[int, ...]:
    """Return the sizes of an attempt's logs, unless these are links to a remote file system."""
    directory = Path(attempt.directory)
    if attempt.is_external and mounts.has_remote():
        with suppress(OSError):
            if mounts.remote_mount(str((directory / protocol.STDOUT_FILE).readlink())):
                return ()
    return journal.log_sizes(directory)


def _known_activity(attempt: AttemptRecord, now: float) -> list[float]:
    """Return the activity before this worker's first check (start and log growth), on our clock."""
    times = [(attempt.started_at or 0), *journal.last_growths(Path(attempt.directory))]
    wall = clock.now()
    return [now - max(0, wall - time) / clock.SECOND for time in sorted(times)]
