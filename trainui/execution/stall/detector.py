"""Flags running attempts that are stalled; it does not stop them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainui import clock, formatting, mounts
from trainui.domain.records import AttemptRecord
from trainui.domain.states import Status
from trainui.execution.planner.slots import host
from trainui.execution.stall import adopted_activity
from trainui.execution.stall.cadence import Cadence
from trainui.execution.stall.stall_watch import Silence, StallWatch
from trainui.store.db.engine import raw
from trainui.store.points import curves, sources
from trainui.store.runs import attempt_rows, stages
from trainui.supervisor import journal, protocol

LEAST_POINTS = 20
"""Number of points from which on they give a cadence, if checks saw too little activity."""


@dataclass(slots=True)
class _WatchedAttempt:
    pace: Cadence
    marks: tuple[int, ...]
    """Log sizes and metric offset, and what an adopted process writes; activity changes them."""
    silence: Silence
    is_mute: bool = True
    """True until the first activity: an adopted process may only be seen by its use of a GPU."""
    learned_from: tuple[int, ...] = ()
    """The marks when the stored points were last counted."""
    stalled: bool | None = None
    """The recorded flag; None: not known."""


class StallDetector(StallWatch):
    """Watches all attempts of this host."""

    _watched: dict[int, _WatchedAttempt]

    def _check(self, now: float) -> None:
        with self._store.read() as connection:
            running = [
                one
                for one in attempt_rows.in_state(connection, Status.RUNNING)
                if one.host == host() and one.started_at is not None
            ]
            offsets = sources.offsets(connection) if running else {}
        ids = {one.id for one in running}
        self._watched = {id_: one for id_, one in self._watched.items() if id_ in ids}
        for attempt in running:
            pids = _adopted_processes(attempt)
            marks = (
                *_log_sizes(attempt),
                offsets.get(attempt.stage_id, 0),
                *adopted_activity.written(pids),
            )
            self._look_at(attempt, marks, pids, now)

    def _look_at(
        self, attempt: AttemptRecord, marks: tuple[int, ...], pids: set[int], now: float
    ) -> None:
        watched = self._watched.get(attempt.id)
        if watched is None:
            watched = self._watched[attempt.id] = self._begin(attempt, marks, now)
        if marks != watched.marks:
            if pids and watched.is_mute:
                watched.pace = self._pace(())  # without the gaps between its uses of a GPU
            watched.marks, watched.is_mute = marks, False
            watched.pace.note(now)
        elif pids and watched.is_mute and adopted_activity.uses_gpu(pids, self._gpus()):
            watched.pace.note(now)
        elif not watched.pace.is_known and watched.pace.silence(now) > self._least_silence:
            self._learn(attempt, watched, now)
        stalled = watched.pace.is_stalled(now)
        if stalled != watched.stalled:
            if watched.silence.is_of_the_stage(silent=stalled) != stalled:
                return  # decided at a later check
            self._say(attempt, stalled, watched.pace.silence(now))
            watched.stalled = stalled

    def _begin(self, attempt: AttemptRecord, marks: tuple[int, ...], now: float) -> _WatchedAttempt:
        # an external run started long ago: the time since then is no gap between two outputs
        signs = _known_signs(attempt, now) if attempt.celery_task_id is not None else [now]
        return _WatchedAttempt(self._pace(signs), marks, Silence(self._store, self._look_every))

    def _learn(self, attempt: AttemptRecord, watched: _WatchedAttempt, now: float) -> None:
        """Take the cadence from the stored points of an attempt that soon fell silent."""
        if watched.learned_from == watched.marks:
            return
        watched.learned_from = watched.marks
        with self._store.read() as connection:
            count = curves.count_of_attempt(raw(connection), attempt.stage_id, attempt.number)
        if count >= LEAST_POINTS:
            ran = (clock.now() - (attempt.started_at or 0)) / clock.SECOND
            watched.pace.assume(max(0.0, ran - watched.pace.silence(now)) / count)

    def _pace(self, signs: Sequence[float]) -> Cadence:
        return Cadence(signs, least_silence=self._least_silence)

    def _say(self, attempt: AttemptRecord, stalled: bool, silence: float) -> None:
        words = f"no output for {formatting.duration(silence)}, much longer than usual"
        with self._store.write() as connection:
            stages.set_stalled(connection, attempt, stalled, words if stalled else "active again")


def _log_sizes(attempt: AttemptRecord) -> tuple[int, ...]:
    """Return the sizes of an attempt's logs, unless these are links to a remote file system."""
    directory = Path(attempt.directory)
    if attempt.celery_task_id is None and mounts.has_remote():
        with suppress(OSError):
            if mounts.remote_mount(str((directory / protocol.STDOUT_FILE).readlink())):
                return ()
    return journal.log_sizes(directory)


def _adopted_processes(attempt: AttemptRecord) -> set[int]:
    is_adopted = attempt.celery_task_id is None and attempt.pid is not None
    return adopted_activity.family(attempt.pid or 0) if is_adopted else set()


def _known_signs(attempt: AttemptRecord, now: float) -> list[float]:
    """Return the activity before this worker's first check (start and log growth), on our clock."""
    times = [(attempt.started_at or 0), *journal.last_growths(Path(attempt.directory))]
    wall = clock.now()
    return [now - max(0, wall - time) / clock.SECOND for time in sorted(times)]
