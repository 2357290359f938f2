"""Waiting for runs to end: a line for each change of state, and the exit code at the end."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from trainui import clock, paths, text
from trainui.cli import output, references
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import ENDED, UNFINISHED, Status
from trainui.errors import NotFoundError, TrainuiError, WaitTimeoutError
from trainui.store import views

POLL = 0.1
"""Seconds between two looks; a look that finds nothing new reads one number."""

WORKER_PATIENCE = 10.0
"""Seconds without a worker after which a person is told."""

HINTS = 3
"""Failed stages whose logs are pointed at."""

_EXIT_CODES = {Status.COMPLETED: 0, Status.CANCELLED: 130, Status.FAILED: 1, Status.INTERRUPTED: 1}


class WaitingStoppedError(TrainuiError):
    """Waiting was stopped with ctrl+c; what was waited for goes on."""

    code = "stopped"
    exit_code = 130


def wait(run_ids: Sequence[str], *, timeout: float | None = None) -> int:
    """Wait until all of these runs are over, and tell of each change on stderr.

    Args:
        run_ids: exact ids.
        timeout: seconds; None: as long as it takes.

    Returns:
        The exit code: that of the worst end.

    Raises:
        WaitTimeoutError: the time is over; the runs go on.
        WaitingStoppedError: a person pressed ctrl+c; the runs go on.
        NotFoundError: a run was deleted meanwhile.
    """
    try:
        with views.reading() as connection:
            watch = _Watch(connection, run_ids, timeout)
            while watch.look():
                time.sleep(POLL)
    except KeyboardInterrupt as error:
        raise WaitingStoppedError(
            f"waiting was stopped, the run goes on; see `trainui show {run_ids[0]}`"
        ) from error
    codes = {_EXIT_CODES[status] for status in watch.ends.values()}
    return 1 if 1 in codes else max(codes, default=0)


def finish(run_id: str, *, as_json: bool, timeout: float | None = None) -> int:
    """Wait for one run, then print it where JSON is wanted; return the exit code."""
    code = wait([run_id], timeout=timeout)
    if as_json:
        output.value(references.in_full(run_id))
    return code


@dataclass(slots=True)
class _Watch:
    """What was seen of the runs so far."""

    connection: sqlite3.Connection
    run_ids: Sequence[str]
    timeout: float | None
    ends: dict[str, Status] = field(default_factory=dict)
    """The runs that are over, each with its state."""
    _started: float = field(default_factory=time.monotonic)
    _version: int | None = None
    _seen: dict[str, tuple[Status, int]] = field(default_factory=dict)
    """Each stage's state and attempt, by id."""
    _told: bool = False

    def look(self) -> bool:
        """Tell of what is new; return whether there is still something to wait for."""
        version = views.data_version(self.connection)
        if version != self._version:
            self._version = version
            for run_id in self.run_ids:
                self._look_at(run_id)
        if len(self.ends) == len(self.run_ids):
            return False
        self._check_time()
        return True

    def _look_at(self, run_id: str) -> None:
        self.connection.execute("BEGIN")
        run = views.run(self.connection, run_id)
        if run is None:
            raise NotFoundError(f"the run {run_id} was deleted")
        states = views.stage_states(self.connection, run_id)
        moved = {stage_id for stage_id, now in states.items() if self._is_news(stage_id, now)}
        stages = views.stages(self.connection, run_id) if moved else []
        self.connection.execute("COMMIT")
        self._seen.update(states)
        for stage in stages:
            if stage.id in moved:
                _tell(stage)
        self.ends.pop(run_id, None)
        if run.status in ENDED:
            self.ends[run_id] = run.status
            output.note(_last_line(run))
            _tell_where_to_look(run, stages)

    def _is_news(self, stage_id: str, now: tuple[Status, int]) -> bool:
        before = self._seen.get(stage_id)
        if before is None:
            return now[0] != Status.PENDING
        # the number of an attempt is news only once it runs: it waited before, too
        return now[0] != before[0] or (now != before and now[0] != Status.QUEUED)

    def _check_time(self) -> None:
        waited = time.monotonic() - self._started
        if self.timeout is not None and waited >= self.timeout:
            raise WaitTimeoutError(
                f"not over after {clock.format_duration(waited)}; "
                f"the run goes on, see `trainui show {self.run_ids[0]}`"
            )
        if not self._told and waited > WORKER_PATIENCE:
            self._told = True
            _tell_of_missing_worker()


def _tell(stage: StageRecord) -> None:
    """Print a stage's new state on a line."""
    words = [_time(stage), f"{text.state(stage.status):<13}", text.harmless(stage.name)]
    if stage.status not in UNFINISHED and stage.started_at and stage.completed_at:
        seconds = (stage.completed_at - stage.started_at) / clock.SECOND
        words.append(f"after {clock.format_duration(seconds)}")
    if stage.attempt > 1:
        words.append(f"(attempt {stage.attempt})")
    if stage.reason:
        words.append(f"- {text.harmless(stage.reason)}")
    output.note("  ".join(words[:2]) + "  " + " ".join(words[2:]))


def _time(stage: StageRecord) -> str:
    if stage.status == Status.RUNNING:
        seen = stage.started_at
    else:
        seen = None if stage.status in UNFINISHED else stage.completed_at
    return clock.to_datetime(seen or clock.now()).astimezone().strftime("%H:%M:%S")


def _last_line(run: RunRecord) -> str:
    line = f"the run {text.harmless(run.name)} is {text.state(run.status)}"
    if run.started_at and run.completed_at:
        seconds = (run.completed_at - run.started_at) / clock.SECOND
        line += f" after {clock.format_duration(seconds)}"
    return f"{line} ({run.id})"


def _tell_where_to_look(run: RunRecord, stages: Sequence[StageRecord]) -> None:
    failed = [stage for stage in stages if stage.status == Status.FAILED]
    for stage in failed[:HINTS]:
        name = shlex.quote(text.harmless(stage.name))
        output.note(f"see `trainui logs {run.id[:8]} {name}`")


def _tell_of_missing_worker() -> None:
    from trainui.execution import locks

    home = paths.home()
    if not (locks.is_held(home.worker_lock) or locks.is_held(home.guard_lock)):
        output.note(
            "no worker runs, so nothing new starts: `trainui worker start`, or see "
            "`trainui worker status`"
        )
