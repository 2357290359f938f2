"""Stalls of running attempts: flagged, and watched by `stalled` alerts.

A stalled attempt is flagged, not stopped: any output counts as activity. For an alert, only the
metrics as they are read give the cadence, and a busy GPU counts, since a long evaluation is not a
stall. Metrics count once they are stored. While the store is locked or its server is down, none
are, and an alert must not stop a stage for that.

The cadence of an attempt is the usual gap between its outputs. It is stalled if it has been silent
for longer than each of: a minute, five times the median of its last hundred gaps, and twice the
longest of them. The last condition allows for occasional evaluations. With fewer than five gaps
between checks, those of the times at which its logs grew count, as the supervisor notes them each
second; else the usual gap is that of its stored points, if there are enough; else there is no
cadence yet, and it is stalled after `stall_after` from its start or last output on. Most hangs
come then: at a rendezvous, the first batch, a download. What its processes write into other files
counts as activity until there is a cadence, since preparations are often mute.

Before a stall is recorded, the stacks of the attempt's processes are taken three times: one that
computes is silent and not stalled. They are kept beside the logs, and their summary is the reason.

There is no log of an adopted process if its output goes to a terminal, and no known source for
metrics in an unknown format. Both show in the state of the files that it has open for writing.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from trainui import clock, formatting, paths, system
from trainui.execution import gpus, stacks
from trainui.execution.planner import host
from trainui.execution.stacks import Stacks
from trainui.metrics.discovery import file_writers
from trainui.model.definition import Alert
from trainui.model.records import AttemptRecord, StageRecord
from trainui.model.states import QUIET_ALERT, Status
from trainui.plugin import Tracker, registry
from trainui.plugin.records import fits
from trainui.record import dataclass
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points
from trainui.store.runs import attempts, stage_requests, stages
from trainui.store.runs.stage_requests import AlertRecord
from trainui.supervisor import protocol
from trainui.supervisor.supervise import Process, descendants, list_processes

logger = logging.getLogger(__name__)

NEVER = float("inf")
"""Seconds: no silence is long enough."""

PAUSE = 60.0
"""Seconds between two checks from which on the machine, the container or the worker was stopped."""

LEAST_SILENCE = 60.0
"""Seconds: a shorter silence is never a stall."""

OF_MEDIAN, OF_LONGEST = 5.0, 2.0
"""A silence is a stall if it is this many times as long as the median of the gaps and as the
longest."""

GAPS = 100
"""Number of gaps kept, so that the cadence is that of the current phase of the training."""

LEAST_GAPS = 5
"""Gaps without which there is no cadence to compare with."""

GRACE = 4.0
"""Seconds that the metrics reader gets to catch up once the store is writable: less than the time
between two checks, so that the next check decides."""

IDLE = 5
"""GPU utilisation in per cent below which a GPU counts as idle."""

STACKS_WITHIN = 9.0
"""Seconds for the stacks of a silent stage; without them it counts as stalled."""

COMPUTES_UNTIL = 2.0
"""Times the silence after which a stage that computed is looked at again."""

AT_ONCE = 8
"""Attempts whose stacks are taken at the same time."""

LEAST_POINTS = LEAST_GAPS + 1
"""Number of points from which on they give a cadence, if checks saw too little activity: that of a
training which has begun, while a few lines of its preparations give none."""


class StallRule:
    """The cadence of one attempt and its limit; all times are seconds on one monotonic clock."""

    def __init__(
        self,
        times: Iterable[float],
        *,
        least_silence: float = LEAST_SILENCE,
        of_median: float = OF_MEDIAN,
        of_longest: float = OF_LONGEST,
        stall_after: float = NEVER,
    ) -> None:
        """Start with the known activity.

        Args:
            times: of the known activity.
            least_silence: seconds; a shorter silence is not a stall.
            of_median: a stall is longer than the median gap times this factor.
            of_longest: and longer than the longest gap times this factor.
            stall_after: seconds; without a cadence, a longer silence is a stall.
        """
        self._stall_after = stall_after
        self._of_median, self._of_longest = of_median, of_longest
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._least_silence = least_silence
        self._last = float("-inf")
        for moment in times:
            self.note(moment)

    def note(self, time: float) -> None:
        """Record activity at a time."""
        if self._last < time and self._last > float("-inf"):
            self._gaps.append(time - self._last)
        self._last = max(self._last, time)

    def prolong(self, time: float) -> None:
        """Record activity at a time that says nothing about the usual gap."""
        self._last = max(self._last, time)

    def skip(self, seconds: float) -> None:
        """Leave out a time in which nothing could be seen."""
        self._last += seconds

    def assume(self, gap: float) -> None:
        """Take a gap as the usual one, besides those that are known."""
        self._gaps.extend([gap] * LEAST_GAPS)

    def silence(self, now: float) -> float:
        """Return the seconds since the last activity."""
        return now - self._last

    @property
    def is_known(self) -> bool:
        """True if there was enough activity to know the usual gap."""
        return len(self._gaps) >= LEAST_GAPS

    @property
    def patience(self) -> float:
        """Seconds of silence after which the attempt counts as stalled."""
        if not self.is_known:
            return self._stall_after
        usual = self._of_median * statistics.median(self._gaps)
        return max(self._least_silence, usual, self._of_longest * max(self._gaps))

    def stalls_after(self, now: float) -> float | None:
        """Return `patience` once the silence is longer than half of it, else None."""
        patience = self.patience
        return patience if patience < NEVER and 2 * self.silence(now) > patience else None

    def is_stalled(self, now: float) -> bool:
        """Return True if the silence is longer than `patience`."""
        return self.silence(now) > self.patience


def process_family(pid: int, processes: list[Process] | None = None) -> set[int]:
    """Return the pids of a process and all below it, among all processes or those given."""
    among = list_processes() if processes is None else processes
    return {pid} | {one.pid for one in descendants({pid}, among, {})}


@dataclass(frozen=True, slots=True)
class Writes:
    """What processes have written so far."""

    files: tuple[int, ...]
    """Sizes and times of the files that they have open for writing; each output changes them.

    Those on remote file systems may not answer: the positions of the processes in them count.
    """
    size: int | None
    """Bytes that they have written themselves; None: the kernel does not say it."""

    @classmethod
    def of(cls, pids: set[int]) -> Writes:
        """Return those of some processes, but not of a tracker's, which also write while idle."""
        pids = {pid for pid in pids if not _is_service(pid)}
        found = set[tuple[int, int]]()
        paths = file_writers.written_by(pids)
        remote = {path for path in paths if system.remote_mount(path)}
        if remote:
            found = {(0, at) for at in file_writers.positions(pids, remote)}
        for path in paths - remote:
            with suppress(OSError):
                status = os.stat(path)  # noqa: PTH116 (many, and names as the kernel gives them)
                found.add((status.st_size, status.st_mtime_ns))
        return cls(tuple(number for pair in sorted(found) for number in pair), _written_bytes(pids))

    def differ(self, before: Writes) -> bool:
        """Return True if the processes have written since then.

        The files alone do not say it: several trainings may write one database.
        """
        return self.files != before.files and (self.size is None or self.size != before.size)


