"""The broker: a configured Redis or Valkey, or exactly one private server for this home.

It only delivers messages; the state is in the store. Every message may be lost and is sent again.
"""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from trainui import paths
from trainui import settings as settings_module
from trainui.errors import TrainuiError, UnfitEnvironmentError
from trainui.execution.broker import last_start, server_process
from trainui.execution.broker import url as broker_url
from trainui.execution.processes import desired_state, locks, spawn
from trainui.paths import Home
from trainui.settings import Settings

logger = logging.getLogger("trainui.execution.broker")  # this module also runs as __main__

_ENSURE_PATIENCE = 90.0
"""Seconds: enough for one start that fails on damaged data and a second one without it."""

_SOCKET_PATIENCE = 10.0
"""Seconds without a socket after which a live server counts as unreachable; it starts in 0.1 s."""

_STOP_GRACE = 4.0
"""Seconds for the server to save its data before SIGKILL; at most 1 s of it is unsaved."""

_STATUS_TIMEOUT = 1.0
"""Seconds."""

_SPOILT = re.compile(r"append.?only|\bAOF\b|\bRDB\b", re.IGNORECASE)
_NO_FAULT_OF_IT = re.compile(r"no space left|permission denied|read-only", re.IGNORECASE)


def check(home: Home, settings: Settings) -> None:
    """Check that a broker is available, without starting anything.

    Raises:
        UsageError: the configured URL is invalid.
        UnfitEnvironmentError: no server program is installed and no URL is configured.
    """
    broker_url.for_celery(home, settings)
    if settings.broker_url is None:
        server_process.find_programs()


def ensure(home: Home, settings: Settings) -> None:
    """Start our own broker, unless it is running or another one is configured. Idempotent.

    Raises:
        UsageError: the configured URL is invalid.
        UnfitEnvironmentError: no server program is installed, or it does not start.
    """
    if settings.broker_url is not None:
        broker_url.for_celery(home, settings)
        return
    programs = server_process.find_programs()
    for directory in (home.root, home.broker, home.worker):
        paths.make_private(directory)
    paths.prepare_socket_directory(home.broker_socket)
    give_up_at = time.monotonic() + _ENSURE_PATIENCE
    while time.monotonic() < give_up_at:
        if (lock := locks.acquire(server_process.lock_path(home))) is not None:
            with lock:  # the server inherits the lock and keeps it
                _start(home, programs, lock)
        spawn.wait_until(lambda: _is_settled(home), _SOCKET_PATIENCE)
        if server_process.is_listening(home.broker_socket):
            return
        if (pid := server_process.find_pid(home)) is not None:  # its socket file was removed
            _end(home)
            logger.warning(
                "ended the broker, pid %d: its socket %s is gone", pid, home.broker_socket
            )
    raise UnfitEnvironmentError(
        f"the broker did not start; see its log {server_process.log_path(home)}"
    )


def is_alive(home: Home, settings: Settings) -> bool:
    """Return True if `ensure` has nothing to do, judged cheaply by the lock and the socket file."""
    if settings.broker_url is not None:
        return True
    return home.broker_socket.exists() and locks.is_held(server_process.lock_path(home))


def answers(home: Home, settings: Settings) -> bool:
    """Return False if the broker hangs; True also if ours is down or starting (see `is_alive`)."""
    if settings.broker_url is not None:
        return broker_url.ask(broker_url.for_celery(home, settings), _STATUS_TIMEOUT) is not None
    answer = server_process.ask(home.broker_socket, _STATUS_TIMEOUT)
    return answer is not None or server_process.find_pid(home) is None


def end_hanging(home: Home, settings: Settings) -> None:
    """End our own broker if it hangs; pending messages are in the store and are sent again."""
    if settings.broker_url is None:
        _end(home)


