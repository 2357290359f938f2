"""Health of the background processes: which are down although wanted, why; their notes.

It reads only locks, the desired state and the guard's notes, so no check can hang.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from trainui import clock, formatting, settings, system
from trainui.errors import NotPlainFileError, StoreError
from trainui.execution import broker, processes
from trainui.execution.daemon import metrics_process
from trainui.formatting import signal_name
from trainui.paths import Home, write_private
from trainui.record import dataclass
from trainui.store.db import sqlite_file
from trainui.supervisor.supervise import read_process

logger = logging.getLogger(__name__)

POLL_EVERY = 5.0
"""Seconds between two polls."""

DISCARDED_REPORTED_FOR = 600
"""Seconds for which discarded messages are reported."""

MANY_WAITING = 50
"""Messages in the queue that are worth a word; those of stages are taken at once."""

START_PATIENCE = 15.0
"""Seconds after which a worker that is alive but not ready counts as late."""


# Notes that guard and worker leave in the home: who is silent, who is ready, how the queue is.
#
# The guard polls the broker and the worker, and writes a note while one is silent (`Heartbeat`).
# The worker notes that it accepts tasks and, beside it, the state of its message queue. Each note
# counts only while the process that wrote it is alive.


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """A polled process and its timeout."""

    name: str
    hangs_for: float
    """Seconds without an answer after which the process is ended."""

    def note(self, home: Home) -> Path:
        """Return the file that exists while the process does not answer."""
        return home.worker / f"silent-{self.name}.json"


BROKER_CHECK = HeartbeatCheck("broker", 60.0)
WORKER_CHECK = HeartbeatCheck("worker", 120.0)
"""Longer: several of its services may each wait half a minute for a locked database."""


class Heartbeat:
    """Polls one process and ends it after its timeout."""

    def __init__(
        self,
        home: Home,
        check: HeartbeatCheck,
        answers: Callable[[], bool],
        end: Callable[[], object],
    ) -> None:
        """Start with no known silence.

        `answers` polls it, for a second or two at most; `end` is called when the timeout has passed
        without an answer.
        """
        self._check = check
        self._answers = answers
        self._end = end
        self._due = 0.0
        self._silent_since: float | None = None
        self._note, self._note_file = "", check.note(home)
        self._record_answer()

    def poll(self, now: float) -> None:
        """Poll if a poll is due."""
        if now < self._due:
            return
        self._due = now + POLL_EVERY
        if self._answers():
            self._record_answer()
            return
        if self._silent_since is None:
            self._silent_since = now
            self._note = json.dumps({"since": time.time_ns()})
        if now - self._silent_since >= self._check.hangs_for:
            words = "the %s has not answered for %.0f s: ended"
            logger.warning(words, self._check.name, self._check.hangs_for)
            self._end()
            self._record_answer()
        else:
            write_private(self._note_file, self._note)

    def _record_answer(self) -> None:
        self._silent_since = None
        self._note_file.unlink(missing_ok=True)


def silent_since(home: Home, check: HeartbeatCheck) -> int | None:
    """Return when a process stopped answering, in nanoseconds since 1970; None if it answers.

    None also if the guard, which polls it, is not running.
    """
    note = system.read_object(check.note(home))
    return int(note["since"]) if note and processes.is_held(home.guard_lock) else None


def declare_ready(home: Home, slots: Sequence[dict[str, Any]]) -> None:
    """Announce that this process is the worker and accepts tasks.

    Each slot is `{"kind", "index"}`.
    """
    word = {
        "pid": os.getpid(),
        "host": settings.host(),
        "started_at": clock.to_iso(clock.now()),
        "slots": list(slots),
    }
    write_private(_ready_file(home), json.dumps(word))


def clear_ready(home: Home) -> None:
    """Rename the readiness file: this worker is leaving, or found an earlier worker's file.

    Its time stays known: until then a worker watched the attempts that were running.
    """
    with suppress(FileNotFoundError):
        _ready_file(home).replace(_earlier_file(home))


def touch_ready(home: Home) -> None:
    """Note in the file's time that the worker is alive (`health.last_alive`)."""
    with suppress(OSError):
        os.utime(_ready_file(home))