def _is_service(pid: int) -> bool:
    """Return True for a program that writes a tracker's log for a training."""
    with suppress(OSError):
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0]
        name = os.fsdecode(program).rpartition("/")[2]
        return any(fits(name, one.services) for one in registry.records(Tracker))
    return False


def _written_bytes(pids: set[int]) -> int | None:
    counts = list[int]()
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/io").read_text()
        except PermissionError:
            return None
        except OSError:  # it has ended, or this kernel does not count
            continue
        counts.append(int(text.split("wchar:", 1)[1].split(None, 1)[0]))
    return sum(counts) if counts else None


class StallWatch:
    """Checks the running attempts of this host."""

    def __init__(
        self,
        store: Database,
        *,
        least_silence: float = LEAST_SILENCE,
        grace: float = GRACE,
        gpus: Callable[[], Sequence[gpus.Gpu]] = lambda: gpus.query().gpus,
    ) -> None:
        self._store = store
        self._least_silence = least_silence
        self._grace = grace
        self._gpus = gpus
        self._watched: dict[int, Any] = {}
        """By attempt, what a subclass knows of it."""

    def poll(self) -> None:
        """Check all running attempts of this host."""
        with self._store.read() as connection:
            found = attempts.in_state(connection, Status.RUNNING, begun=True)
        running = [one for one in found if one.host == host()]
        ids = {one.id for one in running}
        self._watched = {id_: one for id_, one in self._watched.items() if id_ in ids}
        self._check(running, time.monotonic())

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        raise NotImplementedError


