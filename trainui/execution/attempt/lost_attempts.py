"""Attempts without the worker: those that still run, found without the database, and lost ones.

An attempt is lost if it is recorded as running, but nobody watches it and its processes are gone.
This is the case after a reboot until a worker has run. It is decided by the processes, by pid,
start time and boot, and never by time; of an attempt on another host, by that host's heartbeat.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from trainui import clock, formatting, paths, settings, system
from trainui.execution import processes
from trainui.execution.daemon import health
from trainui.model.definition import DEFAULT_GRACE
from trainui.model.records import LOCAL, Loss, Lost
from trainui.paths import OURS, Home, stage_directory
from trainui.record import dataclass
from trainui.store import hosts
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.read.views import OpenAttempt
from trainui.supervisor import process, protocol, supervise
from trainui.supervisor.process import SUPERVISOR_PATIENCE, Probe, ProbeState, ProcessTable
from trainui.supervisor.protocol import IDENTITY, JournalError

SILENT_AFTER = int(hosts.SILENT_AFTER * clock.SECOND)

PATIENCE = 180.0
"""Seconds for a worker to start, and to read the metrics before it records the ends: a machine that
boots is slow."""

GONE = (ProbeState.LOST, ProbeState.ENDED, ProbeState.REMOVED)
"""States of an attempt that started and has no process left."""

POLL_EVERY = 0.05
"""Seconds between two checks that what was asked to end has ended."""


class LossFinder:
    """Finds lost attempts again and again, at little cost: what is gone stays gone."""

    def __init__(self) -> None:
        self._home = paths.home()
        self._here = settings.host()
        self._is_shared = settings.load().database_url is not None
        self._gone: dict[Path, int] = {}
        """The last signs of life of attempts whose processes are gone, by directory."""

    def is_watched(self) -> bool:
        """Return True if this home's worker lives, or its guard, which is about to start it."""
        return processes.is_held(self._home.worker_lock) or processes.is_held(self._home.guard_lock)

    def find(self, attempts: Sequence[OpenAttempt], heartbeats: Mapping[str, int]) -> Lost:
        """Return which are lost of all the attempts that are recorded as running.

        `heartbeats` has the last one of each host, if hosts share the database (`last_heartbeats`).
        """
        found: dict[str, Loss] = {}
        if not attempts:
            return Lost()
        oldest = clock.now() - SILENT_AFTER
        silent = {host: at for host, at in heartbeats.items() if at <= oldest}
        if not self.is_watched():
            table = ProcessTable()
            last = health.last_alive(self._home)
            since = f" since {formatting.clock_time(last)}" if last else ""
            words = f"no worker{since}; trainui worker start finds out"
            for one in attempts:
                is_here = not self._is_shared or one.host in silent
                if (
                    is_here
                    and self._is_here(one)
                    and (at := self._last_sign(one, table)) is not None
                ):
                    found[one.stage_id] = Loss(one.run_id, at, words)
            if found and self.is_watched():  # a worker that started meanwhile may have ended them
                return Lost()
        for one in attempts:
            if one.host != self._here and (at := silent.get(one.host)) is not None:
                since = formatting.clock_time(at)
                words = f"no heartbeat of {one.host} since {since}; its worker finds out"
                found[one.stage_id] = Loss(one.run_id, at, words, is_elsewhere=True)
        return Lost(found, _lost_runs(found, attempts))

    def _is_here(self, one: OpenAttempt) -> bool:
        """Return True if its processes can be seen from here; a host's name may change."""
        if one.executor != LOCAL:
            return False
        with suppress(JournalError, OSError):
            return one.host == self._here or protocol.is_of_this_boot(one.directory)
        return False

    def _last_sign(self, one: OpenAttempt, table: ProcessTable) -> int | None:
        """Return the last sign of life of an attempt without a process; None if it may have one."""
        if one.directory not in self._gone:
            if not (
                is_dead(one, table) if one.external is None else _is_adopted_dead(one.external)
            ):
                return None
            self._gone[one.directory] = last_sign_of_life(one.directory)
        return self._gone[one.directory]


def is_dead(one: OpenAttempt, table: ProcessTable) -> bool:
    """Return True if an attempt of this host was started and has no process left.

    The next worker starts one that never was.
    """
    values = (one.run_id, one.stage, str(one.number), one.run_directory)
    identity = dict(zip(protocol.IDENTITY, values, strict=True))
    return process.probe(one.directory, identity, table).state in GONE


def _is_adopted_dead(external: Mapping[str, Any]) -> bool:
    """Return True if the process that an external run adopted is gone; False if it has none."""
    if not external.get("pid") or not external.get("boot"):
        return False
    is_this_boot = external["boot"] == supervise.boot_id()
    return not is_this_boot or supervise.start_ticks(external["pid"]) != external.get("ticks")