def last_touched_at(home: Home) -> int:
    """Return when the worker was last noted to be alive, in nanoseconds since 1970; 0: never."""
    looks = [system.look(file) for file in (_ready_file(home), _earlier_file(home))]
    return max((one.st_mtime_ns for one in looks if one is not None), default=0)


def read_ready(home: Home) -> dict[str, Any] | None:
    """Return `{"pid", "host", "started_at", "slots"}` of the ready worker, or None."""
    owner, word = (
        processes.lock_holder(home.worker_lock),
        system.read_object(_ready_file(home)),
    )
    return word if owner and word and word["pid"] == owner else None


def cpu_slots(home: Home) -> int | None:
    """Return how many CPU slots the ready worker has; None if there is none."""
    ready = read_ready(home)
    return None if ready is None else sum(slot["kind"] == "cpu" for slot in ready["slots"])


def last_watched_at(home: Home) -> int:
    """Return until when a worker of before watched the attempts, in microseconds; 0: unknown."""
    if read_ready(home) is None:
        return last_touched_at(home) // 1000
    found = system.look(_earlier_file(home))
    return 0 if found is None else found.st_mtime_ns // 1000


def _ready_file(home: Home) -> Path:
    return home.worker / "ready.json"


def _earlier_file(home: Home) -> Path:
    return home.worker / "earlier-ready.json"


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of the message queue, as the worker saw it last."""

    waiting: int = 0
    """Messages in the queue."""
    discarded: int = 0
    """Messages that were discarded since the worker started, because they are not ours."""
    discarded_at: float = 0.0
    """When the last of these was discarded, in seconds since 1970."""
    refused: str = ""
    """Why the broker refuses new messages; empty: it accepts them."""
    refused_since: float = 0.0
    """Since when, in seconds since 1970."""

    def problems(self) -> list[str]:
        """Return messages about the queue; none if all is well."""
        found = []
        if self.refused:
            found.append(
                f"the broker refuses messages since {_time(self.refused_since)}: {self.refused}; "
                "stages that were granted a slot start once it accepts them again"
            )
        if self.waiting >= MANY_WAITING:
            found.append(f"{self.waiting} messages wait in the queue")
        if time.time() - self.discarded_at < DISCARDED_REPORTED_FOR:
            found.append(
                f"{self.discarded} messages in the queue were not ours and were discarded, the "
                f"last at {_time(self.discarded_at)}: another program writes to this broker"
            )
        return found


def write_queue(home: Home, state: QueueState) -> None:
    """Record the state."""
    write_private(_queue_file(home), json.dumps(asdict(state)))


def read_queue(home: Home) -> QueueState:
    """Return the state that a living worker recorded last."""
    found = system.read_object(_queue_file(home))
    if found is None or not processes.is_held(home.worker_lock):
        return QueueState()
    try:
        return QueueState(**found)
    except TypeError:
        return QueueState()  # of another version


def _time(seconds: float) -> str:
    return formatting.local_time(int(seconds * clock.SECOND), "%H:%M:%S")


def _queue_file(home: Home) -> Path:
    return home.worker / "queue.json"


EXIT_HELD = 75
"""Exit code of a worker if another one of its home is alive."""

EXIT_REFUSED = 76
"""Exit code of a worker that cannot use the database, whose schema is of another version."""


NOTHING_TO_DO = "nothing is lost"
RETRIED = "if it ends again, `trainui worker status` says why"
REPLACED = "the guard replaces it; `trainui doctor` says why"
SEE_LOG = "`trainui worker status` names the log"
START = "`trainui worker start` starts it"
"""Remedies."""


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """Last end of the worker, or of the process that starts the broker, as seen by the guard."""

    pid: int
    code: int
    """Exit code; negative: the signal that killed it."""
    at: int
    """Nanoseconds since 1970."""
    wanted: int
    """Timestamp of the last start request; compared for equality only, never with a clock."""

    def __str__(self) -> str:
        when = _time(self.at / 1e9)
        return f"ended at {when}, {_how(self.code)}"


def note_end(home: Home, name: str, pid: int, code: int) -> None:
    """Record how a child of the guard ended."""
    end = WorkerEnd(pid, code, at=time.time_ns(), wanted=processes.worker_wanted_at(home))
    write_private(_file(home, name), json.dumps(asdict(end)))


def last_end(home: Home, name: str = "worker") -> WorkerEnd | None:
    """Return how it ended since the last start request; None if it did not or nobody saw it."""
    try:
        end = WorkerEnd(**json.loads(system.read_text(_file(home, name))))
    except (OSError, ValueError, TypeError):
        return None
    return end if end.wanted == processes.worker_wanted_at(home) else None


def last_alive(home: Home) -> int:
    """Return when a worker that has ended was last known to be alive, in microseconds.

    That is noted every ten seconds while stages run (`touch_ready`), so that it is known also
    after a power cut.
    """
    end = last_end(home)
    lock = system.look(home.worker_lock)
    noted = (
        last_touched_at(home),
        processes.worker_withdrawn_at(home),
        0 if end is None else end.at,
        0 if lock is None else lock.st_mtime_ns,
    )
    return max(noted) // 1000


class WorkerTrouble(NamedTuple):
    """Why nothing new can start, and what to do about it; both empty: it can."""

    words: str = ""
    remedy: str = ""


def brief(home: Home, database: Path | None) -> WorkerTrouble:
    """Return why nothing new can start; nothing if it can, or if a worker is starting.

    `database` is the SQLite file; None: the database is on a server.
    """
    if database_problem(database):
        return WorkerTrouble("database is missing", "`trainui doctor` says how to restore it")
    if processes.is_held(home.worker_lock):
        if broker.has_died(home):
            return WorkerTrouble("broker died, restarting", NOTHING_TO_DO)
        if hangs(home):
            return WorkerTrouble("worker does not answer", REPLACED)
        if silent_since(home, BROKER_CHECK):
            return WorkerTrouble("broker does not answer", REPLACED)
        if read_queue(home).refused:
            return WorkerTrouble("broker refuses messages", "`trainui worker status` says why")
        return _late(home)
    guarded = processes.is_held(home.guard_lock)
    if not processes.is_worker_wanted(home):
        if guarded:
            return WorkerTrouble()
        if _is_refused(home):
            return WorkerTrouble(
                "database is of another version", "`trainui doctor` says what to do"
            )
        return WorkerTrouble(processes.NO_WORKER, START)
    if not guarded:
        return WorkerTrouble("worker and guard are not running", START)
    end = last_end(home)
    return (
        _late(home)
        if end is None
        else WorkerTrouble(f"worker {_how(end.code)}, restarting", RETRIED)
    )


def database_problem(database: Path | None) -> str | None:
    """Return why the SQLite file cannot be used; None if it can, or if there never was one.

    `database` is None if it is on a server.
    """
    try:
        if database is not None:
            sqlite_file.check_not_lost(database)
    except (NotPlainFileError, StoreError) as error:
        return str(error)
    return None


def _late(home: Home) -> WorkerTrouble:
    """Return that the broker or the worker did not start in time; nothing if they did."""
    end = last_end(home, "broker")
    if end is not None and end.code and not processes.is_held(broker.lock_path(home)):
        return WorkerTrouble(f"broker does not start, {_how(end.code)}", SEE_LOG)
    is_starting = processes.is_held(home.worker_lock) and read_ready(home) is None
    if is_starting and time.time() - home.worker_lock.stat().st_mtime > START_PATIENCE:
        return WorkerTrouble("worker does not start", SEE_LOG)
    return WorkerTrouble()


def problems(home: Home, broker: Mapping[str, Any], *, is_ours: bool = True) -> list[str]:
    """Return messages about processes that are down: which, why, and what happens next.

    `broker` is its status: `{"url", "pid", "reachable"}`; `is_ours`: trainui starts that broker.
    """
    worker, guard = processes.lock_holder(home.worker_lock), processes.lock_holder(home.guard_lock)
    if not processes.is_worker_wanted(home):
        if worker is not None or guard is not None:
            return ["stopping"]
        if _is_refused(home):
            return [f"stopped: the worker {last_end(home)}", *_last_words(home)]
        stopped = "stopped, or ended because it was idle; the next run starts it"
        return [stopped] if processes.worker_withdrawn_at(home) else []
    again = "start it with `trainui worker start`"
    lost = database_problem(sqlite_file.store_file())
    found = [lost] if lost else []
    if guard is None:
        found.append(
            "the guard is not running: it was killed, or the machine was restarted; "
            + (again if worker is None else "the worker restarts it")
        )
    else:
        again = "the guard restarts it"
        if suspended := _suspended(guard):
            found.append(f"the guard {suspended}")
    end = last_end(home)
    if worker is None:
        how = "how it ended is unknown" if end is None else str(end)
        found += [f"the worker is not running: {how}; {again}", *_last_words(home)]
    elif hangs(home):
        words = _suspended(worker) or f"does not respond, pid {worker}"
        found.append(f"the worker {words}; {_replaced(WORKER_CHECK)}")
    elif read_ready(home) is None:
        late = _late(home).words
        logs = f"see {home.guard_log} and {home.worker_log}"
        if late or end is None:
            found.append(f"{late}: {logs}" if late else "the worker is starting")
        else:
            found += [f"the worker is starting again: it {end}", *_last_words(home)]
    return [
        *found,
        *_broker_problems(home, broker, again, is_ours=is_ours),
        *read_queue(home).problems(),
        *_reader_problems(home),
    ]


def _reader_problems(home: Home) -> list[str]:
    words = metrics_process.absence_words(home)
    return [f"{words}; see {home.worker_log}"] if words else []


def _is_refused(home: Home) -> bool:
    """Return True if the last worker ended since it cannot use the database."""
    end = last_end(home)
    return end is not None and end.code == EXIT_REFUSED


def _last_words(home: Home) -> list[str]:
    said = processes.read_tail(home.worker_log, lines=1)
    return [f"last line of the worker's log: {said}"] if said else []


def _broker_problems(
    home: Home, status: Mapping[str, Any], again: str, *, is_ours: bool
) -> list[str]:
    if status["reachable"]:
        restart = broker.recent_restart(home) if is_ours else ""
        return [f"the {restart}"] if restart else []
    if not is_ours:
        words = f"at {status['url']} does not answer"
    elif status["pid"] is None:
        words = f"is not running; {again}"
    else:
        words = f"does not respond, pid {status['pid']}; {_replaced(BROKER_CHECK)}"
    return [f"the broker {words}; nothing is lost"]


def hangs(home: Home) -> bool:
    """Return True if the worker is alive but suspended by a signal or not responding."""
    worker = processes.lock_holder(home.worker_lock)
    if worker is None:
        return False
    is_silent = silent_since(home, WORKER_CHECK) is not None
    return is_silent or _suspended(worker) is not None


def _suspended(pid: int) -> str | None:
    """Return a message if a process is suspended by a signal; else None."""
    found = read_process(pid)
    if found is None or not found.stopped:
        return None
    return f"is suspended by a signal, pid {pid}: resume it with `kill -CONT {pid}`"


def _replaced(asked: HeartbeatCheck) -> str:
    return f"if this lasts {asked.hangs_for:.0f} s, the guard replaces it"


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code} ({signal_name(-code)})"


def _file(home: Home, name: str) -> Path:
    return home.worker / f"ended-{name}.json"