class Stall:
    """Decides when a stall of one attempt, or its end, has to be recorded."""

    is_recorded: bool | None = None
    """True if a stall is on record; None: not known."""

    def __init__(self, store: Database, grace: float) -> None:
        """Start without a stall.

        `grace` is the number of seconds that the metrics reader gets to catch up once the store is
        writable: only then a silence is the stage's own.
        """
        self._store = store
        self._grace = grace
        self._writable_at: float | None = None

    def is_unrecorded(self, *, stalled: bool) -> bool:
        """Return True if the current state has to be recorded.

        Raises:
            StoreError: the store cannot be written.
        """
        if not stalled:
            self._writable_at = None
        elif not self.is_recorded:
            if self._writable_at is None:
                self._store.await_writable()
                self._writable_at = time.monotonic()
            if time.monotonic() - self._writable_at < self._grace:
                return False  # decided at a later check
        return stalled != self.is_recorded


@dataclass(slots=True)
class _WatchedAlert:
    alert: Alert
    rule: StallRule
    stall: Stall
    read: int = 0
    """Bytes of its metric sources that have been read."""
    busy_at: float = float("-inf")
    """Time at which one of its GPUs was last seen busy."""


class StallAlerts(StallWatch):
    """Watches the attempts of this host whose stages have a `stalled` alert."""

    _watched: dict[int, list[_WatchedAlert]]

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        with self._store.read() as connection:
            for attempt in running:
                if attempt.id not in self._watched:
                    alerts = stages.get(connection, attempt.stage_id).definition.alerts
                    stalled = [one for one in alerts if one.condition == "stalled" and one.limit]
                    self._watched[attempt.id] = [self._begin(alert) for alert in stalled]
            offsets = point_sources.offsets(connection) if any(self._watched.values()) else {}
        with_gpus = any(one.gpus and self._watched[one.id] for one in running)
        used = {gpu.index: gpu.utilisation for gpu in self._gpus()} if with_gpus else {}
        for attempt in running:
            busy = any((used.get(index) or 0) >= IDLE for index in attempt.gpus)
            for watched in self._watched[attempt.id]:
                if (read := offsets.get(attempt.stage_id, 0)) != watched.read:
                    watched.read = read
                    watched.rule.note(now)
                watched.busy_at = now if busy else watched.busy_at
                self._judge(attempt, watched, now)

    def _begin(self, alert: Alert) -> _WatchedAlert:
        least = self._least_silence
        rule = StallRule((), least_silence=least, of_median=alert.limit, of_longest=0.0)
        return _WatchedAlert(alert, rule, Stall(self._store, self._grace))

    def _judge(self, attempt: AttemptRecord, watched: _WatchedAlert, now: float) -> None:
        rule = watched.rule
        stalled = rule.is_stalled(now) and now - watched.busy_at > rule.patience
        if not watched.stall.is_unrecorded(stalled=stalled):
            return
        if stalled:
            idle = ", and its GPUs are idle" if attempt.gpus else ""
            words = (
                f"no metric for {formatting.duration(rule.silence(now))}, more than "
                f"{watched.alert.limit:g} times the usual pace{idle}"
            )
            with self._store.write() as connection:
                found = [AlertRecord.of_alert(watched.alert, words)]
                stage_requests.record_alerts(connection, attempt.stage_id, attempt.number, found)
        watched.stall.is_recorded = stalled


