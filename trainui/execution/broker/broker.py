"""The broker: a Redis or Valkey that is configured, or our own, and never more than one of it.

It is a doorbell, not the truth: whatever it held may be lost.
"""

from __future__ import annotations

import logging
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui import paths
from trainui import settings as settings_module
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError
from trainui.execution.broker import restarts, server_process
from trainui.execution.broker import url as broker_url
from trainui.execution.daemon import desired_state, locks, spawn
from trainui.paths import Home
from trainui.settings import Settings

logger = logging.getLogger("trainui.execution.broker")  # this module also runs as __main__

_ENSURE_PATIENCE = 90.0
"""Seconds: one start that fails at what was stored, and the next."""

_SOCKET_PATIENCE = 10.0
"""Seconds without its socket after which a live server is taken for lost: one starts in 0.1."""

_STOP_GRACE = 4.0
"""Seconds for it to write what it holds; it has at most one second of it unwritten."""

_STATUS_TIMEOUT = 1.0
"""Seconds."""

_SPOILT = re.compile(r"append.?only|\bAOF\b|\bRDB\b", re.IGNORECASE)
_NO_FAULT_OF_IT = re.compile(r"no space left|permission denied|read-only", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that is there."""

    url: str
    """As Celery takes it."""

    kind: str
    """`valkey` or `redis`; of a configured one, what its URL says."""

    pid: int | None
    """Its server's process; None where it is not ours."""


def check(home: Home, settings: Settings) -> None:
    """Look whether a broker can be had at all; nothing is started.

    Raises:
        UsageError: the configured URL is of no use.
        UnfitEnvironmentError: there is no server's program and no URL.
    """
    broker_url.for_celery(home, settings)
    if settings.broker_url is None:
        server_process.find_programs()


def ensure(home: Home, settings: Settings) -> Broker:
    """Start our own broker, unless it runs or another is configured.

    Raises:
        UsageError: the configured URL is of no use.
        UnfitEnvironmentError: there is no server's program, or it does not start.
    """
    if settings.broker_url is not None:
        address = broker_url.for_celery(home, settings)
        return Broker(address, broker_url.kind(settings.broker_url), None)
    programs = server_process.find_programs()
    for directory in (home.root, home.broker, home.worker):
        paths.make_private(directory)
    paths.prepare_socket_directory(home.broker_socket)
    give_up_at = time.monotonic() + _ENSURE_PATIENCE
    while time.monotonic() < give_up_at:
        _start_unless_held(home, programs)
        spawn.wait_until(lambda: _is_settled(home), _SOCKET_PATIENCE)
        if server_process.is_listening(home.broker_socket):
            return _describe(home, settings)
        _end_unreachable(home)
    raise UnfitEnvironmentError(
        f"the broker does not come up; its log is {server_process.log_path(home)}"
    )


def is_alive(home: Home, settings: Settings) -> bool:
    """Whether there is nothing for `ensure` to do, as far as a glance tells; it costs nothing."""
    if settings.broker_url is not None:
        return True
    return home.broker_socket.exists() and locks.is_held(server_process.lock_path(home))


def answers(home: Home, settings: Settings) -> bool:
    """Ask the broker; True also where ours is not there or just starts, which `is_alive` tells."""
    if settings.broker_url is not None:
        return broker_url.ask(broker_url.for_celery(home, settings), _STATUS_TIMEOUT) is not None
    answer = server_process.ask(home.broker_socket, _STATUS_TIMEOUT)
    return answer is not None or server_process.find_pid(home) is None


def end_hanging(home: Home, settings: Settings) -> None:
    """End our own broker, which does not answer: what is due is in the store, and is sent again."""
    pid = server_process.find_pid(home) if settings.broker_url is None else None
    if pid is not None:
        lock = server_process.lock_path(home)
        spawn.end(pid, lambda: not locks.is_held(lock), grace=_STOP_GRACE)


def status(home: Home, settings: Settings) -> dict[str, Any]:
    """Tell about the broker, within two seconds whatever state it is in.

    Returns:
        `{"url", "kind", "pid", "reachable"}`; passwords are masked, and `pid` is None where it is
        not ours or does not run.
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
    """End our own broker; a configured one is left alone. Return whether none of ours runs."""
    lock = server_process.lock_path(home)

    def is_free() -> bool:
        return not locks.is_held(lock)

    # One that is just being started has the lock before it can be told from its starter.
    spawn.wait_until(lambda: is_free() or server_process.find_pid(home) is not None, _STOP_GRACE)
    pid = server_process.find_pid(home)
    if pid is None:
        return is_free()
    return spawn.end(
        pid, lambda: is_free() and server_process.find_pid(home) is None, grace=_STOP_GRACE
    )


def _start_unless_held(home: Home, programs: list[Path]) -> None:
    lock = locks.acquire(server_process.lock_path(home))
    if lock is not None:
        with lock:  # the server goes on holding it
            _start(home, programs, lock)


def _start(home: Home, programs: list[Path], lock: locks.Lock) -> None:
    said: str | None = ""
    kept = _stored(home).exists()
    for program in programs:
        said = server_process.start(home, program, lock)
        if said and _SPOILT.search(said) and not _NO_FAULT_OF_IT.search(said):
            _set_aside(home, said)
            kept = False
            said = server_process.start(home, program, lock)
        if said is None:
            restarts.note(home, kept=kept)
            return
        logger.warning("%s does not start:\n%s", program, said)
    raise UnfitEnvironmentError(
        f"the broker's server does not start; its log is {server_process.log_path(home)}:\n{said}"
    )


def _stored(home: Home) -> Path:
    return home.broker / "appendonlydir"


def _set_aside(home: Home, said: str) -> None:
    """Let the server start with nothing: what is due is in the store, and is sent again."""
    stored = _stored(home)
    if stored.exists():
        aside = stored.with_name(f"{stored.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
        stored.rename(aside)
        logger.warning("what the broker had stored is broken, and is now %s:\n%s", aside, said)


def _is_settled(home: Home) -> bool:
    """Whether its server can be reached, though it may hang; or there is none to wait for."""
    return (
        server_process.is_listening(home.broker_socket)
        or server_process.has_lost_socket(home.broker_socket)
        or not locks.is_held(server_process.lock_path(home))
    )


def _end_unreachable(home: Home) -> None:
    """End a server that lives and cannot be reached: its socket's file was removed."""
    if (pid := server_process.find_pid(home)) is None:
        return  # it has ended, or another process is about to start it
    logger.warning("the broker, pid %d, has lost its socket %s: ended", pid, home.broker_socket)
    lock = server_process.lock_path(home)
    spawn.end(pid, lambda: not locks.is_held(lock), grace=_STOP_GRACE)


def _describe(home: Home, settings: Settings) -> Broker:
    told = _status_of_ours(home, settings)
    return Broker(told["url"], told["kind"], told["pid"])


def _status_of_ours(home: Home, settings: Settings) -> dict[str, Any]:
    answer = server_process.ask(home.broker_socket, _STATUS_TIMEOUT)
    pid = int(answer["process_id"]) if answer and "process_id" in answer else None
    if pid is None and locks.is_held(server_process.lock_path(home)):
        pid = server_process.find_pid(home)
    return {
        "url": broker_url.for_celery(home, settings),
        "kind": server_process.kind(answer) if answer else _guess_kind(pid),
        "pid": pid,
        "reachable": answer is not None,
    }


def _guess_kind(pid: int | None) -> str:
    """Tell the kind of a server that does not answer, or of the one that would be started."""
    try:
        program = Path(f"/proc/{pid}/exe").readlink() if pid else server_process.find_programs()[0]
    except (OSError, UnfitEnvironmentError):
        return "valkey"
    return "valkey" if "valkey" in program.name else "redis"


def main(arguments: list[str]) -> int:
    """Run `ensure` or `stop` for the home that the environment names; return the exit code.

    A broker stays only where the worker is wanted.
    """
    os.umask(0o077)
    spawn.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s broker: %(message)s")
    home, settings = paths.home(), settings_module.load()
    try:
        if arguments == ["ensure"]:
            ensure(home, settings)
            if not desired_state.is_wanted(home):  # whoever asked for it may be gone
                stop(home)
        elif arguments == ["stop"]:
            return 0 if stop(home) else 1
        else:
            raise UsageError(f"unknown: {arguments}; known: ensure, stop")
    except TrainuiError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0