def last_sign_of_life(attempt_dir: Path) -> int:
    """Return when an attempt ended, else when it was last known to run, in microseconds.

    That is its last write to a file; a mute one ran at least as long as a worker watched it.
    """
    with suppress(JournalError, OSError):
        if (end := protocol.read_exit(attempt_dir)) is not None:
            return end.completed_at
    written = (protocol.STDOUT_FILE, protocol.STDERR_FILE, protocol.METRICS_FILE)
    names = (*written, protocol.TIMES_FILE, protocol.PIDS_FILE)
    looks = [system.look(attempt_dir / name) for name in names]
    times = [one.st_mtime_ns // 1000 for one in looks if one is not None]
    if times and (watched := health.last_watched_at(paths.home())):
        times.append(min(watched, clock.now()))
    return max(times, default=clock.now())


def _lost_runs(stages: Mapping[str, Loss], attempts: Iterable[OpenAttempt]) -> dict[str, Loss]:
    alive = {one.run_id for one in attempts if one.stage_id not in stages}
    found: dict[str, Loss] = {}
    for loss in sorted(stages.values(), key=lambda one: one.at):
        if loss.run_id not in alive:
            found[loss.run_id] = loss
    return found


def find(connection: Connection) -> Lost:
    """Return what is lost in this database."""
    attempts = views.open_attempts(connection)
    return LossFinder().find(attempts, last_heartbeats(connection)) if attempts else Lost()


def last_heartbeats(connection: Connection) -> dict[str, int]:
    """Return the last heartbeat of each host, in microseconds; none if no hosts share it."""
    if settings.load().database_url is None:
        return {}
    now = clock.now()
    return {
        host.name: now - int(host.seconds * clock.SECOND)
        for host in hosts.known(connection).values()
    }


def record(run_ids: Collection[str] | None = None) -> bool:
    """Get the ends of lost attempts recorded, so that a resume finds their stages ended.

    If there are any, start the worker and wait until it has recorded them; return False if it has
    not after a long time.

    Raises:
        UnfitEnvironmentError: a worker cannot be started.
    """

    def are_left() -> bool:
        found = runs()
        return bool(found if run_ids is None else found.intersection(run_ids))

    if not are_left():
        return True
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()
    return processes.wait_until(lambda: not are_left(), PATIENCE)


def runs() -> set[str]:
    """Return the ids of the runs with an attempt of this host whose processes are gone."""
    if not engine.exists():
        return set()
    with engine.reading() as connection:
        ours = [one for one in views.open_attempts(connection) if one.host == settings.host()]
    table = ProcessTable()
    return {one.run_id for one in ours if one.external is None and is_dead(one, table)}


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """An attempt with a live process."""

    directory: Path
    name: str
    """Name of its stage, or of its stage's directory."""
    identity: Mapping[str, str]
    """The variables of its processes; the records alone identify them if it is empty."""
    stop_signal: str = "TERM"
    grace: float = DEFAULT_GRACE

    def look(self) -> Probe:
        """Return the state of its processes."""
        return process.probe(self.directory, self.identity)

    def is_alive(self) -> bool:
        """Return True if one of its processes is alive."""
        return self.look().state in (ProbeState.RUNNING, ProbeState.ORPHAN) or bool(self.pids())

    def pids(self) -> list[int]:
        """Return its living processes, its supervisor left out."""
        return [one.pid for one in process.find_processes(self.directory, self.identity)]

    def end(self) -> None:
        """Ask its supervisor to end it, or kill the orphans of a dead supervisor."""
        if not process.request_stop(self.directory, self.identity):
            process.kill_orphans(self.directory, self.stop_signal, self.grace, self.identity)


def running_of_home(home: Home) -> list[RunningAttempt]:
    """Return the attempts of a home that are running on this host.

    They are those with readable records, and those whose processes carry an attempt's variables,
    whatever became of its records.
    """
    runs = settings.runs_dir(settings.load())
    patterns = (f"*/{OURS}/*/*", f"*/*/{OURS}/*")  # the second: layout of older versions
    files = [sorted(runs.glob(f"{one}/{protocol.PIDS_FILE}")) for one in patterns]
    known: dict[Path, dict[str, str]] = {path.parent: {} for path in chain(*files)}
    for directory, identity in _carried(home, runs):
        known.pop(directory, None)
        known[directory] = identity
    found: dict[object, RunningAttempt] = {}
    for directory, identity in known.items():  # last those carried: a directory may be moved away
        if one := _running_at(directory, identity, home):
            found[frozenset(one.identity.items()) or directory] = one
    return list(found.values())


def end_running(running: Iterable[RunningAttempt]) -> list[RunningAttempt]:
    """End attempts; return those that are still running."""
    left = list(running)
    give_up_at = (
        time.monotonic() + max((one.grace for one in left), default=0.0) + SUPERVISOR_PATIENCE
    )
    while left and time.monotonic() < give_up_at:
        for one in left:
            with suppress(process.SupervisorLivesError):  # asked to stop, or still starting
                one.end()
        time.sleep(POLL_EVERY)
        left = [one for one in left if one.is_alive()]
    return left


def _carried(home: Home, runs: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the directories and variables of attempts by the environments of all processes."""
    for environ in process.environments((*IDENTITY, "TRAINUI_METRICS_FILE")):
        identity = {name: environ[name] for name in IDENTITY}
        run_directory = Path(environ["TRAINUI_RUN_DIR"])
        is_ours = environ.get("TRAINUI_HOME", str(home.root)) == str(home.root)
        if is_ours and run_directory.parent == runs:
            yield Path(environ["TRAINUI_METRICS_FILE"]).parent, identity


def _running_at(directory: Path, carried: Mapping[str, str], home: Home) -> RunningAttempt | None:
    """Return an attempt; None if it has ended, or is of another host or home."""
    name = carried.get("TRAINUI_STAGE") or stage_directory(directory).name
    found = RunningAttempt(directory, name, carried)
    with suppress(JournalError, OSError):
        spec = protocol.read_spec(directory)
        if spec is None and not carried:
            return None
        if spec is not None and spec.revive_lock != str(home.guard_lock):
            return None
        if spec is not None:
            identity = carried or spec.identity
            found = RunningAttempt(directory, name, identity, spec.stop_signal, spec.grace)
    return found if found.is_alive() else None