@dataclass(slots=True)
class _WatchedAttempt:
    rule: StallRule
    observed: tuple[int, ...]
    """Log sizes and metric offset; activity changes them."""
    stall: Stall
    is_mute: bool = True
    """True until the first activity: an adopted process may only be seen by its use of a GPU."""
    learned_from: tuple[int, ...] = ()
    """The observed values when the stored points were last counted."""
    writer: int | None = None
    """The pid of a stage whose own writes count until it has a cadence."""
    writes: Writes | None = None
    """What it, or an adopted process, had written when it was last looked at."""
    stalls_after: float | None = None
    """The limit of its silence that is on record."""
    look: Future[Stacks | None] | None = None
    """The stacks that are taken of its processes, while it is silent."""
    look_began: float = 0.0
    computes_until: float = float("-inf")
    """It computed when it was looked at, and is not looked at again before this time."""
    reason: str | None = None
    """What its processes were doing, as recorded."""


class StallDetector(StallWatch):
    """Watches all attempts of this host."""

    _watched: dict[int, _WatchedAttempt]

    def __init__(
        self,
        store: Database,
        *,
        stall_after: float = NEVER,
        apart: float = stacks.APART,
        **options: Any,
    ) -> None:
        """Watch with the limit of stages that have none of their own, in seconds.

        `apart`: seconds between two samples of a silent stage's stacks.
        """
        super().__init__(store, **options)
        self._stall_after = stall_after
        self._apart = apart
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="stacks")
        self._checked_at = float("inf")
        self._processes: list[Process] | None = None
        """All of this check, if they were needed."""

    def _check(self, running: Sequence[AttemptRecord], now: float) -> None:
        if (pause := now - self._checked_at) > PAUSE:
            for watched in self._watched.values():
                watched.rule.skip(pause)
        self._checked_at, self._processes = now, None
        started = [one for one in running if one.started_at is not None]
        if not started:
            return
        with self._store.read() as connection:
            offsets = point_sources.offsets(connection)
        for attempt in started:
            is_adopted = attempt.is_external and attempt.pid is not None
            pids = process_family(attempt.pid or 0) if is_adopted else set[int]()
            observed = (*_log_sizes(attempt), offsets.get(attempt.stage_id, 0))
            self._update(attempt, observed, pids, now)

    def _update(
        self, attempt: AttemptRecord, observed: tuple[int, ...], pids: set[int], now: float
    ) -> None:
        watched = self._watched.get(attempt.id)
        if watched is None:
            watched = self._watched[attempt.id] = self._begin(attempt, observed, now)
        has_written = bool(pids) and _has_written(watched, pids)
        if observed != watched.observed or has_written:
            if pids and watched.is_mute:
                # without the gaps between its uses of a GPU
                watched.rule = self._new_rule((), self._limit(attempt))
            watched.observed, watched.is_mute = observed, False
            watched.rule.note(now)
        elif pids and watched.is_mute and self._is_gpu_busy(pids):
            watched.rule.note(now)
        elif not watched.rule.is_known and 2 * watched.rule.silence(now) > self._least_silence:
            self._learn(attempt, watched, now)
        self._note_writes(watched, now)
        if (limit := watched.rule.stalls_after(now)) != watched.stalls_after:
            with self._store.write() as connection:
                stages.set_stalls_after(connection, attempt, limit)
            watched.stalls_after = limit
        self._record(attempt, watched, now)

    def _record(self, attempt: AttemptRecord, watched: _WatchedAttempt, now: float) -> None:
        """Record a stall, its end, or that a silent attempt computes."""
        stalled = watched.rule.is_stalled(now)
        if not stalled:
            watched.look, watched.computes_until = None, float("-inf")
            self._set_reason(attempt, watched, None)
        elif watched.stall.is_recorded:
            if watched.look is not None and watched.look.done():  # later than the stall's record
                look, watched.look = watched.look, None
                if (found := look.result()) is not None and found.summary:
                    self._set_reason(attempt, watched, found.summary)
        else:
            if now < watched.computes_until:
                return
            if watched.look is None:
                watched.look, watched.look_began = self._begin_look(attempt), now
        if not watched.stall.is_unrecorded(stalled=stalled):
            return
        if not stalled:
            with self._store.write() as connection:
                stages.set_stalled(connection, attempt, False, "active again")
            watched.stall.is_recorded = False
        elif (
            watched.look is None or watched.look.done() or now - watched.look_began > STACKS_WITHIN
        ):
            self._record_silence(attempt, watched, now)

    def _record_silence(self, attempt: AttemptRecord, watched: _WatchedAttempt, now: float) -> None:
        found = None
        if watched.look is not None and watched.look.done():
            found, watched.look = watched.look.result(), None
        silence = watched.rule.silence(now)
        usual = ", much longer than usual" if watched.rule.is_known else ""
        words = f"no output for {formatting.duration(silence)}{usual}"
        summary = "" if found is None else found.summary
        if found is not None and found.is_computing:
            is_new = watched.reason is None
            watched.computes_until = now + (COMPUTES_UNTIL - 1.0) * silence
            self._set_reason(attempt, watched, f"silent, computing: {summary}")
            with self._store.write() as connection:
                if watched.stall.is_recorded is None:  # a worker before this one may have
                    stages.set_stalled(connection, attempt, False, "computing")
                if is_new:
                    stages.record_silence(connection, attempt, f"{words}, and computing: {summary}")
            watched.stall.is_recorded = False
            return
        self._set_reason(attempt, watched, summary or None)
        with self._store.write() as connection:
            text = f"{words}: {summary}" if summary else words
            since = clock.now() - int(silence * clock.SECOND)
            if stages.set_stalled(connection, attempt, True, text, since=since):
                self._act(connection, attempt, text)
        watched.stall.is_recorded = True

    def _act(self, connection: Connection, attempt: AttemptRecord, words: str) -> None:
        """Stop or restart a stage that an alert says so of; the stall itself has notified."""
        for alert in stages.get(connection, attempt.stage_id).definition.alerts:
            if alert.condition == "stalled" and not alert.limit:
                mark = replace(AlertRecord.of_alert(alert, words), kind=QUIET_ALERT)
                marks = [mark] if mark.stops else []
                stage_requests.record_alerts(connection, attempt.stage_id, attempt.number, marks)

    def _set_reason(
        self, attempt: AttemptRecord, watched: _WatchedAttempt, reason: str | None
    ) -> None:
        if reason != watched.reason:
            with self._store.write() as connection:
                stages.set_silence(connection, attempt, reason, watched.reason)
            watched.reason = reason

    def _begin_look(self, attempt: AttemptRecord) -> Future[Stacks | None] | None:
        """Begin to take the stacks of an attempt; None: its processes are not here."""
        is_here = attempt.is_external or self._stage(attempt).definition.is_local
        if attempt.pid is None or not is_here:
            return None
        with suppress(RuntimeError):  # the interpreter is ending
            return self._pool.submit(_look, attempt, self._apart)
        return None

    def _is_gpu_busy(self, pids: set[int]) -> bool:
        busy = (gpu for gpu in self._gpus() if (gpu.utilisation or 0) >= IDLE)
        return any(not pids.isdisjoint(gpu.pids) for gpu in busy)

    def _begin(
        self, attempt: AttemptRecord, observed: tuple[int, ...], now: float
    ) -> _WatchedAttempt:
        # an external run started long ago: the time since then is no gap between two outputs
        times = _known_activity(attempt, now) if not attempt.is_external else [now]
        rule = self._new_rule(times, self._limit(attempt))
        watched = _WatchedAttempt(rule, observed, Stall(self._store, self._grace))
        stage = self._stage(attempt)
        watched.stalls_after = stage.stalls_after
        if stage.stalls_after is not None and attempt.cancel_requested_at is None:
            watched.reason = stage.reason  # as an earlier worker has set it
        if stage.definition.is_local and not attempt.is_external:
            watched.writer = attempt.pid
        return watched

    def _stage(self, attempt: AttemptRecord) -> StageRecord:
        with self._store.read() as connection:
            return stages.get(connection, attempt.stage_id)

    def _limit(self, attempt: AttemptRecord) -> float:
        """Return the seconds of silence that are a stall while there is no cadence."""
        if attempt.is_external and attempt.pid is None:
            return NEVER  # its metrics alone are seen, and not what it prints
        own = self._stage(attempt).definition.stall_after
        return (self._stall_after if own is None else own) or NEVER

    def _new_rule(self, times: Iterable[float], limit: float) -> StallRule:
        return StallRule(times, least_silence=self._least_silence, stall_after=limit)

    def _note_writes(self, watched: _WatchedAttempt, now: float) -> None:
        """Count what a stage without a cadence writes, once it has been silent for a while."""
        rule = watched.rule
        if watched.writer is None or rule.is_known or rule.silence(now) < rule.patience / 2:
            return
        if self._processes is None:
            self._processes = list_processes()
        if _has_written(watched, process_family(watched.writer, self._processes)):
            rule.prolong(now)

    def _learn(self, attempt: AttemptRecord, watched: _WatchedAttempt, now: float) -> None:
        """Take the cadence of an attempt that soon fell silent: of its log, else of its points."""
        if watched.learned_from == watched.observed:
            return
        watched.learned_from = watched.observed
        if not attempt.is_external:
            rule = self._new_rule(_known_activity(attempt, now), self._limit(attempt))
            if rule.is_known:
                rule.prolong(now - watched.rule.silence(now))
                watched.rule = rule
                return
        with self._store.read() as connection:
            count = read_points.count_of_attempt(connection, attempt.stage_id, attempt.number)
        if count >= LEAST_POINTS:
            ran = (clock.now() - (attempt.started_at or 0)) / clock.SECOND
            watched.rule.assume(max(0.0, ran - watched.rule.silence(now)) / count)