def status(home: Home, settings: Settings) -> dict[str, Any]:
    """Return the status of the broker, within two seconds even if it hangs.

    It is `{"url", "kind", "pid", "reachable"}`; passwords are masked, and `pid` is None if the
    broker is not ours or is not running.
    """
    if settings.broker_url is None:
        return _status_of_ours(home, settings)
    answer = broker_url.ask(broker_url.for_celery(home, settings), _STATUS_TIMEOUT)
    configured = settings.broker_url
    return {
        "url": broker_url.mask(configured),
        "kind": server_process.kind(answer) if answer else broker_url.kind(configured),
        "pid": None,
        "reachable": answer is not None,
    }


def stop(home: Home) -> bool:
    """Stop our own broker, never a configured one; return True if ours is not running."""
    # A starting server owns the lock before its process can be distinguished from its parent.
    spawn.wait_until(
        lambda: _is_free(home) or server_process.find_pid(home) is not None, _STOP_GRACE
    )
    return _end(home)


def _is_free(home: Home) -> bool:
    return not locks.is_held(server_process.lock_path(home))


def _end(home: Home) -> bool:
    """End our own server; return True if it is not running."""
    pid = server_process.find_pid(home)
    if pid is None:
        return _is_free(home)

    def is_gone() -> bool:
        return _is_free(home) and server_process.find_pid(home) is None

    return spawn.end(pid, is_gone, grace=_STOP_GRACE)


def _start(home: Home, programs: list[Path], lock: locks.Lock) -> None:
    said: str | None = ""
    stored = home.broker / "appendonlydir"
    kept = stored.exists()
    for program in programs:
        said = server_process.start(home, program, lock)
        if said and _SPOILT.search(said) and not _NO_FAULT_OF_IT.search(said):
            _set_aside(stored, said)
            kept = False
            said = server_process.start(home, program, lock)
        if said is None:
            last_start.note(home, kept=kept)
            return
        logger.warning("%s does not start:\n%s", program, said)
    raise UnfitEnvironmentError(
        f"the broker's server does not start; see its log {server_process.log_path(home)}:\n{said}"
    )


def _set_aside(stored: Path, said: str) -> None:
    """Move damaged broker data aside; pending messages are in the store and are sent again."""
    if stored.exists():
        aside = stored.with_name(f"{stored.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
        stored.rename(aside)
        logger.warning("the broker's data is damaged; moved it to %s:\n%s", aside, said)


def _is_settled(home: Home) -> bool:
    """Return True if the server is listening, is unreachable for good, or is not running."""
    return (
        server_process.is_listening(home.broker_socket)
        or server_process.has_lost_socket(home.broker_socket)
        or _is_free(home)
    )


def _status_of_ours(home: Home, settings: Settings) -> dict[str, Any]:
    answer = server_process.ask(home.broker_socket, _STATUS_TIMEOUT)
    pid = int(answer["process_id"]) if answer and "process_id" in answer else None
    if pid is None and not _is_free(home):
        pid = server_process.find_pid(home)
    return {
        "url": broker_url.for_celery(home, settings),
        "kind": server_process.kind(answer) if answer else _guess_kind(pid),
        "pid": pid,
        "reachable": answer is not None,
    }


def _guess_kind(pid: int | None) -> str:
    """Return the kind of a server that does not answer, or of the one that would be started."""
    try:
        program = Path(f"/proc/{pid}/exe").readlink() if pid else server_process.find_programs()[0]
    except (OSError, UnfitEnvironmentError):
        return "valkey"
    return "valkey" if "valkey" in program.name else "redis"


def main() -> int:
    """Run `ensure` for the home that the environment names; return the exit code.

    The broker is stopped again if the worker is no longer wanted.
    """
    os.umask(0o077)
    spawn.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s broker: %(message)s")
    home, settings = paths.home(), settings_module.load()
    try:
        ensure(home, settings)
        if not desired_state.is_wanted(home):  # the guard may have exited meanwhile
            stop(home)
    except TrainuiError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0
