"""Health of the background processes: which ones are down although wanted, and why.

It reads only locks, the desired state and the guard's notes, so no check can hang.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from trainui.errors import NotPlainFileError, StoreError
from trainui.execution import broker_server, locks, processes
from trainui.execution.daemon import metrics_process, notes
from trainui.execution.daemon.notes import HeartbeatCheck
from trainui.formatting import signal_name
from trainui.paths import Home, write_private
from trainui.store.db import sqlite_file
from trainui.supervisor.supervise import read_process
from trainui.system import plain_files

EXIT_HELD = 75
"""Exit code of a worker if another one of its home is alive."""

EXIT_REFUSED = 76
"""Exit code of a worker that cannot use the database, whose schema is of another version."""

START_PATIENCE = 15.0
"""Seconds after which a worker that is alive but not ready counts as late."""

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
        when = time.strftime("%H:%M:%S", time.localtime(self.at / 1e9))
        return f"ended at {when}, {_how(self.code)}"


def note_end(home: Home, name: str, pid: int, code: int) -> None:
    """Record how a child of the guard ended."""
    end = WorkerEnd(pid, code, at=time.time_ns(), wanted=processes.worker_wanted_at(home))
    write_private(_file(home, name), json.dumps(asdict(end)))


def last_end(home: Home, name: str = "worker") -> WorkerEnd | None:
    """Return how it ended since the last start request; None if it did not or nobody saw it."""
    try:
        end = WorkerEnd(**json.loads(plain_files.read_text(_file(home, name))))
    except (OSError, ValueError, TypeError):
        return None
    return end if end.wanted == processes.worker_wanted_at(home) else None


def last_alive(home: Home) -> int:
    """Return when a worker that has ended was last known to be alive, in microseconds.

    That is noted every ten seconds while stages run (`readiness.touch`), so that it is known also
    after a power cut.
    """
    end = last_end(home)
    lock = plain_files.look(home.worker_lock)
    noted = (
        notes.last_touched_at(home),
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
    if locks.is_held(home.worker_lock):
        if broker_server.has_died(home):
            return WorkerTrouble("broker died, restarting", NOTHING_TO_DO)
        if hangs(home):
            return WorkerTrouble("worker does not answer", REPLACED)
        if notes.silent_since(home, notes.BROKER_CHECK):
            return WorkerTrouble("broker does not answer", REPLACED)
        if notes.read_queue(home).refused:
            return WorkerTrouble("broker refuses messages", "`trainui worker status` says why")
        return _late(home)
    guarded = locks.is_held(home.guard_lock)
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
    if end is not None and end.code and not locks.is_held(broker_server.lock_path(home)):
        return WorkerTrouble(f"broker does not start, {_how(end.code)}", SEE_LOG)
    is_starting = locks.is_held(home.worker_lock) and notes.read_ready(home) is None
    if is_starting and time.time() - home.worker_lock.stat().st_mtime > START_PATIENCE:
        return WorkerTrouble("worker does not start", SEE_LOG)
    return WorkerTrouble()


def problems(home: Home, broker: Mapping[str, Any], *, is_ours: bool = True) -> list[str]:
    """Return messages about processes that are down: which, why, and what happens next.

    `broker` is its status: `{"url", "pid", "reachable"}`; `is_ours`: trainui starts that broker.
    """
    worker, guard = locks.holder(home.worker_lock), locks.holder(home.guard_lock)
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
        found.append(f"the worker {words}; {_replaced(notes.WORKER_CHECK)}")
    elif notes.read_ready(home) is None:
        late = _late(home)
        logs = f"see {home.guard_log} and {home.worker_log}"
        if late or end is None:
            found.append(f"{late}: {logs}" if late else "the worker is starting")
        else:
            found += [f"the worker is starting again: it {end}", *_last_words(home)]
    return [
        *found,
        *_broker_problems(home, broker, again, is_ours=is_ours),
        *notes.read_queue(home).problems(),
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
    home: Home, broker: Mapping[str, Any], again: str, *, is_ours: bool
) -> list[str]:
    if broker["reachable"]:
        restart = broker_server.recent_restart(home) if is_ours else ""
        return [f"the {restart}"] if restart else []
    if not is_ours:
        words = f"at {broker['url']} does not answer"
    elif broker["pid"] is None:
        words = f"is not running; {again}"
    else:
        words = f"does not respond, pid {broker['pid']}; {_replaced(notes.BROKER_CHECK)}"
    return [f"the broker {words}; nothing is lost"]


def hangs(home: Home) -> bool:
    """Return True if the worker is alive but suspended by a signal or not responding."""
    worker = locks.holder(home.worker_lock)
    if worker is None:
        return False
    is_silent = notes.silent_since(home, notes.WORKER_CHECK) is not None
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