def _has_written(watched: _WatchedAttempt, pids: set[int]) -> bool:
    """Return True if processes have written since the last look at what they write."""
    before, watched.writes = watched.writes, Writes.of(pids)
    return before is not None and watched.writes.differ(before)


def _look(attempt: AttemptRecord, apart: float) -> Stacks | None:
    """Take the stacks of an attempt, and keep them beside its logs; None if that fails."""
    directory = Path(attempt.directory)
    try:
        found = stacks.take(
            partial(stacks.members, directory, attempt.pid, is_external=attempt.is_external),
            shell_environment.masker(paths.stage_directory(directory).parent),
            samples=stacks.SAMPLES,
            apart=apart,
        )
    except Exception:  # the stall is recorded without them
        logger.exception("%s: its stacks could not be taken", directory)
        return None
    stacks.keep(directory, found)
    return found


def _log_sizes(attempt: AttemptRecord) -> tuple[int, ...]:
    """Return the sizes of an attempt's logs, unless these are links to a remote file system."""
    directory = Path(attempt.directory)
    if attempt.is_external and system.has_remote():
        with suppress(OSError):
            if system.remote_mount(str((directory / protocol.STDOUT_FILE).readlink())):
                return ()
    return protocol.log_sizes(directory)


def _known_activity(attempt: AttemptRecord, now: float) -> list[float]:
    """Return when an attempt started and its logs grew, on the monotonic clock."""
    grown = protocol.last_growths(Path(attempt.directory))
    times = [(attempt.started_at or 0), *(time for time, _, _ in grown)]
    wall = clock.now()
    return [now - max(0, wall - time) / clock.SECOND for time in sorted(times)]
